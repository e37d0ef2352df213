"""From a plan to its settings: every model looked at, every task loaded and checked."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from w2s_harness.contract.errors import DataError, ModelError, TaskError, WorkerError
from w2s_harness.contract.plan import Plan, PlannedTask
from w2s_harness.contract.types import Model, Pair, Task
from w2s_harness.data.reading.file_task import source_digest
from w2s_harness.data.rows.prepared import dump, parse, prepare
from w2s_harness.data.rows.splitting import cut
from w2s_harness.data.rows.texts import TaskData
from w2s_harness.run.kept.store import Store, key_of
from w2s_harness.run.work.code_digest import code_of
from w2s_harness.run.work.setting.setting import Setting
from w2s_harness.students.checkpoints import folder, hub
from w2s_harness.students.checkpoints.places import is_hub_id, locate
from w2s_harness.students.service.client import ServiceClient


@dataclasses.dataclass(frozen=True, slots=True)
class SeenPair:
    """A pair whose models are found."""

    pair: Pair
    """With the commits of hub ids as their revisions."""
    models: Mapping[str, Mapping[str, Any]]
    """By role, as `Setting.models`."""


class Looks:
    """Looks at models, each once; a context manager.

    A hub id is resolved to its commit once a session, so that nothing is keyed by a name that moves. A model
    is loaded once a store: what loading showed is kept under the digest of its files and the settings it is
    read with, and the service that loaded it goes on to the baselines with the weights in memory.
    """

    def __init__(
        self,
        store: Store,
        say: Callable[[str], None] | None = None,
        *,
        loads: bool = True,
        checks: bool = True,
    ) -> None:
        """`say` is told which commit a hub id means.

        `checks`: folders are looked at from outside. `loads`: models are loaded too.
        """
        self._store, self._say = store, say or (lambda _: None)
        self._loads, self._checks = loads, checks
        self._found: dict[tuple[str, str | None], Model] = {}
        self._client: ServiceClient | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, bad: BaseException | None, tb: TracebackType | None
    ) -> None:
        if (client := self.hand_over()) is not None:
            client.kill() if kind else client.close()

    def hand_over(self) -> ServiceClient | None:
        """The service that loaded models, for whoever reads next; None where none is running."""
        client, self._client = self._client, None
        return client

    def at(self, pair: Pair, threads: int = 1) -> SeenPair:
        """The models of a pair; `threads` are those of a service that is started for them.

        Raises `ModelError`, in one line, for a model that is not there, is damaged or cannot be read.
        """
        # weak and strong last: the service that loads them keeps the last two for the baselines
        given = {f"student{k}": model for k, model in enumerate(pair.students)}
        given |= {"weak": pair.weak, "strong": pair.strong}
        found = {role: self._resolved(model) for role, model in given.items()}
        models = {}
        for role, model in found.items():
            identity = model_identity(model, self._store)
            seen = self._seen(model, identity["sha256"], threads)
            models[role] = {**identity, "revision": given[role].revision, "seen": seen}
        resolved = dataclasses.replace(
            pair,
            weak=found["weak"],
            strong=found["strong"],
            students=[model for role, model in found.items() if role.startswith("student")],
        )
        return SeenPair(resolved, models)

    def _resolved(self, model: Model) -> Model:
        """The model by its commit, its files here and looked at from outside."""
        asked = model.source, model.revision
        if asked not in self._found:
            self._found[asked] = self._looked_up(model)
        return dataclasses.replace(model, revision=self._found[asked].revision)

    def _looked_up(self, model: Model) -> Model:
        place = locate(model)
        if is_hub_id(model.source) and (place is None or hub.is_commit(model.revision)):
            found = hub.resolve(model)
            model = dataclasses.replace(model, revision=found.commit)
            place = self._files_of(model, found.commit)
            how = " (from the hub's cache; the hub was not asked)" if found.is_from_cache else ""
            self._say(f"{model.source} is at commit {found.commit}{how}")
        if self._checks and place is not None and place.is_dir():
            folder.check(place, model.source)
        return model

    def _files_of(self, model: Model, commit: str) -> Path:
        """The files of a commit, fetched where the cache has not all of them."""
        place = hub.snapshot(model.source, commit)
        if place is not None:
            with contextlib.suppress(ModelError):
                folder.check(place, model.source)
                return place
        return hub.fetch(model, commit)

    def _seen(self, model: Model, digest: str, threads: int) -> dict[str, Any] | None:
        """What loading a model showed, now or before; None where it may not be loaded and never was."""
        settings = dataclasses.asdict(model) | {"source": None, "revision": None, "templates": None}
        key = key_of("look", [digest, settings, code_of("w2s_harness.students.lm.loading")])
        kept: dict[str, Any] | None = self._store.get(key)
        if kept is not None or not self._loads:
            return kept
        if self._client is None:
            self._client = ServiceClient("baseline", threads=threads)
        try:
            looked = msgspec.to_builtins(self._client.look(model))
        except WorkerError as died:
            raise ModelError(f"'{model.source}' cannot be loaded: {died}") from died
        kept = {name: looked[name] for name in ("context", "readout", "device", "chat")}
        kept |= {"notes": list(looked["notes"]), "predicts": looked["shape"]["predicts"]}
        self._store.put(key, kept)
        for note in kept["notes"]:
            self._say(f"{model.source}: {note}")
        return kept


def model_identity(model: Model, store: Store) -> dict[str, Any]:
    """What identifies a model whose files are here: the digest of what is read of them, and its commit.

    `revision` and `commit` are the model's own; a hub id must name a commit (`Looks` sees to it). The
    digest is remembered under the files' places, sizes, inodes and times of change, so that big weights are
    read once. Raises `ModelError` for a model that is not here.
    """
    place = locate(model)
    if place is None:
        raise ModelError(
            f"'{model.source}' is not in the hub's cache; name its commit, or run it online once"
        )
    files = _files_read(place)
    # The time of change, unlike that of modification, cannot be set back by a copy.
    seen = [(str(f), s.st_size, s.st_ino, s.st_mtime_ns, s.st_ctime_ns) for f in files if (s := f.stat())]
    key = key_of("model-digest", seen)
    digest = store.get(key)
    if digest is None:
        digest = _digest(files, place)
        store.put(key, digest)
    is_of_hub = hub.is_commit(model.revision)
    source = model.source if is_of_hub else "/".join(place.parts[-3:])
    return {"source": source, "revision": model.revision, "commit": model.revision, "sha256": digest}


def _files_read(place: Path) -> list[Path]:
    """The files of a model that loading may read: neither notes beside them nor checkpoints in folders."""
    if not place.is_dir():
        return [place]
    return sorted({f for pattern in hub.PATTERNS for f in place.glob(pattern) if f.is_file()})


def _digest(files: list[Path], place: Path) -> str:
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            inner = hashlib.file_digest(stream, "sha256").hexdigest()
        digest.update(f"{file.relative_to(place) if place.is_dir() else file.name}\0{inner}\n".encode())
    return digest.hexdigest()


def prepare_settings(
    plan: Plan, store: Store, looks: Looks | None = None, *, lost: dict[str, str] | None = None
) -> list[Setting]:
    """Look at every model, then load and validate every task of the plan (once per content).

    `looks` says which commits hub ids mean, and loads models that it has not seen; without it they are looked
    at only from outside. `lost` takes the tasks whose own code does not load them, by id, with the reason;
    they have no setting. Raises `DataError` or `ModelError` before any work is done, and `TaskError` where
    `lost` is not given or would take every task.
    """
    looks = looks or Looks(store, loads=False, checks=False)
    # as many as the baselines use, to which the service of the looks is handed over
    threads = max(pair.threads for pair in plan.pairs)
    seen = {pair.name: looks.at(pair, threads) for pair in plan.pairs}
    out = []
    for task in plan.tasks:
        try:
            whole = _data(task, plan.limit, store)
        except TaskError as bad:
            if lost is None or len(lost) + 1 == len(plan.tasks):
                raise
            lost[task.id] = str(bad)
            continue
        data = cut(whole, task.part, root=plan.root_seed, name=task.id)
        out += [
            Setting(task, seen[pair.name].pair, data, seen[pair.name].models, plan.root_seed)
            for pair in filter(task.runs_on, plan.pairs)
        ]
    return out


def _data(planned: PlannedTask, limit: int | None, store: Store) -> TaskData:
    task = planned.task
    source = source_digest(task) or _code_digest(task)
    settings = dict(sorted(planned.settings.items()))
    key = key_of(
        "data", [task.name, task.version, settings, source, limit, code_of("w2s_harness.data.rows.prepared")]
    )
    path = store.path(key)
    if path is not None:
        try:
            return parse(path.read_bytes())
        except DataError:
            pass  # a dump of another format: made again below
    data = prepare(task, limit=limit)
    store.put_bytes(key, dump(data))
    return data


def _code_digest(task: Task) -> str:
    """Digest of what generates a task: the modules beside its own, and its data folder."""
    module = sys.modules[type(task).__module__]
    file = Path(module.__file__ or "")
    files = sorted(p for p in file.parent.rglob("*.py") if p.is_file()) if module.__package__ else [file]
    if task.data.is_dir():
        files += sorted(p for p in task.data.rglob("*") if p.is_file())
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(file.parent)}\0".encode())
        try:
            digest.update(path.read_bytes())
        except OSError as bad:
            raise TaskError(f"task {task.name}: {path} cannot be read: {bad.strerror}") from bad
    return digest.hexdigest()
