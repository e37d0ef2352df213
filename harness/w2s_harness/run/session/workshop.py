"""A store, the jail and the zygote of one command, opened and closed together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

from w2s_harness.contract.plan import Plan
from w2s_harness.installed.distributions import worker_files
from w2s_harness.installed.trusted.plugins import Plugins
from w2s_harness.jail.host.jail import Choice, Jail
from w2s_harness.run.cell.worker.describing import Describer
from w2s_harness.run.kept.store import Store
from w2s_harness.run.plan.planning import build_plan
from w2s_harness.run.plan.selection import Selection
from w2s_harness.run.work.engine import Bench, LocalEngine
from w2s_harness.run.work.results import Results
from w2s_harness.run.work.setting.looking import Looks
from w2s_harness.run.work.setting.setting import Setting
from w2s_harness.students.checkpoints import hub
from w2s_harness.students.checkpoints.places import is_hub_id, locate
from w2s_harness.students.service.bounds import memory_share
from w2s_harness.students.service.client import ServiceClient


@dataclass(frozen=True, slots=True)
class Workshop:
    """What a command that plans or runs methods works with."""

    store: Store
    plugins: Plugins
    jail: Jail
    describer: Describer
    results: Results

    def plan(self, selection: Selection, drawn: Mapping[str, Any] | None = None) -> Plan:
        """The plan of a selection; nothing is trained. Raises `HarnessError`."""
        return build_plan(selection, self.plugins, self.describer, drawn or {})

    def close_off(self, plan: Plan) -> None:
        """Let workers see the plan's own methods and nothing of its data."""
        self.jail.expect(m.source for m in plan.methods if not m.is_predictions)
        self.jail.close_off(plan_paths(plan))

    def bench(self, settings: Sequence[Setting], cancel: Event) -> Bench:
        """Where works of these settings are worked off."""
        known = {setting.ref: setting for setting in settings}
        return Bench(self.results, known, self.jail, self.describer.zygote, cancel)

    def engine(self, bench: Bench, slots: int, plan: Plan, *, looks: Looks | None = None) -> LocalEngine:
        """An engine of this process. `looks` may hand over a service that has models in memory already."""
        threads, memory = max(pair.threads for pair in plan.pairs), memory_share(slots)

        def gold() -> ServiceClient:
            known = None if looks is None else looks.hand_over()
            return known or ServiceClient("baseline", threads=threads)

        student = partial(ServiceClient, "worker-facing", threads=threads, memory_bytes=memory)
        return LocalEngine(bench, slots, gold=gold, student=student)


@contextmanager
def workshop(
    store: Path,
    plugins: Plugins,
    say: Callable[[str], None],
    *,
    isolation: Choice = "auto",
    timeout_s: float | None = None,
) -> Iterator[Workshop]:
    """Open one; what is the host's own is closed off to workers.

    :param say: takes warnings, one line each. :param timeout_s: seconds that a cell's worker may take.
    """
    opened = Store(store, warn=say)
    try:
        jail = Jail(isolation) if timeout_s is None else Jail(isolation, cell_timeout_s=timeout_s)
        jail.close_off(closed_paths(plugins, opened))
        with Describer(opened, jail) as describer:
            yield Workshop(opened, plugins, jail, describer, Results(opened))
    finally:
        opened.close()


def closed_paths(plugins: Plugins, store: Store) -> list[str]:
    """The store, our own packages, and those of all installed trusted plugins."""
    own = worker_files.own_packages()
    return [str(store.root.absolute()), *own, *worker_files.closed_entries(plugins.trusted.values())]


def plan_paths(plan: Plan) -> list[str]:
    """The plan's data files and the folders of its models' weights, as far as they are on this machine."""
    models = [model for pair in plan.pairs for model in (pair.weak, pair.strong, *pair.students)]
    places = [place for place in map(locate, models) if place is not None]
    places += [hub.folder(model.source) for model in models if is_hub_id(model.source)]
    tasks = [planned.task for planned in plan.tasks]
    files = [file for task in tasks for file in getattr(task, "files", {}).values()]
    folders = [task.data for task in tasks if not hasattr(task, "files")]
    return [str(path.absolute()) for path in (*places, *files, *folders) if path.exists()]
