"""Trusted plugins: imported, checked, registered."""
