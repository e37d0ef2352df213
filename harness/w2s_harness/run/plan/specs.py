"""What the words of `--tasks`, `--methods` and `--seeds` say, and which things of a plan are one."""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from w2s_harness.contract.errors import NothingSelectedError, UsageError
from w2s_harness.contract.plan import Value
from w2s_harness.contract.worker.wire import parameters

T = TypeVar("T")
MAX_SEEDS = 1000
"""A larger count is taken for a seed that was meant."""
_BOOLS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True, slots=True)
class Spec:
    """One item of `--tasks` or `--methods`: a name, glob or path, and parameters that ride on it."""

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    is_alone: bool = field(default=False, compare=False)
    """Whether the flag names nothing else."""

    @property
    def is_glob(self) -> bool:
        """Whether the name selects by pattern."""
        return any(c in self.name for c in "*?[")

    def matches(self, known: list[str]) -> list[str]:
        """The known names that the pattern selects, sorted."""
        return sorted(fnmatch.filter(known, self.name))

    def selected(self, shipped: list[str], installed: Iterable[str], flag: str) -> list[str]:
        """The names that the item stands for: its own, or those shipped ones that its pattern selects.

        :param installed: every name that is there; a pattern does not select those of others.
        Raises `UsageError` for a pattern that selects none, `NothingSelectedError` where it stands alone.
        """
        if not self.is_glob:
            return [self.name]
        names = self.matches(shipped)
        if names:
            return names
        base, _, inside = self.name.partition("[")
        others = self.matches(sorted(installed))
        if "=" in inside:
            hint = f"Parameters ride on the name: {base}:{inside.rstrip(']')}"
        elif others:
            hint = f"A pattern selects what w2s-harness ships; name '{others[0]}' itself"
        else:
            hint = f"`w2s-harness list {flag}` shows all"
        kind = NothingSelectedError if self.is_alone else UsageError
        raise kind(f"--{flag} {self.name}: the pattern matches nothing. {hint}.")


def parse_specs(text: str) -> list[Spec]:
    """`a,b:x=1:y=2,./c.py` as specs. Raises `UsageError` for a parameter without `=`."""
    items = [item for item in text.split(",") if item.strip()]
    return [replace(_parse_spec(item), is_alone=len(items) == 1) for item in items]


def _parse_spec(item: str) -> Spec:
    file, inside, tail = item.strip().partition("::")
    name, *rest = (tail if inside else file).split(":")
    if inside:
        if not name:
            raise UsageError(f"'{item}': a method of a file is written FILE.py::NAME")
        name = f"{file}::{name}"
    parameters: dict[str, str] = {}
    for part in rest:
        key, equals, value = part.partition("=")
        if not equals or not key:
            raise UsageError(f"'{item}': a parameter is written NAME:KEY=VALUE, not ':{part}'")
        if key in parameters:
            raise UsageError(f"'{item}': the parameter '{key}' is given twice")
        parameters[key] = value
    return Spec(name, parameters)


def parse_value(text: str, kind: str, where: str) -> Value:
    """`text` as a value of `kind` (bool, int, float, str). Raises `UsageError` naming `where`."""
    try:
        if kind == "bool":
            return _BOOLS[text.lower()]
        if kind in ("int", "float") and ("_" in text or not text.isascii()):
            raise ValueError
        if kind in ("int", "float"):
            return _held(int(text, 0) if kind == "int" else float(text), where, text)
    except (KeyError, ValueError):
        wanted = {"bool": "true or false", "int": "a whole number", "float": "a number"}[kind]
        raise UsageError(f"{where}: '{text}' is not {wanted}") from None
    why = parameters.problem("str", text)
    if why:
        raise UsageError(f"{where}: the value {why}")
    return text


def _held(number: float, where: str, text: str) -> Value:
    """`number`, which JSON and the wire can hold. Raises `UsageError`."""
    if isinstance(number, int) and abs(number) >= 2**63:
        raise UsageError(f"{where}: '{cut(text)}' is longer than 64 bits")
    if not math.isfinite(number):
        raise UsageError(f"{where}: '{text}' is not finite")
    return number


def parse_seeds(text: str, flag: str = "--seeds") -> tuple[int, ...]:
    """`5` as seeds 0 to 4, `0,1,7` as these. Raises `UsageError`, which names `flag`, for anything else."""
    words = [part.strip() for part in text.split(",") if part.strip()]
    if not words or not all(re.fullmatch(r"-?[0-9]{1,19}", word) for word in words):
        raise UsageError(f"{flag} {cut(text)}: give a count (5) or a list (0,1,7){_meant(text)}")
    numbers = [int(word) for word in words]
    if min(numbers) < 0 or ("," not in text and numbers == [0]):
        raise UsageError(f"{flag} {cut(text)}: give a count of at least 1, or a list of seeds from 0 up")
    if "," not in text:
        count = numbers[0]
        if count > MAX_SEEDS:
            raise UsageError(
                f"{flag} {count}: {count} is a count of seeds, and at most {MAX_SEEDS:,} can be run; did you "
                f"mean {count}, (with a comma: seed {count} alone)?"
            )
        return tuple(range(count))
    if len(numbers) > MAX_SEEDS or max(numbers) >= 2**63:
        raise UsageError(f"{flag}: give at most {MAX_SEEDS:,} seeds, each under 2**63")
    twice = next((n for n in numbers if numbers.count(n) > 1), None)
    if twice is not None:
        raise UsageError(f"{flag} {cut(text)}: the seed {twice} is given twice")
    return tuple(numbers)


def _meant(text: str) -> str:
    """The hint for a range (`0-4`, `0..4`, `0:5`), which is no list."""
    ends = re.fullmatch(r"\s*([0-9]{1,3})\s*(?:-|\.\.|:)\s*([0-9]{1,3})\s*", text)
    if ends is None or not 0 < int(ends[2]) - int(ends[1]) < 20:
        return ""
    return f"; did you mean {','.join(map(str, range(int(ends[1]), int(ends[2]) + 1)))}?"


def cut(text: str) -> str:
    """A text that a message can show."""
    return text if len(text) <= 60 else f"{text[:57]}..."


def folder_id(path: Path) -> str:
    """The task id of a directory or file: its name without the suffix."""
    resolved = path.resolve()
    return resolved.stem if resolved.is_file() else resolved.name


def is_path(name: str, suffixes: tuple[str, ...]) -> bool:
    """Whether a spec's name is a path rather than the name of something installed."""
    return "/" in name or name in (".", "..") or name.partition("::")[0].endswith(suffixes)


def merged(found: Iterable[T], ident: Callable[[T], str], same: Callable[[T], object], noun: str) -> list[T]:
    """`found` without repetitions of one thing, in the order of their first places.

    Raises `UsageError` where two have one id but differ in what `same` says of them.
    """
    kept: dict[str, T] = {}
    for item in found:
        first = kept.setdefault(ident(item), item)
        if first is not item and same(first) != same(item):
            raise UsageError(
                f"two {noun} of the plan have the id '{ident(item)}'. Rename one, or leave it out."
            )
    return list(kept.values())
