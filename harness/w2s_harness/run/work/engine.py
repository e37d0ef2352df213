"""Works a graph of works off: what is missing, needs first, each on a service of its place."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias, TypeVar

from w2s_harness.run.work.results import Result, Results
from w2s_harness.run.work.work import Failure, Work

if TYPE_CHECKING:
    from w2s_harness.jail.host.jail import Jail
    from w2s_harness.jail.host.launcher import Zygote
    from w2s_harness.run.work.setting.setting import Setting, SettingRef
    from w2s_harness.students.service.client import ServiceClient

R = TypeVar("R", bound=Result)
AnyWork: TypeAlias = Work[Any]
Skip: TypeAlias = Callable[[AnyWork], Failure | None]
"""Why a work is not to be run after all, asked right before it would be."""

_POLL_S = 0.1
_NEED_FAILED = "not run: {} failed: {}"


class Listener(Protocol):
    """What is told, in the calling thread, of how far the work is."""

    def begins(self, stage: str, total: int) -> None:
        """So many works of a stage are to come, those that are kept included."""

    def ends(self, work: AnyWork, outcome: Result | Failure, *, kept: bool) -> bool:
        """A work has ended; whether to stop before the next."""


class Engine(Protocol):
    """Works graphs off. The keys of results are the same on every engine."""

    def run(self, wanted: Sequence[AnyWork], listener: Listener, *, skip: Skip = ...) -> None:
        """Have a result, or a failure, of every work that is wanted."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What works find in this process."""

    results: Results
    settings: Mapping[SettingRef, Setting]
    jail: Jail
    zygote: Callable[[], Zygote]
    cancel: Event = field(default_factory=Event)

    def of(self, work: Work[R]) -> R:
        """The result of a work. Raises `StoreError` where it is gone."""
        return self.results.of(work)

    def setting(self, ref: SettingRef) -> Setting:
        """The data and models that a reference names."""
        return self.settings[ref]

    def has(self, work: AnyWork) -> bool:
        """Whether a result is kept that will do here."""
        found = self.results.get(work)
        return found is not None and work.is_sound(found, self)


@dataclass(frozen=True, slots=True)
class Hand:
    """One thread at work, with the service of its place; an `At`."""

    bench: Bench
    service: ServiceClient | None

    @property
    def client(self) -> ServiceClient:
        """The service."""
        assert self.service is not None, "a work of the place host asks no service"
        return self.service

    @property
    def zygote(self) -> Zygote:
        """Where workers are forked from."""
        return self.bench.zygote()

    @property
    def jail(self) -> Jail:
        """How they are locked down."""
        return self.bench.jail

    def of(self, work: Work[R]) -> R:
        """The result of a need."""
        return self.bench.of(work)

    def setting(self, ref: SettingRef) -> Setting:
        """The data and models that a reference names."""
        return self.bench.setting(ref)

    @property
    def cancel(self) -> Event:
        """Set where the run was interrupted."""
        return self.bench.cancel


@dataclass(slots=True, eq=False)
class _Node:
    work: AnyWork
    waits_for: set[str]
    needed_by: list[_Node] = field(default_factory=list)


class LocalEngine:
    """Threads of this process, each with a student service while it needs one; a context manager.

    Services that see gold end before any starts that may serve a worker.
    """

    def __init__(
        self,
        bench: Bench,
        slots: int,
        *,
        gold: Callable[[], ServiceClient],
        student: Callable[[], ServiceClient],
    ) -> None:
        """`gold` and `student` start a service of that place."""
        self.bench, self.slots = bench, slots
        self.services = {"gold": Services(gold), "student": Services(student)}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, bad: BaseException | None, tb: TracebackType | None
    ) -> None:
        for services in self.services.values():
            services.kill() if kind else services.close()

    def run(self, wanted: Sequence[AnyWork], listener: Listener, *, skip: Skip = lambda _: None) -> None:
        """Work off what is missing of `wanted` and of what that needs.

        Raises what a work raised; `KeyboardInterrupt` where the run was interrupted.
        """
        nodes, kept = self._missing(wanted)
        stages = [work.stage for work in (*kept, *(node.work for node in nodes))]
        for stage in dict.fromkeys([*(work.stage for work in wanted), *stages]):
            listener.begins(stage, stages.count(stage))
        for work in kept:
            if listener.ends(work, self.bench.results.of(work), kept=True):
                return
        golden = [node for node in nodes if node.work.place == "gold"]
        if golden:
            self.services["student"].close()
            if self._work_off(_with_host(golden, nodes), listener, skip):
                return
        rest = [node for node in nodes if node.waits_for is not _DONE]
        if rest:
            self.services["gold"].close()
            if any(node.work.place == "jail" for node in rest):
                # here, not in a slot: the kernel ends it with the thread that started it
                self.bench.zygote()
            self._work_off(rest, listener, skip)

    def _missing(self, wanted: Iterable[AnyWork]) -> tuple[list[_Node], list[AnyWork]]:
        """What is to be computed, needs first, and what of `wanted` is kept; what is kept hides its needs."""
        nodes: dict[str, _Node] = {}
        known: dict[str, AnyWork] = {}
        is_kept = self.bench.has

        def visit(work: AnyWork) -> _Node | None:
            key = work.key
            if key in nodes:
                return nodes[key]
            if key in known or is_kept(work):
                known[key] = work
                return None
            needs = [node for need in work.needs() if (node := visit(need)) is not None]
            made = nodes[key] = _Node(work, {need.work.key for need in needs})
            for need in needs:
                need.needed_by.append(made)
            return made

        kept = {}
        for work in wanted:
            if visit(work) is None:
                kept[work.key] = work
        return list(nodes.values()), list(kept.values())

    def _work_off(self, nodes: Sequence[_Node], listener: Listener, skip: Skip) -> bool:
        """Work nodes off whose needs are among them or done; whether the listener stopped it."""
        ended: queue.SimpleQueue[tuple[_Node, Result | Failure | BaseException]] = queue.SimpleQueue()
        stop = Event()

        def one(node: _Node) -> None:
            if stop.is_set() or self.bench.cancel.is_set():
                return
            try:
                ended.put((node, self._outcome(node.work, skip)))
            except BaseException as bad:  # noqa: BLE001 (boundary: a work; raised again in the calling thread)
                stop.set()
                ended.put((node, bad))

        pool = ThreadPoolExecutor(self.slots, thread_name_prefix="slot")
        try:
            inside = {node.work.key for node in nodes}
            left = len(nodes)
            for node in nodes:
                if not node.waits_for:
                    pool.submit(one, node)
            while left:
                node, outcome = self._next(ended)
                if isinstance(outcome, BaseException):
                    raise outcome
                todo = deque([(node, outcome)])
                while todo:
                    node, outcome = todo.popleft()
                    if node.waits_for is _DONE:
                        continue
                    left -= node.work.key in inside
                    ready, hopeless = self._settled(node, outcome)
                    if listener.ends(node.work, outcome, kept=False):
                        return True
                    todo += hopeless
                    for each in ready:
                        if each.work.key in inside:
                            pool.submit(one, each)
            return False
        except BaseException:
            self.bench.cancel.set()
            for services in self.services.values():
                services.kill()
            raise
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)

    def _next(self, ended: queue.SimpleQueue[Any]) -> tuple[_Node, Any]:
        while True:
            try:
                return ended.get(timeout=_POLL_S)  # type: ignore[no-any-return]
            except queue.Empty:
                if self.bench.cancel.is_set():
                    raise KeyboardInterrupt from None

    def _settled(
        self, node: _Node, outcome: Result | Failure
    ) -> tuple[list[_Node], list[tuple[_Node, Failure]]]:
        """Keep in mind what came of a work; which now can run, and which never will."""
        waiting, node.waits_for = node.needed_by, _DONE
        if isinstance(outcome, Failure):
            self.bench.results.fail(node.work, outcome)
            why = Failure(_NEED_FAILED.format(node.work.name(), outcome.why))
            return [], [(each, why) for each in waiting if each.waits_for is not _DONE]
        ready = []
        for each in waiting:
            if each.waits_for is not _DONE:
                each.waits_for.discard(node.work.key)
                if not each.waits_for:
                    ready.append(each)
        return ready, []

    def _outcome(self, work: AnyWork, skip: Skip) -> Result | Failure:
        found = skip(work)
        if found is not None:
            return found
        if work.place == "host":
            return self._kept(work, work.run(Hand(self.bench, None)))
        services = self.services["gold" if work.place == "gold" else "student"]
        client = services.take()
        try:
            return self._kept(work, work.run(Hand(self.bench, client)))
        finally:
            services.give(client)

    def _kept(self, work: AnyWork, outcome: Result | Failure) -> Result | Failure:
        """What came of a work, its result as it stands in the store: memory holds no more than is used."""
        if not isinstance(outcome, Result):
            return outcome
        self.bench.results.put(work, outcome)
        found: Result = self.bench.results.of(work)
        return found


_DONE: set[str] = set()
"""What a node that has ended waits for."""


def _with_host(golden: Sequence[_Node], nodes: Sequence[_Node]) -> list[_Node]:
    """Works that see gold and the works of the host that they need, in order."""
    keep = {node.work.key for node in golden}
    for node in reversed(nodes):
        if any(after.work.key in keep for after in node.needed_by):
            keep.add(node.work.key)
    return [node for node in nodes if node.work.key in keep]


class Services:
    """At most as many services as threads ask for at once. Safe for threads."""

    def __init__(self, start: Callable[[], ServiceClient]) -> None:
        self.ended_s = 0.0
        """Seconds that services which have ended computed."""
        self._start = start
        self._clients: list[ServiceClient] = []
        self._idle: queue.SimpleQueue[ServiceClient] = queue.SimpleQueue()
        self._lock = threading.Lock()

    @property
    def busy_s(self) -> float:
        """Seconds that they computed, summed."""
        return self.ended_s + sum(client.busy_s for client in self._clients)

    def take(self) -> ServiceClient:
        """A service that lives; a dead one is replaced."""
        while True:
            try:
                client = self._idle.get_nowait()
            except queue.Empty:
                break
            if client.alive:
                return client
            client.kill()
            self._forget(client)
        client = self._start()
        with self._lock:
            self._clients.append(client)
        return client

    def give(self, client: ServiceClient) -> None:
        """Hand a service back for the next work."""
        self._idle.put(client)

    def close(self) -> None:
        """End all, side by side."""
        with self._lock:
            clients = list(self._clients)
        if clients:
            with ThreadPoolExecutor(len(clients)) as pool:
                list(pool.map(lambda client: client.close(), clients))
        for client in clients:
            self._forget(client)
        self._idle = queue.SimpleQueue()

    def kill(self) -> None:
        """End all now; whoever holds one sees it die."""
        with self._lock:
            for client in self._clients:
                client.kill()

    def _forget(self, client: ServiceClient) -> None:
        with self._lock:
            self.ended_s += client.busy_s
            self._clients.remove(client)
