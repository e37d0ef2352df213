"""A student's requests within one cell, each checked, charged and answered."""
