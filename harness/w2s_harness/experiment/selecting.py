"""Which cells `-k` and `--lf` leave."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Sequence

from w2s_harness.errors import UsageError

_MAX_LEVELS = 50
_MAX_WORDS = 10_000


def matches_expression(text: str) -> Callable[[str], bool]:
    """A `-k` expression in pytest's manner: words or globs joined by `and`, `or`, `not`, parentheses.

    Raises `UsageError` for an expression that does not parse, or is longer or deeper than one is written.
    """
    tokens = text.replace("(", " ( ").replace(")", " ) ").split()
    if len(tokens) > _MAX_WORDS:
        raise UsageError(f"-k '{_shown(text)}': {len(tokens)} words; at most {_MAX_WORDS:,} are read")
    rest = _Expression(tokens, _shown(text))
    tree = rest.disjunction()
    if rest.at < len(tokens):
        raise UsageError(f"-k '{_shown(text)}': '{tokens[rest.at]}' is out of place")
    return tree


def _shown(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


class _Expression:
    """Recursive descent: or < and < not < word."""

    def __init__(self, tokens: Sequence[str], text: str) -> None:
        self.tokens = tokens
        self.text = text
        self.at = self.level = 0

    def disjunction(self) -> Callable[[str], bool]:
        parts = [self.conjunction()]
        while self.takes("or"):
            parts.append(self.conjunction())
        return lambda cell: any(part(cell) for part in parts)

    def conjunction(self) -> Callable[[str], bool]:
        parts = [self.term()]
        while self.takes("and"):
            parts.append(self.term())
        return lambda cell: all(part(cell) for part in parts)

    def takes(self, token: str) -> bool:
        """Whether `token` comes next; then it is read."""
        found = self.tokens[self.at : self.at + 1] == [token]
        self.at += found
        return found

    def term(self) -> Callable[[str], bool]:
        if self.at == len(self.tokens) or self.tokens[self.at] in ("and", "or", ")"):
            raise UsageError(f"-k '{self.text}': a name is missing")
        token = self.tokens[self.at]
        self.at += 1
        if token not in ("not", "("):
            return lambda cell: token in cell or fnmatch.fnmatch(cell, token)
        self.level += 1
        if self.level > _MAX_LEVELS:
            raise UsageError(
                f"-k '{self.text}': 'not' and '(' are nested more than {_MAX_LEVELS} deep. Write it flat."
            )
        inner = self.disjunction() if token == "(" else self.term()
        self.level -= 1
        if token == "not":
            return lambda cell: not inner(cell)
        if not self.takes(")"):
            raise UsageError(f"-k '{self.text}': a closing parenthesis is missing")
        return inner
