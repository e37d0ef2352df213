"""What a service keeps between requests: rows, splits, rungs."""
