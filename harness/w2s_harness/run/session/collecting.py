"""What is known of a plan's methods before its first stage: which cannot run, and which will be skipped."""

from __future__ import annotations

from collections.abc import Sequence

from w2s_harness.contract.errors import PluginError
from w2s_harness.contract.plan.plan import Plan, PlannedMethod


def remarks(plan: Plan, *, fresh: bool = False) -> list[str]:
    """A line for each method that will fail, and one for those that no access is granted to.

    :param fresh: whether data were to be drawn afresh; tasks that cannot be are named too.
    Raises `PluginError` where no method of the plan can run: its first stage would be worked off for nothing.
    """
    used = {cell.method for cell in plan.cells()}
    methods = [m for m in plan.methods if m.id in used]
    broken = [m for m in methods if m.error]
    if broken and len(broken) == len(methods):
        raise PluginError(_first(broken[0]) + _more(len(broken) - 1))
    lines = [f"warning: {m.id} cannot run and will fail: {_first(m)}" for m in broken]
    lines += _lacking(plan, [m for m in methods if not m.error])
    fixed = [task.id for task in plan.tasks if task.exposure != "fresh"] if fresh else []
    drawn = f"note: --fresh draws nothing for {', '.join(fixed)}: no seed makes these data"
    return [*lines, drawn] if fixed else lines


def _first(method: PlannedMethod) -> str:
    return method.error.partition("\n")[0]


def _more(n: int) -> str:
    return f" ({n} more of the plan cannot run either)" if n else ""


def _lacking(plan: Plan, methods: Sequence[PlannedMethod]) -> list[str]:
    missing = {m.id: sorted(set(m.access) - plan.grants) for m in methods}
    missing = {name: words for name, words in missing.items() if words}
    if not missing:
        return []
    shown = ", ".join(f"{name} ({'+'.join(words)})" for name, words in missing.items())
    grant = ",".join(sorted({word for words in missing.values() for word in words}))
    return [f"note: skipped for lack of access: {shown}. --grant {grant} lets them run"]
