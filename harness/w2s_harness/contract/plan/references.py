"""The plugins that the harness knows by name: what rows are compared with, and who checks their source."""

VANILLA = "vanilla"
"""The method that every row is compared with."""
ZERO_SHOT = "zero-shot"
"""The method that trains nothing: a claim of weak supervision must beat it."""
PROVENANCE = "provenance"
"""The guard in whose name a source that cannot be read again is reported."""
