"""What is installed, read from metadata alone; and the loading of what a plan names."""
