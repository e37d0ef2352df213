"""What a parameter of a method may be: JSON, which names and keys are made of, knows no infinity.

So a float that is not finite is told by its name from the worker on, and turned back in the worker alone.
"""

from __future__ import annotations

import math
from typing import Any

Value = bool | int | float | str

NOT_FINITE = ("inf", "-inf", "nan")
"""How a float that is no JSON number is told."""
LARGEST = 2**63
"""Whole numbers lie within it."""
LONGEST = 1000
"""Characters of a text."""


def told(value: Value) -> Value:
    """A value as JSON can hold it: `inf` as the text `"inf"`."""
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value


def meant(kind: str, value: Value) -> Value:
    """The value that a method is given for what was told."""
    return float(value) if kind == "float" and value in NOT_FINITE else value


def problem(kind: str, value: Any) -> str:
    """What is wrong with a value as it is told, or an empty string."""
    if kind == "float" and isinstance(value, str) and value in NOT_FINITE:
        return ""
    if type(value).__name__ != kind:
        return f"is of type {type(value).__name__}, not {kind}"
    if kind == "int" and not -LARGEST <= value < LARGEST:
        return "is beyond 64 bits"
    if kind == "float" and not math.isfinite(value):
        return "is not finite"
    if kind == "str" and len(value) > LONGEST:
        return f"is longer than {LONGEST:,} characters"
    if kind == "str" and any("\ud800" <= char <= "\udfff" for char in value):
        return "is no text: UTF-8 cannot hold it"
    return ""
