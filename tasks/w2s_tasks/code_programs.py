"""What is a small program, and what does it do when it runs? Trees and their own interpreter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Operator = Literal["+", "-", "*"]
Pick = Literal["max", "min", "len", "first", "last"]

PICKS: Mapping[Pick, str] = {
    "max": "max({0})",
    "min": "min({0})",
    "len": "len({0})",
    "first": "{0}[0]",
    "last": "{0}[-1]",
}


@dataclass(frozen=True, slots=True)
class Let:
    """`name=left op right`; an operand is a number or a variable."""

    name: str
    left: int | str
    operator: Operator
    right: int | str

    def source(self) -> str:
        """The statement as it is written."""
        return f"{self.name}={self.left}{self.operator}{self.right}"


@dataclass(frozen=True, slots=True)
class Choose:
    """`name=max(items)`, or another way of picking a number from the list."""

    name: str
    pick: Pick
    items: str

    def source(self) -> str:
        """The statement as it is written."""
        return f"{self.name}={PICKS[self.pick].format(self.items)}"


@dataclass(frozen=True, slots=True)
class Each:
    """`for x in items: name=name op x`."""

    name: str
    operator: Operator
    items: str

    def source(self) -> str:
        """The statement as it is written."""
        return f"for x in {self.items}: {self.name}={self.name}{self.operator}x"


Statement = Let | Choose | Each


@dataclass(frozen=True, slots=True)
class Program:
    """A list, a number, statements; prints one variable."""

    items: tuple[str, tuple[int, ...]]
    first: tuple[str, int]
    body: tuple[Statement, ...]
    printed: str

    def source(self) -> str:
        """The program as it is written."""
        items = f"{self.items[0]}=[{','.join(map(str, self.items[1]))}]"
        lines = [items, f"{self.first[0]}={self.first[1]}", *(statement.source() for statement in self.body)]
        return "\n".join([*lines, f"print({self.printed})"])

    @property
    def prompt(self) -> str:
        """The question as the models read it."""
        return f"{self.source()}\nWhat is printed?"


@dataclass(frozen=True, slots=True)
class ProgramRun:
    """What a program did: one line a computed value, and the value that it printed."""

    trace: tuple[str, ...]
    values: tuple[int, ...]
    printed: int

    def sentences(self) -> list[str]:
        """The execution trace with operands, and the result."""
        return [*(f"{line}." for line in self.trace), f"Prints {self.printed}."]


@dataclass(slots=True)
class _State:
    """The interpreter's memory."""

    numbers: dict[str, int]
    lists: dict[str, tuple[int, ...]]
    slips: Mapping[int, int]
    trace: list[str] = field(default_factory=list)
    values: list[int] = field(default_factory=list)

    def store(self, name: str, shown: str, value: int) -> None:
        """Write a variable and a line of the trace; the slip of this line, if any, is carried on."""
        value += self.slips.get(len(self.trace), 0)
        self.numbers[name] = value
        self.trace.append(f"{name}={shown}={value}")
        self.values.append(value)

    def number(self, operand: int | str) -> int:
        """The value of an operand."""
        return self.numbers[operand] if isinstance(operand, str) else operand


def run(program: Program, slips: Mapping[int, int] | None = None) -> ProgramRun:
    """Interpret a program; `slips` says by how much the value of a trace line is off (default: none).

    Raises `KeyError` for a variable that was never set.
    """
    state = _State(dict([program.first]), dict([program.items]), slips or {})
    for statement in program.body:
        _execute(statement, state)
    return ProgramRun(tuple(state.trace), tuple(state.values), state.numbers[program.printed])


def _execute(statement: Statement, state: _State) -> None:
    if isinstance(statement, Let):
        left, right = state.number(statement.left), state.number(statement.right)
        shown = f"{left}{statement.operator}{right}"
        state.store(statement.name, shown, apply(left, statement.operator, right))
    elif isinstance(statement, Choose):
        shown = PICKS[statement.pick].format(statement.items)
        state.store(statement.name, shown, picked(statement.pick, state.lists[statement.items]))
    else:
        for item in state.lists[statement.items]:
            left = state.numbers[statement.name]
            shown = f"{left}{statement.operator}{item}"
            state.store(statement.name, shown, apply(left, statement.operator, item))


def apply(left: int, operator: Operator, right: int) -> int:
    """What one operation gives."""
    if operator == "+":
        return left + right
    return left - right if operator == "-" else left * right


def picked(pick: Pick, items: Sequence[int]) -> int:
    """The number that a pick takes from a list."""
    if pick == "max":
        return max(items)
    if pick == "min":
        return min(items)
    if pick == "len":
        return len(items)
    return items[0] if pick == "first" else items[-1]
