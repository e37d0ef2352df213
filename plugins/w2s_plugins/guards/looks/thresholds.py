"""Guards' settings that are numbers: what the user says, over a guard's defaults."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from w2s_harness import UsageError


def thresholds(
    name: str,
    defaults: Mapping[str, float],
    given: Mapping[str, Any],
    *,
    or_zero: bool = False,
    shares: Collection[str] = (),
) -> dict[str, float]:
    """`defaults` of the guard `name` with what is `given` instead.

    Raises `UsageError` for another key, for what is no finite number above 0 (or, with `or_zero`, below), and
    for one of the `shares` that is not within 0 and 1.
    """
    for key, value in given.items():
        if key not in defaults:
            raise UsageError(f"guard '{name}': no setting is called '{key}'. It has {', '.join(defaults)}.")
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        most = 1.0 if key in shares else math.inf
        if not is_number or not 0 <= value <= most or (value == 0 and not or_zero):
            number = "a number from 0 up" if or_zero else "a number above 0"
            wanted = "a share from 0 to 1" if key in shares else number
            raise UsageError(f"guard '{name}': {key} is {wanted}, not {value!r}.")
    return {**defaults, **{key: float(value) for key, value in given.items()}}
