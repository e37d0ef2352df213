"""How alike two sources are, whatever their names, comments and constants."""

from __future__ import annotations

import re
from collections import Counter

from w2s_harness.discovery.normal_form import normal_form

Runs = Counter[tuple[str, ...]]
"""How often each run of words stands in a normal form."""
_RUN = 4
"""Words in a row that are compared."""


def normalised(source: str) -> str:
    """Source as it is compared: names, docstrings, comments, constants and order of definitions gone."""
    return normal_form(source)


def similarity(a: str, b: str) -> float:
    """How alike two sources are, in [0, 1]: the share of runs of 4 words that their normal forms share.

    2 |A and B| / (|A| + |B|) over multisets (Dice 1945); 1 for equal normal forms.
    """
    return alike(runs(normalised(a)), runs(normalised(b)))


def runs(form: str) -> Runs:
    """The runs of 4 words of a normal form."""
    found: Runs = Counter()
    for line in form.splitlines():
        words = re.findall(r"\w+(?:\.\w+)*", line)
        found.update(tuple(words[i : i + _RUN]) for i in range(max(1, len(words) - _RUN + 1)))
    return found


def alike(a: Runs, b: Runs) -> float:
    """`similarity` of two normal forms by their runs."""
    total = a.total() + b.total()
    return 2 * (a & b).total() / total if total else 1.0
