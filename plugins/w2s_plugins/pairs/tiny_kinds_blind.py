"""The pair of `kinds:teacher=blind`: a weak teacher that never read of one attribute; the same student.

`scripts/tiny_pair/make_kinds.py` made it.
"""

from __future__ import annotations

from w2s_harness import Pair, hookimpl
from w2s_plugins.pairs.tiny_kinds import taught_by


@hookimpl
def w2s_pairs() -> list[Pair]:
    """Offer the pair `tiny-kinds-blind`."""
    return [taught_by("blind", "tiny-kinds-blind")]
