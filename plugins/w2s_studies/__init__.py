"""Studies on top of the harness: agents, review, red team, results from elsewhere, power."""
