"""What a row of a task holds and what follows from it: one frozen value for each kind of row.

Whoever needs to know asks the kind (`kind.responses(row)`, `kind.is_paired`, `kind.averaged(...)`); nobody
compares its name, which is all that travels: in a task's class, in messages, files and leaderboards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

KindName = Literal["verify", "preference"]
"""What a row holds: one candidate, or two responses."""
_Array = TypeVar("_Array", bound=Any)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of row: what it holds, how it reads, and what its label, its scores and its swap mean."""

    name: KindName
    columns: tuple[str, ...]
    """The columns of a row that hold its responses; those of other kinds are None in it."""
    classes: int = 2
    """How many labels a row can have."""
    means: str
    """What the label 1 says of a row."""
    is_paired: bool
    """Whether the responses stand in an order of no meaning. Swapped, P becomes 1 - P and a margin its
    negative, and a learner's score must do so too: it is one response's minus the other's."""
    has_bias: bool
    """Whether scores have no zero of their own: it is learnt as a bias, or set by the balance of the classes.
    A comparison has one, where neither response is better."""
    can_be_true: bool
    """Whether a row is right or wrong by itself: a task can state the share of true rows, a candidate comes
    to an answer, and "correct" can stand after it."""
    published: tuple[tuple[str, str], ...]
    """(field, column) of the published layout of data files."""
    label_words: tuple[tuple[bool | str, bool], ...]
    """What a label can be called in a data file beside 0 and 1."""
    label_forms: str
    """All that a label can be, for a message."""
    literals: tuple[tuple[str, ...], ...]
    """For each of `columns` the names that stand for it, in braces, in a prompt's template."""
    pieces: tuple[str, ...]
    """A row as a prompt shows it, piece by piece, with literals for its texts."""
    gap: str
    """What stands between the pieces of a prompt."""
    them: str
    """The responses that a prompt has shown, as it goes on to speak of them."""
    asks: str
    """The question that a prompt asks of them."""

    @property
    def prediction(self) -> str:
        """What a student's number says of a row."""
        return f"P({self.means})"

    @property
    def weak_label(self) -> str:
        """What the weak teacher's number says of a row."""
        return f"the teacher's {self.prediction}"

    def responses(self, row: object) -> tuple[str | None, ...]:
        """The responses of a row (`Example` or `TextRow`); None where it lacks one."""
        return tuple(getattr(row, column) for column in self.columns)

    def fits(self, row: object) -> bool:
        """Whether a row has all responses of this kind and none of another."""
        return all((getattr(row, column) is None) != (column in self.columns) for column in RESPONSES)

    def by_row(self, values: _Array) -> _Array:
        """(n, ...) of rows from their responses' values: of a pair the first's less the second's."""
        found: _Array = values[0::2] - values[1::2] if self.is_paired else values
        return found

    @property
    def orders(self) -> tuple[bool, ...]:
        """The orders that a row can be read in: whether it is swapped."""
        return (False, True) if self.is_paired else (False,)

    def averaged(self, margins: Sequence[_Array]) -> _Array:
        """The margins of rows from those in each of their `orders`: of two, half the difference."""
        found: _Array = (margins[0] - margins[1]) / 2 if self.is_paired else margins[0]
        return found

    def in_orders(self, p: _Array) -> tuple[_Array, ...]:
        """P(label = 1) of rows in each of their `orders`."""
        turned: Any = 1 - p
        return (p, turned) if self.is_paired else (p,)

    def stated_share(self, share: float | None) -> float | None:
        """The share of true rows that a task states, where it has a meaning."""
        return share if self.can_be_true else None

    def suits(self, literals: set[str]) -> bool:
        """Whether a template with these literals shows every response."""
        return all(literals.intersection(names) for names in self.literals)


VERIFY = Kind(
    name="verify",
    columns=("candidate",),
    means="the candidate is right",
    is_paired=False,
    has_bias=True,
    can_be_true=True,
    published=(("prompt", "question"), ("candidate", "choice"), ("label", "label")),
    label_words=((True, True), (False, False)),
    label_forms="true, false, 0 or 1",
    literals=(("candidate", "choice"),),
    pieces=("Question: {question}", "Proposed answer: {choice}"),
    gap="\n",
    them="the proposed answer",
    asks="Is the proposed answer correct?",
)
PREFERENCE = Kind(
    name="preference",
    columns=("first", "second"),
    means="the first response is better",
    is_paired=True,
    has_bias=False,
    can_be_true=False,
    published=(("prompt", "prompt"), ("first", "first"), ("second", "second"), ("label", "label")),
    label_words=(("A", True), ("first", True), ("B", False), ("second", False)),
    label_forms='"A" or "first" or 1 (the first is better), or "B" or "second" or 0',
    literals=(("first",), ("second",)),
    pieces=("Request: {question}", "Response A: {first}", "Response B: {second}"),
    gap="\n\n",
    them="both responses",
    asks="Is response A better than response B?",
)
KINDS = (VERIFY, PREFERENCE)
RESPONSES = tuple(column for kind in KINDS for column in kind.columns)
"""Every column that holds a response in some kind of row."""


def kind_of(name: str) -> Kind:
    """The kind of that name. Raises `ValueError` for one that is unknown."""
    found = next((kind for kind in KINDS if kind.name == name), None)
    if found is None:
        raise ValueError(f"the kind is {name!r}, expected {' or '.join(kind.name for kind in KINDS)}")
    return found


def kind_of_row(row: object) -> Kind:
    """The kind whose first response a row has; the last kind where it has none."""
    return next((kind for kind in KINDS if kind.responses(row)[0] is not None), KINDS[-1])
