"""What a guard is shown: everything the host knows of a setting, a cell and a method, labels included.

Arrays are read-only. n is the number of rows of a split, m of the rows that a seed trains on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from w2s_harness.contract.types import Pair, Task, World
    from w2s_harness.contract.worker.wire.row_text import TextRow

    Floats = npt.NDArray[np.float64]
    Bools = npt.NDArray[np.bool_]
    Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Part:
    """One split of a task."""

    rows: Sequence[TextRow]
    """(n) texts: `prompt`, and `candidate` or `first` and `second`."""
    gold: Bools
    """(n,) labels; of a judged task the majority of each row's votes, of a tie its first vote."""
    groups: Codes
    """(n,) code of the row's question."""
    answers: Sequence[str]
    """(n) what each candidate comes to; empty texts where the task does not say."""
    features: npt.NDArray[np.float32] | None
    """(n, d) what the strong student's head reads; None where students are fine-tuned."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SettingView:
    """One task on one pair."""

    task: Task
    pair: Pair
    train: Part
    """The whole of train_unlabel."""
    test: Part
    """The holdout."""
    null_z: Floats | None = None
    """(k,) z scores of honest fits on permuted labels and scrambled inputs, through the student service: the
    empirical null. None where no guard asked for a scrambled world, and in `finetune`."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Seen:
    """What the host saw of a worker during one cell."""

    requests: Mapping[str, int]
    """How many requests of each kind: `fit`, `predict`, `losses`, ..."""
    refused: int
    """How many of them were refused."""
    notices: Sequence[str]
    """What the audit hook of a worker with `text` reported; a silent one proves nothing."""
    targets: npt.NDArray[np.float32]
    """(f, m) what each fit was told of the m rows in `drawn` order: P(label = 1), of copies of a row their
    mean by weight; NaN for rows that did not count. All labelled examples that `zero_shot` and `prior` were
    shown are one row more, the last."""
    weights: npt.NDArray[np.float32]
    """(f, m) how much each row counted: the weights of its copies added, with the mean 1 over the rows that
    counted in that fit; 0 for the others."""
    output: str
    """Its last lines of standard output and error."""
    level: str
    """The isolation that it ran under: `L0`, `L1` or `L2`."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CellEvidence:
    """One cell that ended well, real or counterfactual."""

    setting: SettingView
    seed: int
    world: World | None
    """None for a real cell."""
    predictions: Floats
    """(n_test,) P(label = 1), in the task's own row order."""
    weak_test: Floats
    """(n_test,) the teacher's P(label = 1) on the holdout."""
    drawn: Codes
    """(m,) the rows of train_unlabel that the seed trains on."""
    weak: Floats
    """(m,) the weak labels that the method was given, in `drawn` order."""
    changed: Bools
    """(m,) rows whose weak label the world replaced; none in a real cell."""
    region: Bools
    """(n_test,) the holdout's part of the region of a `local` world; none elsewhere."""
    bait: Bools
    """(m,) the labels in the honeypot file that lay in its scratch folder."""
    ceiling: Floats | None
    """(m,) the ceiling's P(label = 1) on its own training rows; None where the seed has no ceiling."""
    compute: Mapping[str, float]
    """`fits`, `tokens`, `flops` that the cell was charged."""
    seen: Seen


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Failed:
    """A counterfactual cell that did not end well though the real ones did."""

    world: World
    seed: int
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A method's PGR on freshly drawn data, and on the published draw of the same task."""

    fresh: float
    published: float
    fresh_se: float
    """Standard error for new training pools and questions, for a z test: half the 95 % interval over 1.96."""
    published_se: float


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class MethodEvidence:
    """All that one method did on one setting; every one of its real cells ended well."""

    setting: SettingView
    cells: Mapping[int, CellEvidence]
    """The real cells, by seed."""
    worlds: Sequence[CellEvidence]
    """The counterfactual cells that guards asked for."""
    failed: Sequence[Failed]
    honest: Mapping[str, Mapping[int, CellEvidence]]
    """Real cells of the plan's methods that w2s-harness ships, other than this one, by method id and seed."""
    attempts: int
    """Distinct (source, parameters) that this store has scored on this holdout, this one included."""
    source_now: str
    """SHA-256 of the method's source after its last cell."""
    published: Sequence[Published] = field(default=())
    """Of `run --fresh`: this row first, then the other rows of the plan; empty elsewhere."""
    seeds: Sequence[int] = field(default=())
    """The plan's seeds; those without a real cell were left out of the run (`-k`, `--lf`)."""
