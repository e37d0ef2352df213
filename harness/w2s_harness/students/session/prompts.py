"""How long the prompts of a request are, known and charged before one of them is built.

A template repeats a row's text and shots stand before every row, so a short request can ask for gigabytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from w2s_harness.contract.errors import WorkerError
from w2s_harness.contract.kinds import Kind
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.students.lm.text import SEPARATOR
from w2s_harness.students.lm.zero_shot import BETWEEN_SHOTS, COLUMNS, LITERAL, Template
from w2s_harness.students.meter import Account

PER_TOKEN = 16
"""Characters for each token of the context that template, shots and note may add to a row's own text: several
times what any context holds, since what is over it is cut off."""
MOST_ADDED = 2**27
"""Characters that they may add to all rows of one request together."""
_USUAL, _LEAST = 4, 64
"""Characters of a token: as a rule, which is charged before, and at the most, below which no charge falls."""


@dataclass(frozen=True, slots=True)
class Prompts:
    """The prompts of one request."""

    template: Template
    rows: Sequence[TextRow]
    """(n)"""
    kind: Kind
    shots: Sequence[tuple[TextRow, float]] = ()
    notes: Sequence[str] | None = None
    """(n) or None."""

    def charge(self, context: int, account: Account) -> Callable[[int], None]:
        """Charge the reading of all prompts by their length, before any is built.

        The answer is to be told the tokens that were read, which are charged in its place; not less than what
        tokenising so many characters is worth. Raises `WorkerError` for prompts over the limits,
        `BudgetError` where it is more than is left.
        """
        tokens, least = self.tokens(context)
        settle = account.advance(max(tokens, least))
        return lambda read: settle(max(read, least))

    def tokens(self, context: int) -> tuple[int, int]:
        """Tokens to read, judged by length, and how few may be charged whatever they come to.

        Raises `WorkerError` for prompts over the limits.
        """
        before, room = self._before(), PER_TOKEN * context
        added, tokens, characters = before, 0, before
        longest = before
        for own, length in zip(self._own(), self._lengths(), strict=True):
            longest, added = max(longest, before + length - own), added + before + length - own
            characters += before + length
            tokens += min(context, -(-(before + length) // _USUAL))
        if longest > room:
            raise WorkerError(_too_long(longest, "a prompt", f"{room} for a context of {context} tokens"))
        if added > MOST_ADDED:
            raise WorkerError(_too_long(added, "the prompts of one request", f"{MOST_ADDED} allowed"))
        return tokens, max(1, characters // _LEAST)

    def _before(self) -> int:
        """Characters of the shots."""
        literals, total = _Literals(self.template.text), 0
        for row, label in self.shots:
            if self.template.kind == "answer":
                word = self.template.yes if label > 0.5 else self.template.no
                total += literals.length(row, None) + len(word)
            else:
                total += max(_responses(row, self.kind)) + len(row.prompt) + len(SEPARATOR)
        return total + len(self.shots) * len(BETWEEN_SHOTS)

    def _lengths(self) -> Iterator[int]:
        """Characters of each row's own prompt, after the shots; a preference's two likelihoods are two."""
        if self.template.kind == "likelihood":
            yield from self._own()
            return
        literals = _Literals(self.template.text)
        notes: Sequence[str | None] = [None] * len(self.rows) if self.notes is None else self.notes
        word = max(len(self.template.yes), len(self.template.no))
        for row, note in zip(self.rows, notes, strict=True):
            yield literals.length(row, note) + word

    def _own(self) -> Iterator[int]:
        """Characters of each row's own text."""
        for row in self.rows:
            yield sum(len(row.prompt) + len(SEPARATOR) + n for n in _responses(row, self.kind))


class _Literals:
    """A template's text as numbers."""

    def __init__(self, text: str) -> None:
        self._plain, self._counts = len(LITERAL.sub("", text)), Counter(LITERAL.findall(text))

    def length(self, row: TextRow, note: str | None) -> int:
        """Characters of the template with the row's text in it."""
        noted = self._counts["note"] * len("{note}" if note is None else note)
        shown = (self._counts[name] * len(getattr(row, column) or "") for name, column in COLUMNS.items())
        return self._plain + noted + sum(shown)


def _responses(row: TextRow, kind: Kind) -> tuple[int, ...]:
    return tuple(len(response or "") for response in kind.responses(row))


def _too_long(characters: int, what: str, allowed: str) -> str:
    return (
        f"template, shots and notes add {characters} characters to {what}, over the {allowed}; "
        "use a shorter template, fewer shots or fewer rows"
    )
