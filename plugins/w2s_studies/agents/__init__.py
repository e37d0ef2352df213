"""Automated researchers: agents that write methods, and the host that measures what they wrote."""
