"""The plan: tasks, each on its pairs, x methods x seeds, as cells with stable ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from w2s_harness.contract.access import DEFAULT_GRANTS
from w2s_harness.contract.types import Exposure, HoldoutPart, Pair, Task, Track

VANILLA = "vanilla"
"""The method that every row is compared with."""
ZERO_SHOT = "zero-shot"
"""The method that trains nothing: a claim of weak supervision must beat it."""
PROVENANCE = "provenance"
"""The guard in whose name a source that cannot be read again is reported."""


OURS = "w2s-harness"
"""The distribution that ships this harness and the plugins that come with it."""


@dataclass(frozen=True, slots=True)
class MethodSource:
    """A module that offers methods: an installed one, or a file whose bytes were read once."""

    name: str
    """The entry point's name, or the file's path as the user gave it."""
    module: str
    distribution: str | None
    version: str | None
    sha256: str
    """Empty where its files could not be read."""
    folders: tuple[str, ...] = ()
    """Where a worker imports the module from; empty for a file."""
    reads: tuple[str, ...] = ()
    """What its worker reads beside what every worker does: the files of its distribution and of what that
    needs, or a folder of ours."""
    beside: tuple[str, ...] = ()
    """Those of them that are of what it needs."""
    opened: tuple[str, ...] = ()
    """What of `reads` lies beyond site-packages: modules and packages of editable installs."""
    code: bytes | None = None
    filename: str = ""
    editable: bool = False
    refused: str = ""
    """Why its code must not run, or an empty string."""
    info: str = ""
    """The `.dist-info` folder of an installed one."""

    @property
    def is_file(self) -> bool:
        """Whether it is a file that the user named: nothing of it is installed."""
        return self.distribution is None

    @property
    def is_shipped(self) -> bool:
        """Whether w2s-harness ships it."""
        return self.distribution == OURS


Value = bool | int | float | str
Counterfactuals = Literal["all", "one", "none"]

PREDICTIONS = ".jsonl"
"""How the name of a file of predictions ends."""


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
