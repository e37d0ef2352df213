"""The rows of a leaderboard: what the cells of one method on one setting add up to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import UNSET

from w2s_harness.contract.plan import Authorship, PlannedMethod
from w2s_harness.contract.types import Track, Verdict
from w2s_harness.jail.levels import LAYERS, lowest
from w2s_harness.report.document import document, provenance, records
from w2s_harness.report.notation import ELSEWHERE, NOT_ISOLATED
from w2s_harness.report.sentences.comparing import NO_SOLVER
from w2s_harness.run.board.rows import voters
from w2s_harness.run.board.shared import SharedResults
from w2s_harness.run.cell.cell_result import CellCompute, CellResult, Ended
from w2s_harness.run.plan.predictions import PREDICTIONS_ONLY
from w2s_harness.run.work.setting.setting import Setting
from w2s_harness.scoring import points
from w2s_harness.scoring.comparisons import compare
from w2s_harness.scoring.spread import interval
from w2s_harness.scoring.spread.blocks import Block, Clusters, block
from w2s_harness.scoring.spread.pool import pgr_pools
from w2s_harness.students.control import FitFacts

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Reference:
    """Weak floor and ceiling of a setting, as scoring needs them."""

    setting: Setting
    weak: Floats
    """(S, n_test) outcomes over the baseline seeds; of a judged task against the majority vote."""
    ceiling: Floats
    base: interval.WeakAndCeiling
    no_gap: str | None
    min_gap: float
    clusters: Clusters
    """The questions of the holdout."""

    @cached_property
    def by_vote(self) -> voters.Lines | None:
        """Weak and ceiling vote by vote; None where the holdout has labels."""
        return voters.Lines.of(self.setting, self.clusters, weak=self.weak, ceiling=self.ceiling)

    @cached_property
    def subsets(self) -> dict[str, npt.NDArray[np.bool_]]:
        """`subsets` of the setting."""
        return subsets(self.setting)

    def accuracies(self, mask: npt.NDArray[np.bool_] | None = None) -> tuple[list[float], list[float]]:
        """Per-seed accuracies of weak and ceiling, on the rows of `mask`."""
        found = (self.setting.agreement(right) for right in (self.weak, self.ceiling))
        weak, ceiling = (_accuracies(x if mask is None else x[:, mask]) for x in found)
        return weak, ceiling


def reference(setting: Setting, baseline: SharedResults, seeds: Sequence[int], min_gap: float) -> Reference:
    """The reference lines of a setting over its baseline seeds."""
    weak = np.stack([baseline.weak[s] for s in seeds])
    ceiling = np.stack([baseline.ceiling[s] for s in seeds])
    clusters = Clusters.of(setting.test.groups)
    lines = (setting.agreement(weak), setting.agreement(ceiling))
    base = interval.baselines(list(seeds), *lines, clusters)
    no_gap = interval.no_gap(base, min_gap=min_gap)
    return Reference(setting, weak, ceiling, base, no_gap, min_gap, clusters)


def _accuracies(outcomes: Floats) -> list[float]:
    """Of (S, n) outcomes, whose sums are exact."""
    found: list[float] = (outcomes.sum(axis=1) / outcomes.shape[1]).tolist()
    return found


@dataclass
class Tally:
    """One row in the making: its cells and what they came to."""

    method: PlannedMethod
    reference: Reference
    cells: list[Ended]
    verdicts: list[Verdict] = field(default_factory=list)
    attempts: int = 1
    """How many attempts the store saw on its holdout."""
    again: str = ""
    """The command that shows it again."""
    own: records.Own | None = None
    """How much of it is the teacher's own; None where that was not asked."""

    @cached_property
    def status(self) -> compare.Status:
        """As `rank.status`."""
        return compare.status(
            disqualified=any(v.level == "disqualify" for v in self.verdicts),
            failed=any(e.error is not None for e in self.cells),
            skipped=any(e.skipped is not None for e in self.cells),
            no_gap=self.reference.no_gap is not None,
        )

    @property
    def counts(self) -> bool:
        """Whether it has a PGR to be shown."""
        return self.is_whole and self.status in ("ok", "disqualified") and self.reference.no_gap is None

    @property
    def is_whole(self) -> bool:
        """Whether every seed ended well."""
        return self.block is not None

    @property
    def outcomes(self) -> Floats:
        """(S, n_test) what each row counts in the cells that ended well; made anew, since they are large."""
        return self.reference.setting.agreement(self.right)

    @property
    def right(self) -> Floats:
        """(S, n_test) their outcomes as `Setting.right` gives them."""
        found, setting = [cell.scored for cell in self.well], self.reference.setting
        return setting.unpacked(found) if found else np.empty((0, len(setting.test)))

    @property
    def well(self) -> list[CellResult]:
        """Its cells that ended well."""
        return [found for e in self.cells if (found := e.result) is not None]

    @cached_property
    def solver(self) -> str:
        """The solver of its fits, `none` without a fit."""
        used = sorted({solver for cell in self.well for solver in cell.solvers})
        return "+".join(used) or NO_SOLVER

    @cached_property
    def flops(self) -> float:
        """What its cells that ended well were charged."""
        return float(sum(cell.compute.flops for cell in self.well))

    @cached_property
    def accuracies(self) -> list[float]:
        """Of the seeds that ended well."""
        return _accuracies(self.outcomes)

    @cached_property
    def block(self) -> Block | None:
        """All its seeds' outcomes, or None where one is missing."""
        if not self.cells or len(self.well) < len(self.cells):
            return None
        return block([e.seed for e in self.cells], self.outcomes, self.reference.clusters)

    def entry(self) -> compare.RankedRow:
        """What ranking needs of it."""
        score = self.score
        value, accuracy = (score.mean, points.mean(self.accuracies)) if score else (None, None)
        return compare.RankedRow(self.method.id, self.status, _track(self), value, accuracy, self.block)

    @cached_property
    def score(self) -> points.Pgr | None:
        """Its PGR, or None where a seed is missing."""
        return self._pgr(self.accuracies) if self.is_whole else None

    def _pgr(self, transfer: Sequence[float], mask: npt.NDArray[np.bool_] | None = None) -> points.Pgr:
        weak, ceiling = self.reference.accuracies(mask)
        return points.pgr(weak, ceiling, transfer, min_gap=self.reference.min_gap)

    def by_subset(self) -> dict[str, document.SubsetScore]:
        """Its scores on the marked parts of the holdout."""
        masks = self.reference.subsets
        if not masks or not self.is_whole:
            missing = document.SubsetScore(accuracy=None, pgr=None, reason="a seed failed")
            return dict.fromkeys(masks, missing)
        found, out = self.outcomes, {}
        for name, mask in masks.items():
            transfer = _accuracies(found[:, mask])
            score = self._pgr(transfer, mask)
            out[name] = document.SubsetScore(
                accuracy=points.mean(transfer), pgr=score.mean, reason=score.reason
            )
        return out


def ranked(tallies: Sequence[Tally]) -> list[tuple[document.Row, Tally]]:
    """The rows of one setting, in the order in which they stand on the leaderboard."""
    entries = [t.entry() for t in tallies]
    places, bounds = compare.ranks(entries), _bounds(tallies)
    return [(_row(tallies[i], places[i], bounds.get(i)), tallies[i]) for i in compare.order(entries)]


_Bounds = tuple[interval.Interval, interval.Interval]
"""For this training pool and for new ones."""


def _bounds(tallies: Sequence[Tally]) -> dict[int, _Bounds]:
    """The intervals of the PGRs that count, by position in the tallies of one setting."""
    known = {i: whole for i, t in enumerate(tallies) if t.counts and (whole := t.block) is not None}
    if not known:
        return {}
    reference, transfers = tallies[0].reference, list(known.values())
    own = interval.pgr_intervals(reference.base, transfers, min_gap=reference.min_gap)
    pooled = pgr_pools(reference.base, transfers, min_gap=reference.min_gap)
    return {i: (a, b.interval) for i, a, b in zip(known, own, pooled, strict=True)}


def _row(tally: Tally, place: tuple[int, int] | None, bounds: _Bounds | None) -> document.Row:
    score = tally.score if tally.counts else None
    value = score.mean if score is not None else None
    source, (own, pool) = tally.method.source, bounds or (None, None)
    lines = [tally.reference.base.weak, *([] if tally.block is None else [tally.block])]
    isolation = [kept for e in tally.cells if (kept := e.isolation) is not None]
    levels = [kept.level for kept in isolation if kept.level != PREDICTIONS_ONLY]
    level = lowest(levels) if len(levels) == len(isolation) else PREDICTIONS_ONLY
    return document.Row(
        method=tally.method.name,
        parameters=dict(tally.method.changed),
        task=tally.reference.setting.task.id,
        pair=tally.reference.setting.pair.name,
        status=tally.status,
        track=_track(tally),
        rank=place,
        pgr=value,
        pgr_ci=own.bounds if own else None,
        pgr_ci_pool=pool.bounds if pool else None,
        pgr_sem=score.sem if score is not None else None,
        reason=_reason(tally, own),
        transfer=_transfer(tally),
        access=list(tally.cells[0].work.access),
        attempts=tally.attempts,
        isolation=level,
        layers=[name for name in LAYERS if isolation and all(name in kept.layers for kept in isolation)],
        verdicts=[msgspec.convert(v, records.VerdictRecord, from_attributes=True) for v in tally.verdicts],
        again=tally.again,
        compute=_compute(tally),
        fits=_fits(tally.well),
        solver=tally.solver,
        exposure=tally.reference.setting.task.exposure,
        source=provenance.SourceRecord(
            distribution=source.distribution,
            version=source.version,
            sha256=source.sha256 or None,
            editable=source.editable,
            shipped=source.is_shipped,
        ),
        by_subset=tally.by_subset(),
        **_authored(tally.method.author),
        teacher_dependence=next((t for v in tally.verdicts if (t := v.teacher_dependence) is not None), None),
        own=tally.own,
        unreliable=interval.unreliable(lines),
        warnings=[own.warning] if own is not None and own.warning is not None else [],
        unverified=_unverified(tally, level),
        judged=UNSET
        if (votes := tally.reference.by_vote) is None
        else voters.row(votes, tally.right, value, tally.reference.no_gap)
        if tally.is_whole
        else records.JudgedRow(accuracy_ci=None, pgr_ci=None, reason="a seed failed"),
    )


def _track(tally: Tally) -> Track:
    """What echo and decoy say where they have decided, what a guard says, what the method says of itself."""
    if tally.own is not None and tally.own.verdict == "elicitation":
        return "elicitation"
    return next((v.track for v in tally.verdicts if v.track is not None), tally.method.track)


def _unverified(tally: Tally, level: str) -> str | None:
    """Why the row's numbers are not to be trusted as a verified one's are."""
    if level == "L0" and tally.well:
        return NOT_ISOLATED
    if level == PREDICTIONS_ONLY:
        return ELSEWHERE
    broken = sorted({v.guard for v in tally.verdicts if v.level == "error"})
    return f"guards that failed: {', '.join(broken)}" if broken else None


def _authored(author: Authorship | None) -> dict[str, Any]:
    """Who wrote it and what it cost, of a method that says so."""
    if author is None:
        return {}
    cost = {} if author.usd is None else {"cost": provenance.Cost(usd=author.usd)}
    return {"author": provenance.Author(kind=author.kind, who=author.who, hours=author.hours), **cost}


def _reason(tally: Tally, bounds: interval.Interval | None) -> str | None:
    """Why a number is null or the row is not ok; the first failed seed's own words."""
    if tally.status == "disqualified":
        return next(v.because for v in tally.verdicts if v.level == "disqualify")
    # With -x the seeds that were not run stand before the one that failed, as often as not.
    for ended in sorted(tally.cells, key=lambda e: not getattr(e.outcome, "was_run", True)):
        if ended.error is not None:
            return f"seed {ended.seed}: {ended.error.partition(chr(10))[0]}"
        if ended.skipped is not None:
            return ended.skipped
    if tally.reference.no_gap is not None:
        return tally.reference.no_gap
    return bounds.reason if bounds is not None else None


def _transfer(tally: Tally) -> document.Transfer:
    is_open = tally.reference.setting.task.exposure != "private"
    floor, top = map(points.mean, tally.reference.accuracies())
    per_seed = []
    for ended in tally.cells:
        if ended.result is None:
            why = ended.error or ended.skipped
            per_seed.append(document.SeedTransfer(seed=ended.seed, accuracy=None, pgr=None, error=why))
            continue
        scored = ended.result.scored
        per_seed.append(
            document.SeedTransfer(
                seed=ended.seed,
                accuracy=scored.accuracy,
                pgr=None if tally.reference.no_gap else points.recovered(scored.accuracy, floor, top),
                error=None,
                outcomes=scored.outcomes if is_open else UNSET,
                ties=scored.ties if is_open and scored.ties else UNSET,
            )
        )
    known = [s.accuracy for s in per_seed if s.accuracy is not None]
    return document.Transfer(mean=points.mean(known) if tally.is_whole else None, per_seed=per_seed)


def _compute(tally: Tally) -> provenance.Compute:
    """Summed over the row's cells that ended well."""
    found = [asdict(cell.compute) for cell in tally.well]
    total = {field.name: sum(each[field.name] for each in found) for field in fields(CellCompute)}
    return provenance.Compute(**total | {"flops": tally.flops, "epochs": float(total["epochs"])})


def _fits(cells: Iterable[CellResult]) -> list[provenance.Fits]:
    """The fits of a row's cells by model, solver and loss, each with its least and greatest numbers."""
    groups: dict[tuple[int, str, str], list[FitFacts]] = {}
    for cell in cells:
        for each in cell.fits:
            groups.setdefault((each.model, each.solver, each.loss), []).append(each)
    return [
        provenance.Fits(
            model=model, solver=solver, loss=loss, count=len(found),
            rows=_span(found, "rows"), weight=_span(found, "weight"), steps=_span(found, "steps"),
            epochs=_span(found, "epochs"), sharpness=_span(found, "sharpness"),
            c_effective=None if found[0].c_effective is None else _span(found, "c_effective"),
        )
        for (model, solver, loss), found in sorted(groups.items())
    ]  # fmt: skip


def _span(found: list[FitFacts], name: str) -> tuple[Any, Any]:
    values = [getattr(each, name) for each in found]
    return min(values), max(values)


def subsets(setting: Setting) -> dict[str, npt.NDArray[np.bool_]]:
    """(n_test,) masks of the holdout's marked parts, by mark; none where all rows have the same mark."""
    marks = np.array(setting.test.subsets)
    names = sorted({m for m in setting.test.subsets if m})
    return {name: marks == name for name in names} if len(names) > 1 else {}
