"""Methods that w2s-harness ships, one a file; each is loaded in a worker, as anybody's is."""
