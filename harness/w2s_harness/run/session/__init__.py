"""One run from its plan to its leaderboard, and what it will cost."""
