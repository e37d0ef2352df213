"""A store, the jail and the zygote of one command, opened and closed together."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, Self

import msgspec

from w2s_harness.contract.errors import UsageError
from w2s_harness.contract.plan import MethodSource, Plan
from w2s_harness.contract.worker.wire.messages import MethodInfo
from w2s_harness.installed.distributions import worker_files
from w2s_harness.installed.trusted.plugins import Plugins
from w2s_harness.jail.host.channel import describe
from w2s_harness.jail.host.jail import Choice, Jail
from w2s_harness.jail.host.launcher import Zygote
from w2s_harness.jail.host.readable import worker_path
from w2s_harness.run.cell.method_cell import wire_source
from w2s_harness.run.kept.store import Store, key_of
from w2s_harness.run.plan.planning import build_plan
from w2s_harness.run.plan.selection import Selection
from w2s_harness.run.work.code_digest import code_of
from w2s_harness.run.work.engine import Bench, LocalEngine
from w2s_harness.run.work.results import Results
from w2s_harness.run.work.setting.preparing import Looks
from w2s_harness.run.work.setting.setting import Setting
from w2s_harness.students.checkpoints import hub
from w2s_harness.students.checkpoints.places import is_hub_id, locate
from w2s_harness.students.service.client import ServiceClient, memory_share

_DESCRIBING_S = 30.0


class Describer:
    """Holds the run's zygote, which starts when a worker is first needed."""

    def __init__(self, store: Store, jail: Jail) -> None:
        self.jail = jail
        self._store = store
        self._zygote: Zygote | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *bad: Any) -> None:
        if self._zygote is not None:
            self._zygote.__exit__(*bad)

    def __call__(self, source: MethodSource) -> Sequence[MethodInfo]:
        """The methods that a module offers. Raises `WorkerError` where it does not load."""
        code = [code_of("w2s_harness.jail.inside.zygote"), code_of("w2s_harness")]
        key = key_of("describe", [source.sha256, source.module, source.editable, *code])
        known: Sequence[MethodInfo] | None = None
        with suppress(msgspec.ValidationError):  # it said what it may not
            known = msgspec.convert(self._store.get(key), tuple[MethodInfo, ...])
        if known is None:
            known = describe(self.zygote(), wire_source(source), _DESCRIBING_S, order=self.jail.order(source))
            self._store.put(key, msgspec.to_builtins(known))
        return known

    def zygote(self) -> Zygote:
        """The zygote. It knows no folder of a method's: workers add theirs when they are locked down."""
        with self._lock:
            if self._zygote is None:
                self._zygote = Zygote(worker_path()).__enter__()
            return self._zygote


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


_SLOT_MIB = 1000
_MOST_SLOTS = 256


def slot_count(text: str) -> int:
    """`-n`: a number, or `auto` for cores capped by memory (and by GPUs where there are any).

    Raises `UsageError` for anything else.
    """
    if text != "auto":
        if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < 1:
            raise UsageError(f"-n {text[:40]}: give a number of job slots from 1 up, or auto")
        if int(text) > _MOST_SLOTS:
            raise UsageError(f"-n {text}: each slot is a process with a model in it; at most {_MOST_SLOTS}")
        return int(text)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    gpus = len(list(Path("/dev").glob("nvidia[0-9]*")))
    return max(1, min(cores, _available_mib() // _SLOT_MIB, gpus or cores))


def _available_mib() -> int:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return 4 * _SLOT_MIB
    return next(
        (int(line.split()[1]) // 1024 for line in lines if line.startswith("MemAvailable")), 4 * _SLOT_MIB
    )
