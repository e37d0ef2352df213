"""Models: reading, probing, training and serving them; the trusted side of a student."""
