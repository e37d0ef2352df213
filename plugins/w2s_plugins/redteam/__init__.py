"""Hostile methods, one file a family: `w2s-harness redteam` runs them, guards are measured by them."""
