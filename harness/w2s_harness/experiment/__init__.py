"""A run: plan, stages, store, cells, leaderboard."""
