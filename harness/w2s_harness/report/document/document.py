"""The leaderboard document `w2s-leaderboard/1`: its types, and its strict reader."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from w2s_harness.contract.errors import DataError
from w2s_harness.contract.plan import label as label_of
from w2s_harness.data.disk import read_bytes, shown, text_of
from w2s_harness.data.reading.strict_json import struct_of
from w2s_harness.report.document.provenance import (
    Author,
    Compute,
    Cost,
    Fits,
    HarnessRecord,
    Hyper,
    ModelRecord,
    Review,
    SourceRecord,
)
from w2s_harness.report.document.records import (
    Accuracy,
    BestOf,
    BoardPart,
    Calibration,
    Claim,
    Control,
    Count,
    Judged,
    JudgedRow,
    Own,
    RowBaselines,
    RowClaim,
    Star,
    VerdictRecord,
)
from w2s_harness.report.document.records import SeedAccuracy as SeedAccuracy

SCHEMA = "w2s-leaderboard/1"
MAX_BYTES = 2**27
"""A longer file is refused."""

Probability = Annotated[float, Meta(ge=0, le=1)]
Rank = Annotated[int, Meta(ge=1)]
Scalar = bool | int | float | str
Bounds = tuple[float, float]
Exposure = Literal["fresh", "private", "public"]
Isolation = Literal["L0", "L1", "L2", "imported", "predictions-only"]


class Baseline(BoardPart, frozen=True, kw_only=True):
    """A reference line of a setting."""

    mean: Accuracy | None
    """Mean accuracy over the baseline seeds; null where a seed is missing."""
    per_seed: list[SeedAccuracy]
    """One entry per baseline seed, in the order of `baseline_seeds`."""


class SubsetBaseline(BoardPart, frozen=True, kw_only=True):
    """A marked part of the holdout."""

    n_test: Count
    """Its rows."""
    weak: Accuracy | None
    """Weak floor on it, mean over baseline seeds."""
    ceiling: Accuracy | None
    """Ceiling on it, mean over baseline seeds."""


class SettingRecord(BoardPart, frozen=True, kw_only=True):
    """One task on one pair: what all its methods share."""

    task: str
    """The task's name, with the settings that differ from their defaults."""
    pair: str
    """The pair's name."""
    mode: Literal["probe", "finetune"]
    """How students are trained."""
    solver: str
    """The solver of weak, ceiling and vanilla."""
    n_test: Count
    """Holdout rows."""
    weak: Baseline
    """The weak teacher on the holdout."""
    ceiling: Baseline
    """The strong student trained on gold."""
    weak_label_acc: Accuracy | None
    """The teacher on train_unlabel: accuracy of the weak labels, mean over baseline seeds."""
    gap: float | None
    """Ceiling minus weak."""
    gap_ci: Bounds | None
    """Its 95 % two-way interval."""
    reason: str | None
    """Why the gap, its interval, or a PGR over it is undefined."""
    hyper: Hyper
    """Hyperparameters and the grid they came from."""
    exposure: Exposure
    """Could a method carry the labels?"""
    data_digest: str
    """SHA-256 of the rows and labels of all splits."""
    n_cut: Count
    """Rows that were cut to a model's context, of both models together; `models` has each model's."""
    subsets: dict[str, SubsetBaseline]
    """Marked parts of the holdout, by mark."""
    clusters: list[Count] | None
    """The question of each holdout row, as codes in the order of `outcomes`; null for private tasks."""
    min_gap: float
    """The gap under which PGR is undefined."""
    models: dict[Literal["weak", "strong"], ModelRecord]
    """Teacher and student."""
    baseline_seeds: list[int]
    """The seeds whose means are `weak` and `ceiling`."""
    noise_floor: float | None = None
    """Transfer accuracy: the standard deviation of vanilla's difference between two single seeds; null
    without vanilla or with one seed."""
    holdout_rows: Literal["paired", "unknown"] = "paired"
    """`unknown`: only accuracies were given, so rows of two methods cannot be paired."""
    vanilla_star: dict[str, Star] = msgspec.field(default_factory=dict)
    """By solver: vanilla at the best point of its settings, chosen on the holdout in vanilla's favour."""
    zero_shot_star: Star | None = None
    """The untrained student's best readout, chosen on the holdout in its favour; null without one."""
    majority: Accuracy | None = None
    """The commoner label said of every holdout row: what a teacher of one label has; null for imports."""
    own_ceiling: float | None = None
    """Accuracy that is the teacher's own where the teacher is always right (the gold oracle): the most that
    any method could have; null where it was not measured."""
    judged: Judged | UnsetType = UNSET
    """Of a judged task: how far its voters agree. Accuracies are then agreement with a voter drawn at random,
    and `outcomes` say which decisions are the majority's."""

    def __post_init__(self) -> None:
        """Refuse an undefined number without a reason."""
        if (self.gap is None or self.gap_ci is None) and not self.reason:
            raise ValueError("gap or gap_ci is null and reason does not say why")


class SeedTransfer(BoardPart, frozen=True, kw_only=True):
    """One cell of a row."""

    seed: int
    """The seed."""
    accuracy: Accuracy | None
    """Transfer accuracy on the whole holdout; null where the cell did not end well."""
    pgr: float | None
    """Against the fixed baselines; null without accuracy or gap."""
    error: str | None
    """Why the cell failed or was skipped."""
    outcomes: str | UnsetType = UNSET
    """Right or wrong per holdout row, as in the baselines."""
    ties: str | UnsetType = UNSET
    """The rows that count 1/2."""


class Transfer(BoardPart, frozen=True, kw_only=True):
    """Transfer accuracies of a row."""

    mean: Accuracy | None
    """Mean over the seeds; null where one failed."""
    per_seed: list[SeedTransfer]
    """One entry per seed of the plan."""


class SubsetScore(BoardPart, frozen=True, kw_only=True):
    """A row on a marked part of the holdout."""

    accuracy: Accuracy | None
    """Mean transfer accuracy over the seeds."""
    pgr: float | None
    """Against the subset's own baselines."""
    reason: str | None
    """Why `pgr` is null."""


class Comparison(BoardPart, frozen=True, kw_only=True):
    """A row against a reference method by the same solver, on the same questions."""

    against: str
    """The reference method."""
    difference: float | None
    """Transfer accuracy minus the reference's."""
    ci: Bounds | None
    """Its 95 % two-way interval."""
    pgr: float | None
    """The difference in PGR; null without a gap."""
    pgr_ci: Bounds | None
    """Its 95 % two-way interval."""
    p: Probability | None
    """Two-way t test of no difference in accuracy, uncorrected."""
    p_holm: Probability | None
    """After Holm over all comparisons of the plan; of `vanilla*` and `zero-shot*` for new training pools."""
    significant: bool
    """Does `p_holm` survive at .05?"""
    ci_pool: Bounds | None = None
    """The interval of the difference in accuracy for new training pools too."""
    p_pool: Probability | None = None
    """Two-sided, uncorrected, for new training pools too: what claims rest on. At least `p`."""


class Row(BoardPart, frozen=True, kw_only=True):
    """One method on one task and pair."""

    method: str
    """The method's name."""
    parameters: dict[str, Scalar]
    """Its parameters that differ from their defaults."""
    task: str
    """The task, as in `settings`."""
    pair: str
    """The pair, as in `settings`."""
    status: Literal["ok", "no-gap", "failed", "disqualified", "skipped"]
    """The first that holds of disqualified, failed, skipped, no-gap, ok."""
    track: Literal["w2s", "elicitation", "unknown"]
    """Does it depend on the teacher? Declared by the method, overruled by the guard."""
    rank: tuple[Rank, Rank] | None
    """Rank interval among the ok rows of track w2s of the setting."""
    pgr: float | None
    """(transfer - weak) / (ceiling - weak), ratio of means over fixed baselines."""
    pgr_ci: Bounds | None
    """Its 95 % two-way interval over seeds and questions, for this training pool."""
    pgr_ci_pool: Bounds | None
    """Its 95 % interval for new training pools too, the one that tables show; never within `pgr_ci`."""
    pgr_sem: float | None
    """Standard error over seeds alone."""
    reason: str | None
    """Why a number is null, or why the row is not ok."""
    transfer: Transfer
    """The accuracies behind it."""
    access: list[str]
    """What the method was given beyond the minimum; empty is strict."""
    attempts: Annotated[int, Meta(ge=1)]
    """At least how many methods or parameters were scored on this holdout; 1 for a shipped default."""
    isolation: Isolation
    """Lowest level that its workers reached; L0 is unverified."""
    layers: list[str] = msgspec.field(default_factory=list)
    """The layers of isolation that all of its workers had."""
    verdicts: list[VerdictRecord]
    """What the guards said."""
    again: str = ""
    """The command that shows the row and its verdicts again; empty where no guard said anything."""
    compute: Compute
    """What it cost."""
    fits: list[Fits] = msgspec.field(default_factory=list)
    """What its fits did, by solver and loss; empty for imported rows and for predictions from elsewhere."""
    solver: str
    """The solver of its fits."""
    exposure: Exposure
    """Could the method carry the labels?"""
    source: SourceRecord
    """Where its code came from."""
    by_subset: dict[str, SubsetScore]
    """Its scores on the setting's subsets."""
    teacher_dependence: Annotated[float, Meta(ge=0, le=1)] | None = None
    """T: 1 minus the agreement of its predictions with those under a flipped teacher; null where no guard
    measured it. Near 0, its gain is not from weak supervision."""
    unverified: str | None = None
    """Why nobody vouches for its numbers: its workers were not isolated, or a guard failed; else null."""
    vs_vanilla: Comparison | None = None
    """Against vanilla by the same solver; null for vanilla itself and where the plan has none."""
    vs_vanilla_star: Comparison | None = None
    """Against `vanilla*` of its solver: what a row must beat to be better than vanilla."""
    vs_zero_shot_star: Comparison | None = None
    """Against `zero-shot*`: what a claim of weak supervision must beat too."""
    own: Own | None = None
    """How much of it is the teacher's; null where no world was asked."""
    claim: RowClaim | None = None
    """Whether it carries a claim; null in documents of before claims were made by row."""
    vs_compute: Comparison | None = None
    """Against `vanilla@C`, an ensemble of vanilla students of at most the row's compute; null where the row
    costs less than two of them."""
    vs_compute_note: str | None = None
    """Where more compute is no more than vanilla, so that `vs_compute` says little; else null."""
    versus: list[Comparison] = msgspec.field(default_factory=list)
    """Against the methods that the user named beside vanilla."""
    flops_over_vanilla: Annotated[float, Meta(ge=0)] | None = None
    """Its FLOPs over those of vanilla on the same cells; null without vanilla."""
    calibration: Calibration | None = None
    """How good its probabilities are; null where a seed is missing."""
    best_of: BestOf | None = None
    """For the best of several rows of one name: what picking it is worth by itself."""
    baselines: RowBaselines | None = None
    """Weak floor and ceiling, where they are not the setting's."""
    warnings: list[str] = msgspec.field(default_factory=list)
    """Where checks of its statistics disagree or an interval is not exact, in a plain sentence each."""
    unreliable: str | None = None
    """Why no claim can rest on its intervals, such as fewer than three seeds or than 20 questions; else
    null."""
    author: Author | UnsetType = UNSET
    """Who wrote it; only where that was recorded."""
    review: Review | UnsetType = UNSET
    """What a reviewer decided about this very source; absent where nobody signed."""
    feedback: float | UnsetType | None = UNSET
    """In an agent run: PGR on the part of the holdout that agents got answers about."""
    final: float | UnsetType | None = UNSET
    """In an agent run: PGR on the part that nobody was asked about."""
    held_out: dict[str, float | None] | UnsetType = UNSET
    """In an agent run: PGR on each task that agents never saw."""
    optimism: float | UnsetType | None = UNSET
    """In an agent run: feedback less final."""
    cost: Cost | UnsetType = UNSET
    """In an agent run: what it cost to find."""
    judged: JudgedRow | UnsetType = UNSET
    """Of a judged task: intervals over voters and questions."""

    def __post_init__(self) -> None:
        """Refuse an undefined number, or a status other than ok, without a reason."""
        undefined = None in (self.pgr, self.pgr_ci, self.pgr_ci_pool)
        if (undefined or self.status != "ok") and not self.reason:
            raise ValueError("a pgr or interval is null, or status is not ok, and reason does not say why")


class Leaderboard(BoardPart, frozen=True, kw_only=True):
    """The leaderboard of one plan."""

    schema: Literal["w2s-leaderboard/1"]
    """Version of this format."""
    harness: HarnessRecord
    """The software."""
    plan: dict[str, Any]
    """The plan: tasks, pairs, methods, seeds, limits, with every setting that decides a number."""
    settings: list[SettingRecord]
    """One per task and pair."""
    rows: list[Row]
    """One per method, task and pair."""
    controls: list[Control]
    """Sanity controls; may be empty."""
    claims: list[Claim]
    """The strongest sentences that the data allow."""
    mismatches: list[str] = msgspec.field(default_factory=list)
    """Where imported files contradict themselves or each other, a line each."""
    timing: dict[str, Any]
    """Seconds, memory, cache hits; differs from run to run."""
    machine: dict[str, Any]
    """Run id, paths, job slots, engine, device; differs from run to run."""


def decode(data: bytes, name: str) -> Leaderboard:
    """The document in JSON bytes; `name` is what an error calls it.

    Raises `DataError` with the JSON path of the first thing that breaks the format.
    """
    text = text_of(data, name)
    try:
        return struct_of(text, Leaderboard, name, mend="Give a leaderboard.json.")
    except DataError as bad:
        other = _schema(text)
        if other == SCHEMA:
            raise
        says = f"has the schema {other!r} at `$.schema`; this w2s-harness reads {SCHEMA!r}"
        raise DataError(f"{name}: {says}") from bad


def read(path: Path) -> Leaderboard:
    """The leaderboard in a file. Raises `DataError` naming the file and, inside it, the JSON path."""
    mend = "Give a leaderboard.json."
    return decode(read_bytes(path, MAX_BYTES, mend, no_file=mend), shown(path))


def label(row: Row) -> str:
    """The method with its parameters, as in a cell's id: `confident[margin=0.3]`."""
    return label_of(row.method, row.parameters)


def largest(setting: SettingRecord) -> list[float] | None:
    """The largest vote share of each holdout row of a judged setting; None where rows have labels."""
    return None if isinstance(setting.judged, UnsetType) else setting.judged.largest


def _schema(text: str) -> str:
    """The version of a document; ours where it says none."""
    try:
        return msgspec.json.decode(text, type=_Versioned).schema
    except (msgspec.DecodeError, RecursionError):
        return SCHEMA


class _Versioned(msgspec.Struct):
    """Only the version of a document."""

    schema: str = SCHEMA
