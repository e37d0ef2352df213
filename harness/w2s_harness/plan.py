"""The plan: tasks, each on its pairs, x methods x seeds, as cells with stable ids."""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from w2s_harness.access import DEFAULT_GRANTS
from w2s_harness.errors import NothingSelectedError, UsageError
from w2s_harness.method_source import MethodSource
from w2s_harness.types import Exposure, HoldoutPart, Pair, Task, Track
from w2s_harness.wire import parameters

Value = bool | int | float | str
T = TypeVar("T")
Counterfactuals = Literal["all", "one", "none"]

PREDICTIONS = ".jsonl"
"""How the name of a file of predictions ends."""
MAX_SEEDS = 1000
"""A larger count is taken for a seed that was meant."""


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
            return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[
                text.lower()
            ]
        if kind in ("int", "float") and ("_" in text or not text.isascii()):
            raise ValueError
        if kind == "int":
            return _held(int(text, 0), where, text)
        if kind == "float":
            return _held(float(text), where, text)
    except (KeyError, ValueError):
        raise UsageError(f"{where}: '{text}' is not {_an(kind)}") from None
    why = parameters.problem("str", text)
    if why:
        raise UsageError(f"{where}: the value {why}")
    return text


def _held(number: float, where: str, text: str) -> Value:
    """`number`, which JSON and the wire can hold. Raises `UsageError`."""
    if isinstance(number, int) and abs(number) >= 2**63:
        raise UsageError(f"{where}: '{_cut(text)}' is longer than 64 bits")
    if not math.isfinite(number):
        raise UsageError(f"{where}: '{text}' is not finite")
    return number


def _an(kind: str) -> str:
    return {"bool": "true or false", "int": "a whole number", "float": "a number"}[kind]


def parse_seeds(text: str, flag: str = "--seeds") -> tuple[int, ...]:
    """`5` as seeds 0 to 4, `0,1,7` as these. Raises `UsageError`, which names `flag`, for anything else."""
    words = [part.strip() for part in text.split(",") if part.strip()]
    if not words or not all(re.fullmatch(r"-?[0-9]{1,19}", word) for word in words):
        raise UsageError(f"{flag} {_cut(text)}: give a count (5) or a list (0,1,7){_meant(text)}")
    numbers = [int(word) for word in words]
    if min(numbers) < 0 or ("," not in text and numbers == [0]):
        raise UsageError(f"{flag} {_cut(text)}: give a count of at least 1, or a list of seeds from 0 up")
    if "," not in text:
        return _counted(numbers[0], flag)
    if len(numbers) > MAX_SEEDS or max(numbers) >= 2**63:
        raise UsageError(f"{flag}: give at most {MAX_SEEDS:,} seeds, each under 2**63")
    twice = next((n for n in numbers if numbers.count(n) > 1), None)
    if twice is not None:
        raise UsageError(f"{flag} {_cut(text)}: the seed {twice} is given twice")
    return tuple(numbers)


def _counted(count: int, flag: str) -> tuple[int, ...]:
    if count > MAX_SEEDS:
        raise UsageError(
            f"{flag} {count}: {count} is a count of seeds, and at most {MAX_SEEDS:,} can be run; did you "
            f"mean {count}, (with a comma: seed {count} alone)?"
        )
    return tuple(range(count))


def _meant(text: str) -> str:
    """The hint for a range (`0-4`, `0..4`, `0:5`), which is no list."""
    ends = re.fullmatch(r"\s*([0-9]{1,3})\s*(?:-|\.\.|:)\s*([0-9]{1,3})\s*", text)
    if ends is None or not 0 < int(ends[2]) - int(ends[1]) < 20:
        return ""
    return f"; did you mean {','.join(map(str, range(int(ends[1]), int(ends[2]) + 1)))}?"


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def label(name: str, changed: Mapping[str, Value]) -> str:
    """`name[k=v,...]` with the parameters that differ from their defaults, sorted."""
    if not changed:
        return name
    inside = ",".join(f"{k}={_show(v)}" for k, v in sorted(changed.items()))
    return f"{name}[{inside}]"


def _show(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    return str(value)


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """A task with its settings as the plan fixes them."""

    id: str
    task: Task
    settings: Mapping[str, Value]
    exposure: Exposure
    path: str | None = None
    """Where a directory or YAML task lies."""
    part: HoldoutPart = "whole"
    """Which part of its holdout is scored."""
    pairs: tuple[str, ...] | None = None
    """Pairs of the plan that it runs on, by name; None: all of them."""

    def runs_on(self, pair: Pair) -> bool:
        """Whether the plan has cells of this task on the pair."""
        return self.pairs is None or pair.name in self.pairs


@dataclass(frozen=True, slots=True)
class Authorship:
    """What a method says of the work that went into it."""

    kind: Literal["human", "agent", "both"]
    who: str
    hours: float | None
    usd: float | None


@dataclass(frozen=True, slots=True)
class PlannedMethod:
    """A method with its parameters as the plan fixes them."""

    id: str
    name: str
    source: MethodSource
    parameters: Mapping[str, Value]
    """Every parameter, defaults included."""
    changed: Mapping[str, Value] = field(default_factory=dict)
    """Those that differ from their defaults."""
    access: tuple[str, ...] = ()
    track: Track = "unknown"
    by_steps: bool = False
    """What it says of itself, as `Method.by_steps`."""
    error: str = ""
    """Why it cannot run: its module does not load, or it is refused."""
    author: Authorship | None = None
    """None where it names neither hours nor cost."""

    @property
    def may_train_by_steps(self) -> bool:
        """Whether it may use the solver `path`; of others' methods it is not known before they run."""
        return not self.source.is_shipped or self.by_steps

    @property
    def is_predictions(self) -> bool:
        """Whether it is a file of predictions: nothing of it runs."""
        return self.source.is_file and self.source.filename.endswith(PREDICTIONS)


@dataclass(frozen=True, slots=True)
class Cell:
    """One (task, pair, method, seed), by ids."""

    task: str
    pair: str
    method: str
    seed: int

    @property
    def id(self) -> str:
        """`math/tiny/confident[margin=0.3]/s0`."""
        return f"{self.task}/{self.pair}/{self.method}/s{self.seed}"

    def __str__(self) -> str:
        return self.id


SERVICE_FACTOR, LARGE_FACTOR = 20.0, 200.0
"""Seconds that the student service may work for a cell, for each second that its worker may: with a small
model, and with one that is larger or fine-tuned, which honest methods keep busy for an hour without a GPU."""
SMALL = 10_000_000
"""Parameters."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one cell may use; over it the cell is `failed (budget)`."""

    fits: int = 64
    epochs: float = 50.0
    handles: int = 64
    flops_over_vanilla: float = 200.0
    timeout_s: float = 60.0
    """The worker's own time, while no request is being served."""

    def service_s(self, read: int | None) -> float:
        """Seconds that the student service may work for a cell.

        :param read: parameters of a strong model that is only read; None for one that is fine-tuned.
        """
        is_small = read is not None and read <= SMALL
        return (SERVICE_FACTOR if is_small else LARGE_FACTOR) * self.timeout_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A method and its parameters that the store had scored on a setting's holdout when the plan was made."""

    task: str
    """The task of the plan on whose holdout it was scored, by id."""
    pair: str
    method: str
    """Its name."""
    sha256: str
    """Digest of its source."""
    parameters: Mapping[str, Value]
    """Every parameter, defaults included."""
    p: float | None
    """That a claim about it would rest on, or of its test against vanilla, uncorrected; None where there was
    none."""
    holdout: str = ""
    """Digest of the holdout that it was scored on: the plan's, or one that shares rows with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that decides the numbers of a run."""

    tasks: tuple[PlannedTask, ...]
    pairs: tuple[Pair, ...]
    methods: tuple[PlannedMethod, ...]
    seeds: tuple[int, ...]
    baseline_seeds: tuple[int, ...]
    root_seed: int = 0
    limit: int | None = None
    grants: frozenset[str] = DEFAULT_GRANTS
    limits: Limits = Limits()
    min_gap: float = 0.02
    counterfactuals: Counterfactuals = "all"
    """Which of the counterfactual cells that guards ask for are run."""
    own_draws: int = 1
    """Echoes and pairs of decoys of each row and seed."""
    guards: tuple[str, ...] = ()
    """The guards that are on, by name."""
    guards_off: tuple[str, ...] = ()
    """Guards that w2s-harness ships and that are not on."""
    plugin_settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What `plugins: {NAME: {...}}` of `w2s.yaml` says, by the plugin's name."""
    selected: frozenset[str] | None = None
    """Ids of the cells that `-k` or `--lf` left, or None for all."""
    controls: bool = True
    """Whether the sanity controls are run."""
    against: tuple[str, ...] = ()
    """Methods of the plan, by id, that every row is compared with beside vanilla."""
    attempts: tuple[Attempt, ...] = ()
    """What the store had scored on the plan's holdouts before, beside the plan's own rows."""
    secret: str = ""
    """64 hexadecimal digits that key the draws of code that w2s-harness does not ship; empty without such."""
    lost: Mapping[str, str] = field(default_factory=dict)
    """Tasks that were asked for and whose own code does not load them, by id, with the reason."""

    def cells(self) -> Iterator[Cell]:
        """Every selected cell, tasks outermost, seeds innermost."""
        for task in self.tasks:
            for pair in filter(task.runs_on, self.pairs):
                for method in self.methods:
                    for seed in self.seeds:
                        cell = Cell(task.id, pair.name, method.id, seed)
                        if self.selected is None or cell.id in self.selected:
                            yield cell


def folder_id(path: Path) -> str:
    """The task id of a directory or file: its name without the suffix."""
    resolved = path.resolve()
    return resolved.stem if resolved.is_file() else resolved.name


def is_path(name: str, suffixes: tuple[str, ...]) -> bool:
    """Whether a spec's name is a path rather than the name of something installed."""
    return "/" in name or name in (".", "..") or name.partition("::")[0].endswith(suffixes)


def merged(found: Iterable[T], ident: Callable[[T], str], same: Callable[[T], object], noun: str) -> list[T]:
    """`found` without repetitions of one thing, in the order of their first places.

    :param same: what two things that have one id must agree in to be the same thing.
    Raises `UsageError` where two different things of a plan have one id.
    """
    kept: dict[str, T] = {}
    for item in found:
        first = kept.setdefault(ident(item), item)
        if first is not item and same(first) != same(item):
            raise UsageError(
                f"two {noun} of the plan have the id '{ident(item)}'. Rename one, or leave it out."
            )
    return list(kept.values())
