"""The source of others as a tree, and how many lines of it are code."""

from __future__ import annotations

import ast
import functools
import io
import tokenize
import warnings
from pathlib import Path

from w2s_harness.installed import small_files

_NO_CODE = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING,
    tokenize.ENDMARKER,
}  # fmt: skip


def tree(source: str | bytes) -> ast.Module:
    """`ast.parse` without the compiler's warnings: their escapes are not our user's business.

    Raises `SyntaxError` or `ValueError`.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(source)
    except (RecursionError, MemoryError) as bad:
        raise SyntaxError("it is nested too deeply") from bad


def of_file(file: Path) -> ast.Module | None:
    """The tree of a file that others wrote, not to be changed; None where it cannot be read or parsed."""
    try:
        return _of(small_files.read(file))
    except OSError:
        return None


@functools.lru_cache(maxsize=64)
def _of(code: bytes) -> ast.Module | None:
    try:
        return tree(code)
    except (SyntaxError, ValueError):
        return None


def code_lines(source: str) -> int:
    """Lines that are neither blank, comment nor docstring; all that are not blank where it does not parse."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
        documented = _docstrings(tree(source))
    except (SyntaxError, ValueError, tokenize.TokenError, RecursionError, MemoryError):
        return sum(bool(line.strip()) for line in source.splitlines())
    used = {
        line
        for token in tokens
        if token.type not in _NO_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(used - documented)


def _docstrings(module: ast.Module) -> set[int]:
    lines: set[int] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            text = first.value if isinstance(first, ast.Expr) else None
            if first is not None and isinstance(text, ast.Constant) and isinstance(text.value, str):
                lines.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return lines
