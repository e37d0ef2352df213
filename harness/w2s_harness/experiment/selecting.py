"""Which cells `-k` and `--lf` leave."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable

from w2s_harness.errors import UsageError


def matches_expression(text: str) -> Callable[[str], bool]:
    """A `-k` expression in pytest's manner: words or globs joined by `and`, `or`, `not`, parentheses.

    Raises `UsageError` for an expression that does not parse.
    """
    tokens = text.replace("(", " ( ").replace(")", " ) ").split()
    rest = _Expression(tokens, text)
    tree = rest.disjunction()
    if rest.tokens:
        raise UsageError(f"-k '{text}': '{rest.tokens[0]}' is out of place")
    return tree


class _Expression:
    """Recursive descent: or < and < not < word."""

    def __init__(self, tokens: list[str], text: str) -> None:
        self.tokens = tokens
        self.text = text

    def disjunction(self) -> Callable[[str], bool]:
        parts = [self.conjunction()]
        while self.tokens and self.tokens[0] == "or":
            self.tokens.pop(0)
            parts.append(self.conjunction())
        return lambda cell: any(part(cell) for part in parts)

    def conjunction(self) -> Callable[[str], bool]:
        parts = [self.term()]
        while self.tokens and self.tokens[0] == "and":
            self.tokens.pop(0)
            parts.append(self.term())
        return lambda cell: all(part(cell) for part in parts)

    def term(self) -> Callable[[str], bool]:
        if not self.tokens or self.tokens[0] in ("and", "or", ")"):
            raise UsageError(f"-k '{self.text}': a name is missing")
        token = self.tokens.pop(0)
        if token == "not":
            inner = self.term()
            return lambda cell: not inner(cell)
        if token == "(":
            inner = self.disjunction()
            if not self.tokens or self.tokens.pop(0) != ")":
                raise UsageError(f"-k '{self.text}': a closing parenthesis is missing")
            return inner
        return lambda cell: token in cell or fnmatch.fnmatch(cell, token)
