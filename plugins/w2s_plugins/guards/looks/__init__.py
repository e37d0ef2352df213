"""What guards look at, and how: files, targets, predictions, settings."""
