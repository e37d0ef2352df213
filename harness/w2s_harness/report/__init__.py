"""The leaderboard: its document, its canonical bytes and its views."""
