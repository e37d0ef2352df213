"""The rows of a run with all that is said of them beside their own PGR."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from w2s_harness.experiment.keys import Keys
from w2s_harness.experiment.predictions import is_predictions
from w2s_harness.experiment.rows import Tally
from w2s_harness.experiment.store import Store
from w2s_harness.plan import Plan
from w2s_harness.report.claims import seeds_sentence
from w2s_harness.report.comparing import (
    ALPHA,
    NO_SOLVER,
    VANILLA,
    Scored,
    against,
    against_each,
    same_solver,
)
from w2s_harness.report.document import Row, label
from w2s_harness.report.records import BestOf, Calibration
from w2s_harness.scoring import best_of, bootstrap, calibration, power
from w2s_harness.scoring.accuracy import outcomes
from w2s_harness.scoring.twoway import Block, block

Floats = npt.NDArray[np.float64]
AT_COMPUTE = "vanilla@C"
"""The reference of `vs_compute`: an ensemble of vanilla students of at most the row's compute."""
MOST_MEMBERS = 16
"""Of `vanilla@C`: more than these change next to nothing and would cost as much as the method."""


MOST_NEEDS = 500
"""Rows of a plan of which it is said how many seeds they need; it takes some 10 ms a row."""


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """Reference students that no method of the plan asked for."""

    outcomes: Mapping[tuple[str, str, int], Mapping[int, Floats]] = field(default_factory=dict)
    """(n_test,) by seed, of vanilla with so many members, by (setting id, solver, members)."""

    def block(self, tally: Tally, solver: str, members: int) -> Block | None:
        """The outcomes of one of them on a tally's setting, or None."""
        found = self.outcomes.get((tally.reference.setting.id, solver, members))
        if not found:
            return None
        return block(list(found), np.stack(list(found.values())), tally.reference.setting.test.groups)


NOTHING_BESIDE = Beside()


def wanted(tallies: Sequence[Tally]) -> set[tuple[str, str, int]]:
    """Which of `Beside.outcomes` the rows need, as (setting id, solver, members).

    One member where no vanilla of the plan has the row's solver; more for an ensemble of the row's compute.
    """
    out = set()
    for tally in tallies:
        beside = [t for t in _same_setting(tally, tallies) if _is_vanilla(t)]
        if tally.block() is None or tally.solver == NO_SOLVER or not beside:
            continue
        setting, solver = tally.reference.setting.id, reference_solver(tally)
        if all(t.solver != tally.solver for t in beside):
            out.add((setting, solver, 1))
        if (m := members(tally, tallies)) >= 2:
            out.add((setting, solver, m))
    return out


def reference_solver(tally: Tally) -> str:
    """The solver of the vanilla that a row is compared with: `path` as soon as one of its fits used it."""
    return "path" if "path" in tally.solver.split("+") else tally.solver


def completed(plan: Plan, pairs: Sequence[tuple[Row, Tally]], beside: Beside, store: Store) -> list[Row]:
    """The rows with their comparisons, compute, calibration, best-of-k and warnings."""
    tallies = [tally for _, tally in pairs]
    scored = [_scored(row, tally) for row, tally in pairs]
    single = _single(pairs, beside)
    attempts = plan.attempts
    vanilla = against(scored, VANILLA, beside=single, attempts=[attempt.p for attempt in attempts])
    others = [against(scored, name, attempts=[None] * len(attempts)) for name in plan.against]
    ensembles = [
        beside.block(t, reference_solver(t), m) if (m := members(t, tallies)) >= 2 else None for t in tallies
    ]
    equal = against_each(scored, AT_COMPUTE, ensembles)
    best = _best(pairs)
    return [
        msgspec.structs.replace(
            row,
            vs_vanilla=vanilla[i],
            versus=[c for column in others if (c := column[i]) is not None],
            vs_compute=equal[i],
            flops_over_vanilla=times(tally, tallies),
            calibration=_calibration(tally, store),
            best_of=best.get(i),
            warnings=_warnings(tally),
        )
        for i, (row, tally) in enumerate(pairs)
    ]


def needed(pairs: Sequence[tuple[Row, Tally]], beside: Beside) -> Callable[[Row], str]:
    """What would let a row's comparison with vanilla tell a difference of the size that it saw.

    With a chance of 80 %, at the level that Holm asks of the first of the plan's comparisons.
    """
    single = _single(pairs, beside)
    own = {(r.task, r.pair, r.solver): t.block() for r, t in pairs if _is_vanilla(t)}
    references = {**single, **{key: found for key, found in own.items() if found is not None}}
    tallies = {(row.task, row.pair, label(row)): tally for row, tally in pairs}
    if len(pairs) > MOST_NEEDS:
        return lambda row: ""
    alpha = ALPHA / max(1, sum(not _is_vanilla(t) for _, t in pairs))

    def sentence(row: Row) -> str:
        tally = tallies[(row.task, row.pair, label(row))]
        reference = same_solver((row.task, row.pair), row.solver, references)
        a, difference = tally.block(), row.vs_vanilla.difference if row.vs_vanilla else None
        if (
            a is None
            or reference is None
            or not difference
            or row.vs_vanilla is None
            or row.vs_vanilla.p is None
        ):
            return ""
        found = power.components(a, reference)
        return seeds_sentence(power.seeds_needed(found, difference, a.values.shape[1], alpha=alpha))

    return sentence


def _single(pairs: Sequence[tuple[Row, Tally]], beside: Beside) -> dict[tuple[str, str, str], Block]:
    """Vanilla by solvers that no row of vanilla used, by (task, pair, solver of the row)."""
    return {
        (row.task, row.pair, row.solver): found
        for row, tally in pairs
        if (found := beside.block(tally, reference_solver(tally), 1)) is not None
    }


def times(tally: Tally, tallies: Sequence[Tally]) -> float | None:
    """A row's FLOPs over those of vanilla on the same setting; None without either or if it ran elsewhere."""
    if is_predictions(tally.method):
        return None
    base = next((t.flops for t in _same_setting(tally, tallies) if _is_vanilla(t)), None)
    return tally.flops / base if base and tally.block() is not None else None


def members(tally: Tally, tallies: Sequence[Tally]) -> int:
    """How many vanilla students the row's compute pays for; 0 where that is not known."""
    # a hair's breadth under a whole number is rounding
    ratio = times(tally, tallies)
    return 0 if ratio is None else min(MOST_MEMBERS, int(ratio + 1e-9))


def noise_floor(tallies: Sequence[Tally]) -> float | None:
    """The standard deviation of vanilla's difference in accuracy between two single seeds."""
    for tally in tallies:
        accuracies = [float(values.mean()) for values in tally.outcomes.values()]
        if _is_vanilla(tally) and tally.block() is not None and len(accuracies) >= 2:
            return float(np.sqrt(2) * np.std(accuracies, ddof=1))
    return None


def _same_setting(tally: Tally, tallies: Sequence[Tally]) -> list[Tally]:
    return [t for t in tallies if t.reference.setting is tally.reference.setting]


def _is_vanilla(tally: Tally) -> bool:
    return tally.method.name == VANILLA and not tally.method.changed


def _scored(row: Row, tally: Tally) -> Scored:
    reference = tally.reference
    return Scored(row, tally.block(), reference.base, reference.no_gap is None, reference.min_gap)


def _best(pairs: Sequence[tuple[Row, Tally]]) -> dict[int, BestOf]:
    """For the best of several rows that share setting and name, by its position: what picking it is worth."""
    groups: dict[tuple[str, str, str], list[int]] = {}
    for i, (row, tally) in enumerate(pairs):
        if row.status in ("ok", "no-gap") and tally.block() is not None:
            groups.setdefault((row.task, row.pair, row.method), []).append(i)
    out = {}
    for name, places in groups.items():
        blocks = [block for i in places if (block := pairs[i][1].block()) is not None]
        if len(blocks) < 2:
            continue
        k, winner, optimism = best_of.best_of(blocks, name="/".join(name))
        row, tally = pairs[places[winner]]
        accuracy = float(np.mean(blocks[winner].values)) - optimism
        pgr = None if row.pgr is None else row.pgr - optimism / tally.reference.base.gap
        out[places[winner]] = BestOf(k=k, optimism=optimism, accuracy=accuracy, pgr=pgr)
    return out


def _calibration(tally: Tally, store: Store) -> Calibration | None:
    """None where a seed is missing, or where its predictions are not kept."""
    if tally.block() is None:
        return None
    keys = Keys(tally.reference.setting)
    jobs = [job for job, _ in tally.cells]
    ours = _known(store.array(keys.predictions(job.key)) for job in jobs)
    teachers = _known(store.array(keys.weak_test(job.cell.seed)) for job in jobs)
    if ours is None or teachers is None:
        return None
    gold = tally.reference.setting.test.labels
    own, theirs = (np.stack([outcomes(p, gold) for p in found]) for found in (ours, teachers))
    found = calibration.calibration(ours, gold, own, theirs)
    return Calibration(brier=found.brier, ece=found.ece, teacher_errors=found.teacher_errors)


def _known(arrays: Iterable[npt.NDArray[Any] | None]) -> Floats | None:
    """(S, n) the arrays stacked; None where one is missing."""
    found = list(arrays)
    whole = [np.asarray(array, np.float64) for array in found if array is not None]
    return np.stack(whole) if len(whole) == len(found) else None


def _warnings(tally: Tally) -> list[str]:
    """Where checks of its interval disagree with it."""
    transfer, reference = tally.block(), tally.reference
    if transfer is None or reference.no_gap is not None:
        return []
    said = bootstrap.disagreement(
        reference.base, transfer, name=reference.setting.id, min_gap=reference.min_gap
    )
    return [] if said is None else [said]
