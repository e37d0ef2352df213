"""The process that holds a model, and the host's end of it."""
