"""Reading the source of others as a tree: what Python thinks of their escapes is not our user's business."""

from __future__ import annotations

import ast
import warnings


def tree(source: str | bytes) -> ast.Module:
    """`ast.parse` without the warnings of the compiler. Raises `SyntaxError` or `ValueError`."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(source)
    except (RecursionError, MemoryError) as bad:
        raise SyntaxError("it is nested too deeply") from bad
