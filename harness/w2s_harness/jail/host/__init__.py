"""The host's end of the jail: starting, watching and reading a worker."""
