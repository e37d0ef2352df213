"""What the methods of a `--fresh` run reach on the published data of the same tasks.

A method that carries the labels of a published data set does better there than on data drawn after it was
fixed. So the published twin of a fresh plan is run beside it: the same methods, pairs, seeds and limits on
the tasks' own data seeds, with no counterfactual cells and no rows on the leaderboard.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from w2s_harness.contract.guards.evidence import Published
from w2s_harness.contract.plan import Plan, PlannedTask
from w2s_harness.installed.trusted.plugins import Plugins
from w2s_harness.run.board.assemble import RunResults, unjudged
from w2s_harness.run.judge.cells import RowKey
from w2s_harness.scoring.spread.pool import pgr_pools


class Aside:
    """A run's hooks as its published twin calls them: its stages have names of their own, its cells none."""

    def __init__(self, hook: Any) -> None:
        self._hook = hook

    def __getattr__(self, name: str) -> Any:
        return getattr(self._hook, name)

    def w2s_stage_start(self, *, stage: str, total: int) -> None:
        """Tell of the stage under the twin's name for it."""
        self._hook.w2s_stage_start(stage=f"published {stage}", total=total)

    def w2s_stage_progress(self, *, stage: str, unit: str, cached: bool) -> None:
        """As `w2s_stage_start`."""
        self._hook.w2s_stage_progress(stage=f"published {stage}", unit=unit, cached=cached)

    def w2s_cell_finish(self, **_: Any) -> None:
        """Say nothing: its cells have the ids of the fresh plan's."""


def twin(plan: Plan, plugins: Plugins) -> Plan | None:
    """The plan on the published data of its freshly drawn tasks, or None where no cell was drawn."""
    tasks = tuple(_published(t, plugins) for t in plan.tasks if t.exposure == "fresh")
    made = replace(plan, tasks=tasks, counterfactuals="none", controls=False, attempts=())
    return made if any(True for _ in made.cells()) else None


def _published(planned: PlannedTask, plugins: Plugins) -> PlannedTask:
    base: Any = plugins.task(planned.task.name)
    task: Any = planned.task
    return replace(
        planned,
        task=replace(task, data_seed=base.data_seed),
        settings={**planned.settings, "data_seed": base.data_seed},
        exposure=base.exposure,
    )


def compare_published(fresh: RunResults, published: RunResults) -> dict[RowKey, list[Published]]:
    """For every row that has a PGR and its error on both data: its comparison, then those of the others.

    A row has none where either setting has no gap, a seed failed, or there is but one seed. The errors are
    `PoolPgr.normal_se`: those of new pools and questions, for a z test.
    """
    ours, theirs = _scores(fresh), _scores(published)
    found = {
        row: Published(fresh=pgr, published=theirs[row][0], fresh_se=se, published_se=theirs[row][1])
        for row, (pgr, se) in ours.items()
        if row in theirs
    }
    return {row: [own, *(p for other, p in found.items() if other != row)] for row, own in found.items()}


def _scores(results: RunResults) -> dict[RowKey, tuple[float, float]]:
    """Every row's PGR and its error, in the order of the plan; none of a row of which a seed failed."""
    out: dict[RowKey, tuple[float, float]] = {}
    for tally in unjudged(results):
        base, transfer = tally.reference, tally.block
        if transfer is None:
            continue
        score = pgr_pools(base.base, [transfer], min_gap=base.min_gap)[0]
        if score.estimate is not None and score.normal_se is not None:
            out[(base.setting.id, tally.method.id)] = (score.estimate, score.normal_se)
    return out
