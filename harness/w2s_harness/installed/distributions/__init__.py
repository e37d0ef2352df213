"""Files of a distribution and what its metadata says of them."""
