"""Rows for a method that runs elsewhere, without a label."""
