"""Rows of a setting: checked, split, drawn, cut; texts and gold apart."""
