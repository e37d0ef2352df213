"""Differences, ranks, claims' p values, power."""
