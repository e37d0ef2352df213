"""A run: plan, works, cells, verdicts, leaderboard."""
