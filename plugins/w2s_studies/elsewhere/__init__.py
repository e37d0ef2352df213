"""Methods and results of others: rows exported, results imported."""
