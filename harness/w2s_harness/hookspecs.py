"""Every hook, grouped by life-cycle: the plugin contract.

A plugin is a module with functions marked `@hookimpl`; take only the arguments you need. Trusted plugins
(tasks, pairs, guards, terminal) name their module in the entry-point group `w2s_harness` and run in the
host. Methods are untrusted: they name theirs in `w2s_harness.methods` and run in a worker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from w2s_harness.plan import Cell, Plan
    from w2s_harness.types import Method, Pair, Task, Verdict

PROJECT = "w2s_harness"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


# -- registration ---------------------------------------------------------------------------------------


@hookspec
def w2s_tasks() -> Sequence[Task]:
    """Called once when the plugin is loaded, in the host.

    :return: the tasks that the plugin offers; the fields of a dataclass task are its settings.
    """
    return ()


@hookspec
def w2s_pairs() -> Sequence[Pair]:
    """Called once when the plugin is loaded, in the host.

    :return: the pairs of weak teacher and strong student that the plugin offers.
    """
    return ()


@hookspec
def w2s_methods() -> Sequence[type[Method]]:
    """Called once when a worker has loaded the method's module; never called in the host.

    :return: the method classes that the module offers.
    """
    return ()


# -- guards: called in the host, results of several guards are put together -----------------------------


@hookspec
def w2s_grant(task: Task, access: frozenset[str]) -> frozenset[str] | None:
    """Called for every (method, task) before the first cell, with what the plan grants.

    :param task: the task at hand.
    :param access: what the method asked for and the plan allows.
    :return: what this guard allows of it; answers are intersected, so none can widen. `None` leaves all.
    """
    return None


@hookspec
def w2s_judge_run(
    cell: Cell, predictions: npt.NDArray[np.float64], evidence: Mapping[str, Any]
) -> Verdict | None:
    """Called after a cell was scored.

    :param cell: the cell's method, task, pair and seed.
    :param predictions: (n,) P(label = 1) on the holdout, in the task's own row order.
    :param evidence: what the host knows: `gold` (n,) bool, `groups` (n,) codes, `weak` (n,) the teacher's
        P(label = 1), `compute` (what the cell was charged).
    :return: a verdict, or `None` where the guard has nothing to say.
    """
    return None


# -- a run's life-cycle: listeners, called in the host --------------------------------------------------


@hookspec
def w2s_run_start(plan: Plan, run_dir: str) -> None:
    """Called once before the first stage.

    :param plan: what will be run.
    :param run_dir: the run's folder, as a path.
    """


@hookspec
def w2s_stage_start(stage: str, total: int) -> None:
    """Called when a group of work begins: `features`, `tune`, `weak`, `ceiling` or `cells`.

    :param stage: its name.
    :param total: how many units of work it holds, those in the store included.
    """


@hookspec
def w2s_stage_progress(stage: str, unit: str, cached: bool) -> None:
    """Called when one unit of a stage is finished; never from two threads at once.

    :param stage: the stage's name.
    :param unit: what was finished, such as a cell's id.
    :param cached: whether it came from the store.
    """


@hookspec
def w2s_cell_finish(cell: Cell, record: Mapping[str, Any]) -> None:
    """Called when a cell was scored or has failed; never from two threads at once.

    :param cell: the cell.
    :param record: its line in the store: `accuracy`, `error`, `compute`, ...
    """


@hookspec
def w2s_run_finish(leaderboard: Mapping[str, Any], run_dir: str) -> None:
    """Called once after the leaderboard was written.

    :param leaderboard: the document, as plain JSON values.
    :param run_dir: the run's folder, as a path.
    """


NAMES = frozenset(
    name for name, value in list(globals().items()) if name.startswith("w2s_") and callable(value)
)
"""Every hook's name."""
