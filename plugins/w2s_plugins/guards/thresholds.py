"""Guards' settings that are numbers: what the user says, over a guard's defaults."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from w2s_harness import UsageError


def thresholds(
    name: str, defaults: Mapping[str, float], given: Mapping[str, Any], *, or_zero: bool = False
) -> dict[str, float]:
    """`defaults` of the guard `name` with what is `given` instead.

    Raises `UsageError` for another key, and for what is no finite number above 0 (or, with `or_zero`, below).
    """
    for key, value in given.items():
        if key not in defaults:
            raise UsageError(f"guard '{name}': no setting is called '{key}'. It has {', '.join(defaults)}.")
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not is_number or value < 0 or (value == 0 and not or_zero):
            wanted = "a number from 0 up" if or_zero else "a number above 0"
            raise UsageError(f"guard '{name}': {key} is {wanted}, not {value!r}.")
    return {**defaults, **given}
