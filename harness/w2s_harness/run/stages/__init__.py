"""The works that all methods of a setting share, one kind of them a module or two."""
