"""A cell's worker: what it is told, sent and asked."""
