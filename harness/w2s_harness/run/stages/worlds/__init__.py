"""The teacher replaced: echo, decoy and null, on the shared side."""
