"""Files of the user's, read strictly into examples."""
