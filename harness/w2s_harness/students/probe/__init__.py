"""Linear probes on features: fits, targets, weights, the choice of a strength."""
