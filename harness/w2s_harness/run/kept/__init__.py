"""What a store keeps: results, runs, attempts, sign-offs, its secret."""
