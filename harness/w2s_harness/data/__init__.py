"""Data: files read strictly, rows validated early, and what of them is released."""
