"""A task on a pair, prepared: what works are given of it."""
