"""The plan: tasks, each on its pairs, x methods x seeds, as cells with stable ids."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from w2s_harness.discovery.sources import MethodSource
from w2s_harness.errors import UsageError
from w2s_harness.types import Exposure, HoldoutPart, Pair, Task, Track

Value = bool | int | float | str
Counterfactuals = Literal["all", "one", "none"]

DEFAULT_GRANTS = frozenset({"embeddings"})
"""Access that every plan grants unless it says no."""
GRANTABLE = ("embeddings", "inference", "transductive", "groups", "text", "generate")
"""Access that this version can give; asking for another is a usage error."""


@dataclass(frozen=True, slots=True)
class Spec:
    """One item of `--tasks` or `--methods`: a name, glob or path, and parameters that ride on it."""

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_glob(self) -> bool:
        """Whether the name selects by pattern."""
        return any(c in self.name for c in "*?[")

    def matches(self, known: list[str]) -> list[str]:
        """The known names that the pattern selects, sorted."""
        return sorted(fnmatch.filter(known, self.name))


def parse_specs(text: str) -> list[Spec]:
    """`a,b:x=1:y=2,./c.py` as specs. Raises `UsageError` for a parameter without `=`."""
    return [_parse_spec(item) for item in text.split(",") if item.strip()]


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
        if kind == "int":
            return int(text, 0)
        if kind == "float":
            return float(text)
    except (KeyError, ValueError):
        raise UsageError(f"{where}: '{text}' is not {_an(kind)}") from None
    return text


def _an(kind: str) -> str:
    return {"bool": "true or false", "int": "a whole number", "float": "a number"}[kind]


def parse_seeds(text: str) -> tuple[int, ...]:
    """`5` as seeds 0 to 4, `0,1,7` as these. Raises `UsageError` for anything else."""
    try:
        numbers = [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise UsageError(f"--seeds {text}: give a count (5) or a list (0,1,7)") from None
    if not numbers or min(numbers) < 0 or ("," not in text and numbers == [0]):
        raise UsageError(f"--seeds {text}: give a count of at least 1, or a list of seeds from 0 up")
    if "," not in text:
        return tuple(range(numbers[0]))
    if len(set(numbers)) != len(numbers):
        raise UsageError(f"--seeds {text}: a seed is given twice")
    return tuple(numbers)


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
    error: str = ""
    """Why it cannot run: its module does not load, or it is refused."""
    author: Authorship | None = None
    """None where it names neither hours nor cost."""


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


@dataclass(frozen=True, slots=True)
class Limits:
    """What one cell may use; over it the cell is `failed (budget)`."""

    fits: int = 64
    epochs: float = 50.0
    handles: int = 64
    flops_over_vanilla: float = 200.0
    timeout_s: float = 60.0
    """The worker's own time, while no request is being served."""


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


def no_twins(ids: list[str], noun: str) -> None:
    """Raise `UsageError` where two things of a plan have one id."""
    for name in ids:
        if ids.count(name) > 1:
            raise UsageError(f"two {noun} of the plan have the id '{name}'. Rename one, or select it once.")
