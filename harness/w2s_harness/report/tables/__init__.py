"""Columns, notes and legend that the views share."""
