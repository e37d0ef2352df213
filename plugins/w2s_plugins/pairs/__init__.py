"""Pairs of a weak teacher and a strong student."""
