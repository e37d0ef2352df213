"""How a path, a name or a value from a data file looks inside a one-line error."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice

from w2s_harness.contract.errors import nearest

_LONGEST = 60
_MOST = 1000


def quoted(name: str) -> str:
    """A name from a file in quotes, cut and escaped so that it cannot break the line."""
    text = name if len(name) <= _LONGEST else name[:_LONGEST] + "..."
    return repr(text) if text.isprintable() else ascii(text)


def described(value: object) -> str:
    """A value from a file: scalars as JSON writes them, cut; a list or an object by its type."""
    if isinstance(value, str):
        return json.dumps(value if len(value) <= _LONGEST else value[:_LONGEST] + "...")
    if value is None or isinstance(value, bool | int | float):
        text = json.dumps(value)
        return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
    # never repr(): a list that is nested deeply enough would exhaust the stack
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    kind = type(value)
    return f"a {kind.__name__}" if kind.__module__ == "builtins" else f"a {kind.__module__}.{kind.__name__}"


def hint(name: str, known: Iterable[str]) -> str:
    """The near-name hint of `errors.nearest`, from the first names that can stand in one short line."""
    # comparing with each of the million columns that one line can hold would take minutes
    return nearest(name, [k for k in islice(known, _MOST) if k.isprintable() and len(k) <= _LONGEST])
