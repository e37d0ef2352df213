"""Every hook, grouped by life-cycle: the plugin contract.

A plugin is a module with functions marked `@hookimpl`; take only the arguments you need. Trusted plugins
(tasks, pairs, guards, terminal) name their module in the entry-point group `w2s_harness` and run in the
host. Methods are untrusted: they name theirs in `w2s_harness.methods` and run in a worker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from w2s_harness.contract.guards.evidence import CellEvidence, MethodEvidence, Seen, SettingView
    from w2s_harness.contract.plan import Cell, Plan, PlannedMethod
    from w2s_harness.contract.studies import AgentModel
    from w2s_harness.contract.types import Method, Pair, Task, Verdict, World

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


@hookspec
def w2s_agent_models() -> Mapping[str, Callable[[str | None], AgentModel]]:
    """Called in the host when `agent run --model` or `agent resume` starts, of plugins that `-p` names.

    :return: for each language model that the plugin offers, by the name that `--model` takes, a function of
        the address that `--base-url` gives (`None` without it) that makes the model.
    """
    return {}


# -- guards: called in the host, results of several guards are put together -----------------------------
#
# Every one of them may also take `settings`: what `plugins: {NAME: {...}}` in w2s.yaml and, above it,
# `guards: {NAME: {...}}` of the task say to the guard. A guard that raises is a failed guard, never a pass.


@hookspec
def w2s_grant(task: Task, access: frozenset[str], settings: Mapping[str, Any]) -> frozenset[str] | None:
    """Called for every (method, task) before the first cell, with what the plan grants.

    :param task: the task at hand.
    :param access: what the method asked for and the plan allows.
    :param settings: this guard's settings for the task.
    :return: what this guard allows of it; answers are intersected, so none can widen. `None` leaves all.
    """
    return None


@hookspec
def w2s_filter_release(
    task: Task, columns: frozenset[str], settings: Mapping[str, Any]
) -> frozenset[str] | None:
    """Called for every task before the first cell: what a worker with the access for it may be sent.

    :param task: the task at hand.
    :param columns: `prompt`, `candidate`, `first`, `second` (access `text`), `group` and `conflicts` (access
        `groups`).
    :param settings: this guard's settings for the task.
    :return: what this guard lets through; answers are intersected. `None` leaves all.
    """
    return None


@hookspec
def w2s_inspect_method(
    method: PlannedMethod, setting: SettingView, files: Mapping[str, bytes], settings: Mapping[str, Any]
) -> Verdict | None:
    """Called for every (method, task, pair) before the first cell.

    :param method: the method as planned; none of its code has run for this plan.
    :param setting: the task and the pair, with rows and gold.
    :param files: every file of the method's source, by name: its file, or its distribution's.
    :param settings: this guard's settings for the task.
    :return: a verdict, or `None`; `disqualify` keeps the method from running on the task.
    """
    return None


@hookspec
def w2s_worlds(
    method: PlannedMethod, setting: SettingView, seeds: Sequence[int], settings: Mapping[str, Any]
) -> Sequence[World]:
    """Called for every (method, task, pair) before the first cell: which counterfactual cells to run.

    :param method: the method as planned.
    :param setting: the task and the pair.
    :param seeds: the seeds of the plan, over which the worlds are spread in secret order.
    :param settings: this guard's settings for the task.
    :return: the worlds; `w2s_judge_method` is shown what came of them. `--counterfactuals` may cut them.
    """
    return ()


@hookspec
def w2s_observe(cell: Cell, seen: Seen, settings: Mapping[str, Any]) -> Verdict | None:
    """Called after a cell, with what the host saw while it ran.

    :param cell: the cell's method, task, pair and seed.
    :param seen: requests, refusals, audit events, output.
    :param settings: this guard's settings for the task.
    :return: a verdict, or `None` where the guard has nothing to say.
    """
    return None


@hookspec
def w2s_judge_run(
    cell: Cell, predictions: npt.NDArray[np.float64], evidence: CellEvidence, settings: Mapping[str, Any]
) -> Verdict | None:
    """Called after a cell was scored.

    :param cell: the cell's method, task, pair and seed.
    :param predictions: (n,) P(label = 1) on the holdout, in the task's own row order.
    :param evidence: what the host knows of the cell and its setting, gold included.
    :param settings: this guard's settings for the task.
    :return: a verdict, or `None` where the guard has nothing to say.
    """
    return None


@hookspec
def w2s_judge_method(
    method: PlannedMethod, evidence: MethodEvidence, settings: Mapping[str, Any]
) -> Verdict | Sequence[Verdict] | None:
    """Called once for every (method, task, pair) whose real cells all ended well.

    :param method: the method as planned.
    :param evidence: its real and counterfactual cells, and those of the shipped methods beside it.
    :param settings: this guard's settings for the task.
    :return: verdicts; a `track` in one overrules what the method says of itself, a number called `T` is
        shown beside PGR, and `whole_method` carries a `disqualify` to every row of the method.
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
    """Called when a group of work begins. `cells` and `re-runs` begin together and go on side by side.

    :param stage: `features`, `tune`, `weak`, `ceiling`, `controls`, `vanilla@C`, `null` (what honest fits
        score where nothing can be learned), `cells` or `re-runs` (a method's counterfactual cells, which
        guards and `own` ask for); `published cells` and so on for the published data beside a `--fresh` run.
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
GUARD_HOOKS = frozenset(
    {
        "w2s_grant",
        "w2s_filter_release",
        "w2s_inspect_method",
        "w2s_worlds",
        "w2s_observe",
        "w2s_judge_run",
        "w2s_judge_method",
    }
)
"""The hooks that make a plugin a guard."""
