"""How many seeds and rows a comparison needs, on the tasks and pairs that a user names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from w2s_harness.contract.errors import NothingSelectedError, UsageError
from w2s_harness.data.rows.prepared import prepare
from w2s_harness.installed.trusted.plugins import Plugins
from w2s_harness.run.plan.choose_pairs import choose_pairs
from w2s_harness.run.plan.planning import choose_tasks
from w2s_harness.run.plan.selection import Selection
from w2s_harness.run.plan.specs import parse_specs
from w2s_harness.run.session.estimate import Pilot, Pilots, boards_of, items, names, pilots
from w2s_harness.scoring.comparisons.power import (
    Assumed,
    Components,
    Holdout,
    minimum_detectable,
    questions_needed,
    seeds_needed,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the user asks."""

    difference: float
    """PGR."""
    power: float
    alpha: float
    comparisons: int
    """Holm's family; the first to pass needs p <= alpha / comparisons."""
    seeds: int
    against: str
    methods: str | None
    gap: float | None
    """Ceiling minus weak, accuracy; None: from the store."""
    assumed: Assumed
    ignore_store: bool

    @property
    def level(self) -> float:
        """The level of one comparison."""
        return self.alpha / self.comparisons


@dataclass(frozen=True, slots=True)
class Range:
    """A count, and the counts at both ends of the variances' 80 % intervals; None is more than are tried."""

    count: int | None
    low: int | None = None
    high: int | None = None
    has_range: bool = False


@dataclass(frozen=True, slots=True)
class Needs:
    """What it takes to see one comparison."""

    task: str
    pair: str
    method: str | None
    """None: any method, by assumed variances."""
    source: str | None
    """The run behind the variances; None: assumed."""
    gap: float
    gap_source: str | None
    """The run behind the gap; None: given."""
    holdout: Holdout
    components: Components
    seeds: Range
    """Seeds with the whole holdout."""
    rows: Range
    """Holdout rows with the seeds that were named."""
    detectable: float
    """The smallest difference that those seeds see on the holdout, PGR."""
    detectable_on_new_pools: float
    """The same for new training pools, as a claim needs it."""


def answers(
    tasks: str, pairs: str | None, limit: int | None, wanted: Wanted, plugins: Plugins, store: Path
) -> list[Needs]:
    """An answer for every task, pair and method.

    Raises `UsageError` for names that are not there and for a gap that nobody knows, `DataError` for data
    that cannot be read, `NothingSelectedError` where no task or pair is named.
    """
    chosen = [t for spec in parse_specs(tasks) for t in choose_tasks(spec, plugins, False, {})]
    chosen, on = choose_pairs(Selection(pairs=pairs), chosen, plugins)
    for noun, found in (("task", chosen), ("pair", on)):
        if not found:
            raise NothingSelectedError(f"no {noun} is selected. `w2s-harness list {noun}s` shows all.")
    boards = boards_of(store)
    out = []
    for task in chosen:
        holdout = Holdout.of(prepare(task.task, limit=limit).texts["test"].groups)
        for pair in filter(task.runs_on, on):
            known = pilots(boards, task.id, pair.name, wanted.against)
            gap, gap_run = (known.gap, known.gap_run) if wanted.gap is None else (wanted.gap, None)
            if gap is None:
                raise UsageError(
                    f"{task.id} on {pair.name}: no finished run in {store} has its gap, and "
                    f"{wanted.difference:g} PGR is no accuracy without it. Give --gap (ceiling minus weak), "
                    f"or run --methods {wanted.against} first."
                )
            out += [
                _answer(task.id, pair.name, holdout, method, pilot, gap, gap_run, wanted)
                for method, pilot in _compared(known, wanted, plugins)
            ]
    return out


def _compared(known: Pilots, wanted: Wanted, plugins: Plugins) -> list[tuple[str | None, Pilot | None]]:
    """Methods with what the store says of them; a method that no run holds must at least exist."""
    if not known.found:
        # a reference that some run holds speaks for itself; another must at least exist
        plugins.method_entry(wanted.against.partition("[")[0])
    usable = Pilots(known.gap, known.gap_run, () if wanted.ignore_store else known.found)
    if wanted.methods is None:
        return [(p.method, p) for p in usable.found] or [(None, None)]
    out: list[tuple[str | None, Pilot | None]] = []
    for item in items(wanted.methods):
        if names(item, wanted.against):
            continue
        found = usable.of(item)
        if not found:
            plugins.method(item.partition("[")[0])
        out += [(p.method, p) for p in found] or [(item, None)]
    if not out:
        raise NothingSelectedError(f"--methods {wanted.methods}: nothing beside {wanted.against} is named")
    return out


def _answer(
    task: str,
    pair: str,
    holdout: Holdout,
    method: str | None,
    pilot: Pilot | None,
    gap: float,
    gap_source: str | None,
    wanted: Wanted,
) -> Needs:
    centre = pilot.components if pilot else wanted.assumed.components(holdout.rows_per_question)
    cases = [centre, pilot.low, pilot.high] if pilot else [centre]
    size = wanted.difference * gap
    level, power = wanted.level, wanted.power
    seeds = [seeds_needed(c, size, holdout.questions, alpha=level, power=power) for c in cases]
    questions = [questions_needed(c, size, wanted.seeds, alpha=level, power=power) for c in cases]
    rows = [None if q is None else math.ceil(q * holdout.rows_per_question) for q in questions]
    seen = partial(minimum_detectable, centre, wanted.seeds, holdout.questions, alpha=level, power=power)
    least = [seen(new_pools=new_pools) / gap for new_pools in (False, True)]
    source = pilot.run if pilot else None
    return Needs(
        task, pair, method, source, gap, gap_source, holdout, centre, _range(seeds), _range(rows), *least
    )  # fmt: skip


def _range(counts: Sequence[int | None]) -> Range:
    return Range(counts[0], counts[1], counts[2], True) if len(counts) == 3 else Range(counts[0])
