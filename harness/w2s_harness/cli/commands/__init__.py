"""The core's commands, one module each."""
