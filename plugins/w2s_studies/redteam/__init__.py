"""The red team: hostile methods run beside honest ones, and what came of each."""
