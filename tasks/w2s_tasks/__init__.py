"""The tasks that w2s-harness ships: generated from a seed, offline."""
