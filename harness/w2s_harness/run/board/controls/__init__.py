"""Controls of a setting, and what they decide."""
