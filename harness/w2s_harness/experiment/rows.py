"""The rows of a leaderboard: what the cells of one method on one setting add up to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
from msgspec import UNSET

from w2s_harness.experiment.baselines import Baseline
from w2s_harness.experiment.one_cell import Job, Record
from w2s_harness.experiment.predictions import PREDICTIONS_ONLY
from w2s_harness.experiment.setting import Setting
from w2s_harness.isolation.levels import LAYERS, lowest
from w2s_harness.plan import PlannedMethod
from w2s_harness.report import document, records
from w2s_harness.report.comparing import NO_SOLVER
from w2s_harness.report.notation import ELSEWHERE, NOT_ISOLATED
from w2s_harness.scoring import interval, pgr, rank
from w2s_harness.scoring.accuracy import unpack
from w2s_harness.scoring.pool import pgr_pool
from w2s_harness.scoring.twoway import Block, block
from w2s_harness.types import Track, Verdict

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Weak floor and ceiling of a setting, as scoring needs them."""

    setting: Setting
    weak: Floats
    """(S, n_test) outcomes over the baseline seeds."""
    ceiling: Floats
    base: interval.Baselines
    no_gap: str | None
    min_gap: float

    def accuracies(self, mask: npt.NDArray[np.bool_] | None = None) -> tuple[list[float], list[float]]:
        """Per-seed accuracies of weak and ceiling, on the rows of `mask`."""
        part = slice(None) if mask is None else mask
        return [float(r[part].mean()) for r in self.weak], [float(r[part].mean()) for r in self.ceiling]


def reference(setting: Setting, baseline: Baseline, seeds: Sequence[int], min_gap: float) -> Reference:
    """The reference lines of a setting over its baseline seeds."""
    weak = np.stack([baseline.weak[s] for s in seeds])
    ceiling = np.stack([baseline.ceiling[s] for s in seeds])
    base = interval.baselines(list(seeds), weak, ceiling, setting.test.groups)
    return Reference(setting, weak, ceiling, base, interval.no_gap(base, min_gap=min_gap), min_gap)


@dataclass
class Tally:
    """One row in the making: its cells and what they came to."""

    method: PlannedMethod
    reference: Reference
    cells: list[tuple[Job, Record]]
    verdicts: list[Verdict] = field(default_factory=list)
    attempts: int = 1
    """How many attempts the store saw on its holdout."""

    @property
    def status(self) -> rank.Status:
        """The row's status."""
        return rank.status(
            disqualified=any(v.level == "disqualify" for v in self.verdicts),
            failed=any("error" in r for _, r in self.cells),
            skipped=any("skipped" in r for _, r in self.cells),
            no_gap=self.reference.no_gap is not None,
        )

    @cached_property
    def outcomes(self) -> dict[int, Floats]:
        """(n_test,) outcomes by seed, of the cells that ended well."""
        n = len(self.reference.setting.test)
        return {
            job.cell.seed: unpack(r["outcomes"], r["ties"], n) for job, r in self.cells if "outcomes" in r
        }

    @property
    def solver(self) -> str:
        """The solver of its fits, `none` without a fit."""
        used = sorted({s for _, r in self.cells for s in r.get("solvers", ())})
        return "+".join(used) or NO_SOLVER

    @property
    def flops(self) -> float:
        """What its cells that ended well were charged."""
        return float(sum(r["compute"]["flops"] for _, r in self.cells if "compute" in r))

    def block(self) -> Block | None:
        """All its seeds' outcomes, or None where one is missing."""
        return self._block

    @cached_property
    def _block(self) -> Block | None:
        found = self.outcomes
        if len(found) < len(self.cells) or not found:
            return None
        return block(list(found), np.stack(list(found.values())), self.reference.setting.test.groups)

    def entry(self) -> rank.Entry:
        """What ranking needs of it."""
        whole, score = self.block(), self.score()
        accuracy = float(np.mean([r.mean() for r in self.outcomes.values()])) if whole else None
        return rank.Entry(
            self.method.id, self.status, _track(self), score.mean if score else None, accuracy, whole
        )

    def score(self, mask: npt.NDArray[np.bool_] | None = None) -> pgr.Pgr | None:
        """Its PGR (on the rows of `mask`), or None where a seed is missing."""
        if self.block() is None:
            return None
        part = slice(None) if mask is None else mask
        weak, ceiling = self.reference.accuracies(mask)
        transfer = [float(r[part].mean()) for r in self.outcomes.values()]
        return pgr.pgr(weak, ceiling, transfer, min_gap=self.reference.min_gap)


def rows(tallies: Sequence[Tally]) -> list[document.Row]:
    """The rows of one setting, in the order in which they stand on the leaderboard."""
    entries = [t.entry() for t in tallies]
    places = rank.ranks(entries)
    return [_row(tallies[i], places[i]) for i in rank.order(entries)]


def _row(tally: Tally, place: tuple[int, int] | None) -> document.Row:
    score, status = tally.score(), tally.status
    counts = score is not None and status in ("ok", "disqualified") and tally.reference.no_gap is None
    whole = tally.block()
    bounds = (
        interval.pgr_interval(tally.reference.base, whole, min_gap=tally.reference.min_gap)
        if counts and whole is not None
        else None
    )
    pooled = (
        pgr_pool(tally.reference.base, whole, min_gap=tally.reference.min_gap).interval.bounds
        if bounds is not None and whole is not None
        else None
    )
    value = score.mean if score is not None and counts else None
    source = tally.method.source
    isolation = [kept for _, record in tally.cells if (kept := record.get("isolation"))]
    levels = [kept["level"] for kept in isolation]
    level = PREDICTIONS_ONLY if PREDICTIONS_ONLY in levels else lowest(levels)
    return document.Row(
        method=tally.method.name,
        parameters=dict(tally.method.changed),
        task=tally.reference.setting.task.id,
        pair=tally.reference.setting.pair.name,
        status=status,
        track=_track(tally),
        rank=place,
        pgr=value,
        pgr_ci=bounds.bounds if bounds else None,
        pgr_ci_pool=pooled,
        pgr_sem=score.sem if score is not None and counts else None,
        reason=_reason(tally, status, bounds),
        transfer=_transfer(tally, score if counts else None),
        access=list(tally.cells[0][0].access),
        attempts=tally.attempts,
        isolation=level,
        layers=[name for name in LAYERS if isolation and all(name in kept["layers"] for kept in isolation)],
        verdicts=[
            records.VerdictRecord(
                guard=v.guard,
                level=v.level,
                because=v.because,
                numbers=dict(v.numbers),
                again=v.again,
                finding=v.finding,
            )
            for v in tally.verdicts
        ],
        compute=_compute(tally),
        solver=tally.solver,
        exposure=tally.reference.setting.task.exposure,
        source=records.SourceRecord(
            distribution=source.distribution,
            version=source.version,
            sha256=source.sha256,
            editable=source.editable,
        ),
        by_subset=_by_subset(tally),
        teacher_dependence=_dependence(tally),
        unverified=_unverified(tally, level),
    )


def _track(tally: Tally) -> Track:
    """What a guard says, else what the method says of itself."""
    return next((v.track for v in tally.verdicts if v.track is not None), tally.method.track)


def _dependence(tally: Tally) -> float | None:
    """T, where a guard measured it."""
    return next((v.numbers["T"] for v in tally.verdicts if "T" in v.numbers), None)


def _unverified(tally: Tally, level: str) -> str | None:
    """Why the row's numbers are not to be trusted as a verified one's are."""
    if level == "L0" and any("accuracy" in record for _, record in tally.cells):
        return NOT_ISOLATED
    if level == PREDICTIONS_ONLY:
        return ELSEWHERE
    broken = sorted({v.guard for v in tally.verdicts if v.level == "error"})
    return f"guards that failed: {', '.join(broken)}" if broken else None


def _reason(tally: Tally, status: rank.Status, bounds: interval.Interval | None) -> str | None:
    """Why a number is null or the row is not ok; the first failed seed's own words."""
    if status == "disqualified":
        return next(v.because for v in tally.verdicts if v.level == "disqualify")
    for job, record in tally.cells:
        if "error" in record:
            first = str(record["error"]).partition("\n")[0]
            return f"seed {job.cell.seed}: {first}"
        if "skipped" in record:
            return str(record["skipped"])
    if tally.reference.no_gap is not None:
        return tally.reference.no_gap
    return bounds.reason if bounds is not None else None


def _transfer(tally: Tally, score: pgr.Pgr | None) -> document.Transfer:
    is_open = tally.reference.setting.task.exposure != "private"
    weak, ceiling = tally.reference.accuracies()
    floor, top = pgr.mean(weak), pgr.mean(ceiling)
    has_gap = tally.reference.no_gap is None
    per_seed = []
    for job, record in tally.cells:
        accuracy = record.get("accuracy")
        per_seed.append(
            document.SeedTransfer(
                seed=job.cell.seed,
                accuracy=accuracy,
                pgr=pgr.recovered(accuracy, floor, top) if accuracy is not None and has_gap else None,
                error=record.get("error") or record.get("skipped"),
                outcomes=record["outcomes"] if is_open and "outcomes" in record else UNSET,
                ties=record["ties"] if is_open and record.get("ties") else UNSET,
            )
        )
    known = [s.accuracy for s in per_seed if s.accuracy is not None]
    return document.Transfer(
        mean=pgr.mean(known) if known and len(known) == len(per_seed) else None, per_seed=per_seed
    )


def _compute(tally: Tally) -> records.Compute:
    """Summed over the row's cells that ended well."""
    found: list[Mapping[str, float]] = [r["compute"] for _, r in tally.cells if "compute" in r]
    return records.Compute(
        fits=sum(int(c["fits"]) for c in found),
        tokens=sum(int(c["tokens"]) for c in found),
        flops=tally.flops,
    )


def _by_subset(tally: Tally) -> dict[str, document.SubsetScore]:
    out = {}
    for name, mask in subsets(tally.reference.setting).items():
        score = tally.score(mask)
        found = [float(r[mask].mean()) for r in tally.outcomes.values()]
        reason = (
            None
            if score is not None and score.mean is not None
            else (score.reason if score else "a seed failed")
        )
        out[name] = document.SubsetScore(
            accuracy=pgr.mean(found) if score is not None else None,
            pgr=score.mean if score is not None else None,
            reason=reason,
        )
    return out


def subsets(setting: Setting) -> dict[str, npt.NDArray[np.bool_]]:
    """(n_test,) masks of the holdout's marked parts, by mark; none where all rows have the same mark."""
    marks = np.array(setting.test.subsets)
    names = sorted({m for m in setting.test.subsets if m})
    return {name: marks == name for name in names} if len(names) > 1 else {}
