"""Accuracies by seed, as every reader of foreign results hands them on, and a leaderboard of them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import msgspec

import w2s_harness
from w2s_harness.report.document import document, provenance, records
from w2s_harness.report.sentences.claims import claims_of, decided
from w2s_harness.report.sentences.comparing import ALPHA, corrected
from w2s_harness.run.work.code_digest import library_versions, whole
from w2s_harness.scoring.comparisons.compare import Difference, intervals
from w2s_harness.scoring.comparisons.imported import (
    accuracy_test,
    gap_interval_of,
    no_gap_of,
    pgr_interval_of,
)
from w2s_harness.scoring.points import MIN_GAP, mean, recovered, under
from w2s_harness.scoring.spread.interval import Interval
from w2s_harness.scoring.spread.twoway import quantile

SAME = 1e-12
"""Two numbers of full precision that are closer are the same."""
BySeed = Mapping[int, float]
"""Accuracy on the whole holdout, by seed; at least one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedRow:
    """One method on one setting."""

    method: str
    transfer: BySeed
    baselines: tuple[float, float] | None = None
    """(weak, ceiling) that its files record; None where they record none."""
    subsets: Mapping[str, float] = field(default_factory=dict)
    """Mean accuracy on marked parts of the holdout, as far as every seed has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedSetting:
    """One data set with one teacher and one student: what all its rows share."""

    task: str
    pair: str
    weak: BySeed
    """The weak floor by baseline seed; empty where only the rows record it."""
    ceiling: BySeed
    n_rows: int | None
    """Holdout rows; None where nobody says."""
    rows: Sequence[ImportedRow]
    reference: str
    """The row that is vanilla, by method."""
    weak_model: str = "unknown"
    strong_model: str = "unknown"
    weak_label_acc: float | None = None
    """The teacher on train_unlabel, mean over the baseline seeds."""
    epochs: float | None = None
    lr: float | None = None
    solver: str = "unknown"
    subset_rows: Mapping[str, int] = field(default_factory=dict)
    """Rows of the marked parts."""
    subset_ceilings: Mapping[str, float] = field(default_factory=dict)
    """Mean ceiling on them."""

    @property
    def id(self) -> str:
        """`task/pair`."""
        return f"{self.task}/{self.pair}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """All that was read from a folder."""

    form: str
    """The name of its format."""
    settings: Sequence[ImportedSetting]
    files: Mapping[str, str]
    """SHA-256 of every file that was read, by its path in the folder."""
    mismatches: Sequence[str] = ()
    """A line for each file that contradicts itself or another one."""


def differs(a: float, b: float) -> bool:
    """Whether two numbers of full precision are not the same."""
    return abs(a - b) > SAME


NO_BASELINES = "weak and ceiling are recorded as means only, so their error is not known"
OTHER_BASELINES = "the recorded baselines are not the setting's, so their error is not known"
NO_POOL = "how training pools differ is not recorded, so there is no interval for new ones"


@dataclass(frozen=True, slots=True)
class _Reference:
    """Weak and ceiling of a setting."""

    setting: ImportedSetting
    weak: float
    ceiling: float
    interval: Interval
    """The gap's."""
    no_gap: str | None

    @property
    def gap(self) -> float:
        return self.ceiling - self.weak


def leaderboard_of(found: Imported) -> document.Leaderboard:
    """The document: isolation `imported`, track `unknown`, every statistic ours, with Holm over all rows."""
    references = [_reference(setting) for setting in found.settings]
    rows = decided(_compared([row for reference in references for row in _rows(reference)]))
    versions = {name: v for name, v in library_versions().items() if v is not None}
    return document.Leaderboard(
        schema="w2s-leaderboard/1",
        harness=provenance.HarnessRecord(
            version=w2s_harness.__version__, sha256=whole(), packages=versions, plugins=[]
        ),
        plan={"imported": {"format": found.form, "files": dict(found.files)}, "min_gap": MIN_GAP},
        settings=[_setting(reference) for reference in references],
        rows=rows,
        controls=[],
        claims=claims_of(rows),
        mismatches=list(found.mismatches),
        timing={},
        machine={},
    )


# -- settings ---------------------------------------------------------------------------------------------


def _reference(setting: ImportedSetting) -> _Reference:
    weak, ceiling = list(setting.weak.values()), list(setting.ceiling.values())
    if weak and ceiling:
        interval = gap_interval_of(weak, ceiling, setting.n_rows)
        return _Reference(
            setting, mean(weak), mean(ceiling), interval, no_gap_of(weak, ceiling, setting.n_rows)
        )
    # a reader refuses a setting whose rows record no baselines either
    floor, top = next(row.baselines for row in setting.rows if row.baselines is not None)
    floor, top = mean(weak) if weak else floor, mean(ceiling) if ceiling else top
    none = Interval(None, None, None, NO_BASELINES)
    return _Reference(setting, floor, top, none, under(top - floor, MIN_GAP))


def _setting(reference: _Reference) -> document.SettingRecord:
    setting = reference.setting
    vanilla = [list(row.transfer.values()) for row in setting.rows if row.method == setting.reference]
    spread = statistics.stdev(vanilla[0]) if vanilla and len(vanilla[0]) > 1 else 0.0
    return document.SettingRecord(
        task=setting.task,
        pair=setting.pair,
        mode="finetune",
        solver=setting.solver,
        n_test=setting.n_rows or 0,
        weak=_baseline(reference.weak, setting.weak),
        ceiling=_baseline(reference.ceiling, setting.ceiling),
        weak_label_acc=setting.weak_label_acc,
        gap=reference.gap,
        gap_ci=reference.interval.bounds,
        reason=reference.no_gap or reference.interval.reason,
        hyper=provenance.Hyper(C=None, epochs=setting.epochs, lr=setting.lr, grid={}),
        exposure="public",
        data_digest="",
        n_cut=0,
        subsets={
            name: document.SubsetBaseline(n_test=n, weak=None, ceiling=setting.subset_ceilings[name])
            for name, n in setting.subset_rows.items()
        },
        clusters=None,
        min_gap=MIN_GAP,
        models={"weak": _model(setting.weak_model), "strong": _model(setting.strong_model)},
        baseline_seeds=sorted({*setting.weak, *setting.ceiling}),
        # equal accuracies do not tell that two runs never differ
        noise_floor=math.sqrt(2) * spread or None,
        holdout_rows="unknown",
    )


def _baseline(value: float, known: BySeed) -> document.Baseline:
    per_seed = [document.SeedAccuracy(seed=seed, accuracy=a) for seed, a in known.items()]
    return document.Baseline(mean=value, per_seed=per_seed)


def _model(source: str) -> provenance.ModelRecord:
    return provenance.ModelRecord(source=source, revision=None, dtype="unknown", sha256=None)


# -- rows -------------------------------------------------------------------------------------------------


def _rows(reference: _Reference) -> list[document.Row]:
    """The rows of a setting, best first."""
    setting = reference.setting
    known = {row.method: row.transfer for row in setting.rows}
    ranks = _ranks(known, setting.n_rows) if reference.no_gap is None else {}
    vanilla = known.get(setting.reference)
    made = [_row(reference, row, vanilla, ranks.get(row.method)) for row in setting.rows]
    return sorted(made, key=lambda row: (-(row.transfer.mean or 0.0), row.method))


def _ranks(rows: Mapping[str, BySeed], n_rows: int | None) -> dict[str, tuple[int, int]]:
    """The rank interval of each row: `compare.intervals` with `accuracy_test` for the test of a pair."""
    tests = {}
    for (i, a), (j, b) in combinations(enumerate(rows.values()), 2):
        found = accuracy_test(a, b, n_rows)
        tests[i, j] = (found.estimate, 1.0 if found.p is None else found.p)
    return dict(zip(rows, intervals(len(rows), tests, alpha=ALPHA), strict=True))


def _row(
    reference: _Reference, row: ImportedRow, vanilla: BySeed | None, rank: tuple[int, int] | None
) -> document.Row:
    setting, values = reference.setting, list(row.transfer.values())
    own = _own_baselines(reference, row)
    weak, ceiling = own or (reference.weak, reference.ceiling)
    no_gap = under(ceiling - weak, MIN_GAP) if own else reference.no_gap
    known = list(setting.weak.values()), list(setting.ceiling.values())
    if not all(known):
        interval = Interval(None, None, None, NO_BASELINES)
    elif own is not None:
        interval = Interval(None, None, None, OTHER_BASELINES)
    else:
        interval = pgr_interval_of(*known, row.transfer, setting.n_rows)
    per_seed = [recovered(t, weak, ceiling) if ceiling != weak else None for t in values]
    shown = [p for p in per_seed if p is not None] if no_gap is None else []
    other = None if row.method == setting.reference else vanilla
    versus = accuracy_test(row.transfer, other, setting.n_rows) if other is not None else None
    spread = statistics.stdev(shown) if len(shown) > 1 else 0.0
    return document.Row(
        method=row.method,
        parameters={},
        task=setting.task,
        pair=setting.pair,
        status="ok" if no_gap is None else "no-gap",
        track="unknown",
        rank=rank if no_gap is None else None,
        pgr=recovered(mean(values), weak, ceiling) if no_gap is None else None,
        pgr_ci=interval.bounds if no_gap is None else None,
        pgr_ci_pool=None,
        pgr_sem=spread / math.sqrt(len(shown)) if spread else None,
        reason=no_gap or interval.reason or (versus and versus.reason) or NO_POOL,
        transfer=document.Transfer(
            mean=mean(values),
            per_seed=[
                document.SeedTransfer(seed=seed, accuracy=a, pgr=p, error=None)
                for (seed, a), p in zip(row.transfer.items(), per_seed, strict=True)
            ],
        ),
        access=[],
        attempts=1,
        isolation="imported",
        verdicts=[],
        compute=provenance.Compute(fits=0, tokens=0, flops=0.0),
        solver=setting.solver,
        exposure="public",
        source=provenance.SourceRecord(distribution=None, version=None, sha256=None, editable=False),
        by_subset={
            name: document.SubsetScore(accuracy=a, pgr=None, reason="the weak floor on it is not recorded")
            for name, a in row.subsets.items()
            if name in setting.subset_rows
        },
        vs_vanilla=_versus(reference, versus, own) if versus is not None else None,
        baselines=records.RowBaselines(weak=own[0], ceiling=own[1]) if own else None,
    )


def _own_baselines(reference: _Reference, row: ImportedRow) -> tuple[float, float] | None:
    """The baselines that a row records, where they are not the setting's."""
    if row.baselines is None:
        return None
    pairs = zip(row.baselines, (reference.weak, reference.ceiling), strict=True)
    return row.baselines if any(differs(a, b) for a, b in pairs) else None


def _versus(reference: _Reference, found: Difference, own: tuple[float, float] | None) -> document.Comparison:
    """The comparison before correction; in PGR only over the setting's own gap."""
    gap = reference.gap if reference.no_gap is None and own is None else 0.0
    return document.Comparison(
        against=reference.setting.reference,
        difference=found.estimate,
        ci=found.ci,
        pgr=found.estimate / gap if gap else None,
        pgr_ci=_in_pgr(found, gap, reference.interval) if gap else None,
        p=found.p,
        p_holm=None,
        significant=False,
    )


def _in_pgr(difference: Difference, width: float, gap: Interval) -> tuple[float, float] | None:
    """The 95 % interval of difference / gap by the delta method; None where either has no interval.

    With r = difference / gap, V = (V_d + r^2 V_gap) / gap^2: the two share no seeds and no rows that could
    be paired. df is Satterthwaite's (1946) over both terms.
    """
    bounds = gap.bounds
    if difference.ci is None or difference.df is None or bounds is None or gap.df is None:
        return None
    ratio = difference.estimate / width
    terms = [
        (_variance(difference.ci, difference.df) / width**2, difference.df),
        (_variance(bounds, gap.df) * ratio**2 / width**2, gap.df),
    ]
    total = math.fsum(v for v, _ in terms)
    doubt = math.fsum(v**2 / df for v, df in terms)
    half = quantile(total**2 / doubt) * math.sqrt(total) if doubt > 0 else 0.0
    return ratio - half, ratio + half


def _variance(bounds: tuple[float, float], df: float) -> float:
    """The variance behind a 95 % t interval."""
    return ((bounds[1] - bounds[0]) / 2 / quantile(df)) ** 2


def _compared(rows: Sequence[document.Row]) -> list[document.Row]:
    """The rows with their comparisons corrected over all but the references; one without a test has p = 1."""
    tested = [row.vs_vanilla for row in rows]
    references = {(row.task, row.pair, row.vs_vanilla.against) for row in rows if row.vs_vanilla}
    family = [i for i, row in enumerate(rows) if (row.task, row.pair, row.method) not in references]
    pairs = zip(rows, corrected(tested, family), strict=True)
    return [msgspec.structs.replace(row, vs_vanilla=c) for row, c in pairs]
