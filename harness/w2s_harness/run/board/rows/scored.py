"""The rows of a run with all that is said of them beside their own PGR."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
import numpy.typing as npt

from w2s_harness.contract.plan import VANILLA, Plan
from w2s_harness.data.rows.gold import gold_of
from w2s_harness.report.document.document import Row, label
from w2s_harness.report.document.records import Calibration
from w2s_harness.report.sentences.claims import VANILLA_STAR, ZERO_SHOT_STAR, seeds_sentence
from w2s_harness.report.sentences.comparing import (
    ALPHA,
    NO_SOLVER,
    Scored,
    against,
    against_best,
    against_each,
    picked,
)
from w2s_harness.run.board.rows.rows import Tally
from w2s_harness.run.stages.teachers import Teacher
from w2s_harness.run.stages.vanilla import AT_COMPUTE
from w2s_harness.run.work.engine import Bench
from w2s_harness.run.work.setting.setting import Setting
from w2s_harness.scoring import points
from w2s_harness.scoring.comparisons import power
from w2s_harness.scoring.comparisons.starred import Point, Starred
from w2s_harness.scoring.spread import bootstrap
from w2s_harness.scoring.spread.blocks import Block, block

Floats = npt.NDArray[np.float64]
CONVEX = "a convex head: more compute is no more than vanilla"
"""`Row.vs_compute_note` under the solver `exact`: members of `vanilla@C` differ in their bags alone."""
MOST_MEMBERS = 16
"""Of `vanilla@C`: more than these change next to nothing and would cost as much as the method."""
SLACK = 0.02
"""Of the number of members: two students whose solves took other numbers of steps are of one compute."""
MOST_NEEDS = 500
"""Rows of a plan of which it is said how many seeds they need; it takes some 10 ms a row."""


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """Reference students that no method of the plan asked for."""

    outcomes: Mapping[tuple[str, str, int], Mapping[int, Floats]] = field(default_factory=dict)
    """(n_test,) by seed, of vanilla with so many members, by (setting id, solver, members)."""
    vanilla: Mapping[str, Mapping[str, Starred]] = field(default_factory=dict)
    """Vanilla at every point of its settings, by setting id and solver."""
    zero_shot: Mapping[str, Starred] = field(default_factory=dict)
    """The untrained student's readouts, by setting id; none of a student that has none."""

    def block(self, tally: Tally, solver: str, members: int) -> Block | None:
        """The outcomes of one of them on a tally's setting, or None."""
        found = self.outcomes.get((tally.reference.setting.id, solver, members))
        if not found:
            return None
        return block(list(found), np.stack(list(found.values())), tally.reference.clusters)


NOTHING_BESIDE = Beside()


def wanted(tallies: Sequence[Tally]) -> set[tuple[str, str, int]]:
    """Which of `Beside.outcomes` the rows need, as (setting id, solver, members).

    One member where no vanilla of the plan has the row's solver; more for an ensemble of the row's compute.
    """
    out, vanillas = set(), vanilla_of(tallies)
    for tally in tallies:
        setting, solver = tally.reference.setting.id, reference_solver(tally)
        vanilla = vanillas.get(setting)
        if not tally.is_whole or tally.solver == NO_SOLVER or vanilla is None:
            continue
        if vanilla.solver != tally.solver:
            out.add((setting, solver, 1))
        if (m := members(tally, vanilla)) >= 2:
            out.add((setting, solver, m))
    return out


def vanilla_of(tallies: Iterable[Tally]) -> dict[str, Tally]:
    """The plan's own vanilla by setting id."""
    return {t.reference.setting.id: t for t in tallies if _is_vanilla(t)}


def reference_solver(tally: Tally) -> str:
    """The solver of the vanilla that a row is compared with: `path` as soon as one of its fits used it."""
    return "path" if "path" in tally.solver.split("+") else tally.solver


def completed(plan: Plan, pairs: Sequence[tuple[Row, Tally]], beside: Beside, bench: Bench) -> list[Row]:
    """The rows with their comparisons, compute, calibration, best-of-k and warnings."""
    tallies = [tally for _, tally in pairs]
    vanillas = vanilla_of(tallies)
    bases = [vanillas.get(tally.reference.setting.id) for tally in tallies]
    scored = [
        Scored(row, tally.block, of.base, of.no_gap is None, of.min_gap)
        for row, tally in pairs
        for of in [tally.reference]
    ]
    # vanilla by solvers that no row of vanilla used
    single = {
        (row.task, row.pair, row.solver): found
        for row, tally in pairs
        if (found := beside.block(tally, reference_solver(tally), 1)) is not None
    }
    attempts = [attempt.p for attempt in plan.attempts]
    vanilla = against(scored, VANILLA, beside=single, attempts=attempts)
    others = [against(scored, name, attempts=[None] * len(attempts)) for name in plan.against]
    ensembles = [
        beside.block(t, reference_solver(t), m) if (m := members(t, base)) >= 2 else None
        for t, base in zip(tallies, bases, strict=True)
    ]
    equal = against_each(scored, AT_COMPUTE, ensembles)
    best_vanilla = against_best(scored, VANILLA_STAR, _best_vanilla(tallies, beside.vanilla), attempts)
    clusters = {t.reference.setting.id: t.reference.clusters for t in tallies}
    stars = {name: star.block(clusters[name]) for name, star in beside.zero_shot.items() if name in clusters}
    readouts = [stars.get(tally.reference.setting.id) for tally in tallies]
    best_zero_shot = against_best(scored, ZERO_SHOT_STAR, readouts, attempts)
    groups: dict[tuple[str, ...], list[int]] = {}
    for i, (row, _) in enumerate(pairs):
        groups.setdefault((row.task, row.pair, row.method), []).append(i)
    # of the best of several rows that share setting and name: what picking it is worth
    best, warnings, calibrations = picked(scored, groups), _warnings(pairs), _calibrations(tallies, bench)
    return [
        msgspec.structs.replace(
            row,
            vs_vanilla=vanilla[i],
            versus=[c for column in others if (c := column[i]) is not None],
            vs_vanilla_star=best_vanilla[i],
            vs_zero_shot_star=best_zero_shot[i],
            vs_compute=equal[i],
            vs_compute_note=CONVEX if equal[i] is not None and reference_solver(tally) == "exact" else None,
            flops_over_vanilla=times(tally, bases[i]),
            calibration=calibrations[i],
            best_of=best.get(i),
            warnings=[*row.warnings, *warnings[i]],
        )
        for i, (row, tally) in enumerate(pairs)
    ]


def with_own_vanilla(known: Mapping[str, Starred], vanilla: Tally | None) -> Mapping[str, Starred]:
    """The points by solver, with the plan's own vanilla among those of its solver.

    Training by steps seeds itself from what is asked, so that no point of the path is vanilla's very cell,
    and the best point could fall short of it. Under `exact` it is the point of the chosen C already.
    """
    star = None if vanilla is None else known.get(vanilla.solver)
    if vanilla is None or star is None or vanilla.solver == "exact" or not vanilla.is_whole:
        return known
    seeds = [e.seed for e in vanilla.cells]
    if set(seeds) != set(star.best.outcomes):
        return known
    own = Point(VANILLA, dict(zip(seeds, vanilla.outcomes, strict=True)))
    return {**known, vanilla.solver: Starred((*star.points, own))}


def _best_vanilla(tallies: Sequence[Tally], known: Mapping[str, Mapping[str, Starred]]) -> list[Block | None]:
    """`vanilla*` of each row: that of its solver, else of the setting's own."""
    made: dict[tuple[str, str], Block | None] = {}
    out = []
    for tally in tallies:
        setting, solver = tally.reference.setting.id, reference_solver(tally)
        stars = known.get(setting, {})
        star = stars.get(solver) or next(iter(stars.values()), None)
        if (setting, solver) not in made:
            made[setting, solver] = None if star is None else star.block(tally.reference.clusters)
        out.append(made[setting, solver])
    return out


def needed(pairs: Sequence[tuple[Row, Tally]], beside: Beside) -> Callable[[Row], str]:
    """What would let a row's comparison with `vanilla*` tell a difference of the size that it saw.

    With a chance of 80 %, at the level that Holm asks of the first of the plan's comparisons.
    """
    if len(pairs) > MOST_NEEDS:
        return lambda row: ""
    stars = _best_vanilla([tally for _, tally in pairs], beside.vanilla)
    known = {
        (row.task, row.pair, label(row)): (tally.block, star)
        for (row, tally), star in zip(pairs, stars, strict=True)
    }
    alpha = ALPHA / max(1, sum(not _is_vanilla(t) for _, t in pairs))

    def sentence(row: Row) -> str:
        own, star = known[(row.task, row.pair, label(row))]
        found = row.vs_vanilla_star
        if own is None or star is None or found is None or found.p is None or not found.difference:
            return ""
        needs = power.components(own, star)
        return seeds_sentence(power.seeds_needed(needs, found.difference, own.values.shape[1], alpha=alpha))

    return sentence


def times(tally: Tally, vanilla: Tally | None) -> float | None:
    """A row's FLOPs over those of vanilla on the same setting; None without either or if it ran elsewhere."""
    if vanilla is None or tally.method.is_predictions:
        return None
    return tally.flops / vanilla.flops if vanilla.flops and tally.is_whole else None


def members(tally: Tally, vanilla: Tally | None) -> int:
    """How many vanilla students the row's compute pays for; 0 where that is not known."""
    ratio = times(tally, vanilla)
    return 0 if ratio is None else min(MOST_MEMBERS, int(ratio + SLACK))


def noise_floor(tallies: Sequence[Tally]) -> float | None:
    """The standard deviation of vanilla's difference in accuracy between two single seeds."""
    for tally in tallies:
        if _is_vanilla(tally) and tally.is_whole and len(tally.accuracies) >= 2:
            return float(np.sqrt(2) * np.std(tally.accuracies, ddof=1))
    return None


def _is_vanilla(tally: Tally) -> bool:
    return tally.method.name == VANILLA and not tally.method.changed


def _calibrations(tallies: Sequence[Tally], bench: Bench) -> list[Calibration | None]:
    """None where a seed is missing."""

    @functools.cache
    def teacher(setting: Setting, seed: int) -> Floats:
        """(n_test,) the weak teacher's outcomes."""
        return setting.right(bench.of(Teacher(setting.ref, seed)).holdout.floats)

    def calibrated(tally: Tally) -> Calibration:
        setting = tally.reference.setting
        gold = gold_of(setting.data, "test")
        ours = np.stack([cell.predictions.floats for cell in tally.well])
        theirs = np.stack([teacher(setting, e.seed) for e in tally.cells])
        return Calibration(
            brier=points.brier(ours, gold.targets),
            ece=points.ece(ours, gold.targets),
            teacher_errors=points.teacher_errors(tally.right, theirs, gold.largest),
        )

    return [calibrated(tally) if tally.is_whole else None for tally in tallies]


def _warnings(pairs: Sequence[tuple[Row, Tally]]) -> list[list[str]]:
    """Where checks of a row's interval disagree with it."""
    out: list[list[str]] = [[] for _ in pairs]
    settings: dict[str, list[int]] = {}
    for i, (_, tally) in enumerate(pairs):
        if tally.is_whole and tally.reference.no_gap is None:
            settings.setdefault(tally.reference.setting.id, []).append(i)
    for name, places in settings.items():
        reference, intervals = pairs[places[0]][1].reference, [pairs[i][0].pgr_ci for i in places]
        blocks = [whole for i in places if (whole := pairs[i][1].block) is not None]
        said = bootstrap.disagreements(
            reference.base, blocks, intervals, name=name, min_gap=reference.min_gap
        )
        for i, words in zip(places, said, strict=True):
            out[i] = [] if words is None else [words]
    return out
