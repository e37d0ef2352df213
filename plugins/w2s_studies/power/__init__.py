"""How many seeds and rows a difference needs."""
