"""Results of others as a leaderboard: readers of their files, and what our statistics make of them."""
