"""From results to the rows of a leaderboard."""
