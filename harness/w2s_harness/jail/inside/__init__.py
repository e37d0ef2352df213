"""What runs in the jail: the zygote, the worker, the import of a method."""
