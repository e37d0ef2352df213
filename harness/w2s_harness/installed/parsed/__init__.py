"""What a module's text says, without importing it."""
