"""A setting: one task on one pair, with the data and the identities that its stages hang on."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from w2s_harness.data.cut import cut
from w2s_harness.data.draw import draw
from w2s_harness.data.gold import gold_of
from w2s_harness.data.prepared import dump, parse, prepare
from w2s_harness.data.resolve import source_digest
from w2s_harness.data.texts import TaskData, Texts
from w2s_harness.errors import DataError, TaskError
from w2s_harness.experiment.identity import code_version
from w2s_harness.experiment.looking import Looks
from w2s_harness.experiment.store import Store, canonical, key_of
from w2s_harness.plan import Plan, PlannedTask
from w2s_harness.scoring.accuracy import Outcomes, accuracy, agreement, outcomes, pack, unpack_all
from w2s_harness.types import Pair, Split, Task


@dataclass(frozen=True, eq=False)
class Setting:
    """What all methods of a (task, pair) share."""

    task: PlannedTask
    pair: Pair
    data: TaskData
    models: Mapping[str, Mapping[str, Any]]
    """`weak`, `strong` and `student0`, ...: source, revision, commit and digest of the weights, and `seen`:
    what loading them showed, or None."""
    root_seed: int

    @cached_property
    def id(self) -> str:
        """`math/tiny`."""
        return f"{self.task.id}/{self.pair.name}"

    @property
    def test(self) -> Texts:
        """The holdout."""
        return self.data.texts["test"]

    @property
    def is_judged(self) -> bool:
        """Whether the gold is votes."""
        return gold_of(self.data, "test").votes is not None

    def right(self, predictions: npt.ArrayLike) -> Outcomes:
        """(n_test,) outcomes of predictions of the holdout; of a judged task against the majority vote."""
        return outcomes(predictions, gold_of(self.data, "test").labels)

    def agreement(self, right: Outcomes) -> Outcomes:
        """(..., n_test) what outcomes count: themselves, of a judged task agreement with a random voter."""
        return agreement(right, gold_of(self.data, "test").largest)

    def scored(self, predictions: npt.ArrayLike) -> dict[str, Any]:
        """What a record keeps of predictions of the holdout: `accuracy`, and `outcomes` and `ties` packed."""
        right = self.right(predictions)
        packed, ties = pack(right)
        return {"accuracy": accuracy(self.agreement(right)), "outcomes": packed, "ties": ties}

    def unpacked(self, records: Sequence[Mapping[str, Any]]) -> Outcomes:
        """(S, n_test) outcomes of S records, one or more, as `right` gave them."""
        return unpack_all([(r["outcomes"], r["ties"]) for r in records], len(self.test))

    def draw(self, split: Split, seed: int) -> npt.NDArray[np.int64]:
        """(m,) the rows of a training split that seed `seed` trains on: 80 % of its questions."""
        name = f"{self.data.digest}/{split}"
        return draw(self.data, split, root=self.root_seed, seed=seed, name=name)

    def weights(self, role: str) -> dict[str, Any]:
        """What identifies a role's model: the digest of its files, wherever they lie."""
        return {"source": None, "revision": None, "sha256": self.models[role]["sha256"]}

    def identity(self) -> dict[str, Any]:
        """`_identity`, made once: thousands of cells share it."""
        return self._identity

    @cached_property
    def identity_text(self) -> str:
        """`identity` as canonical JSON: the longest part of every key."""
        return canonical(self._identity)

    @cached_property
    def _identity(self) -> dict[str, Any]:
        """What the numbers of every stage hang on, beside the stage's own settings."""
        pair = asdict(self.pair)
        for role in ("weak", "strong"):
            pair[role] |= self.weights(role)
        return {
            "data": self.data.digest,
            "part": self.data.part,
            "mode": self.pair.mode,
            "threads": self.pair.threads,
            "weak": pair["weak"],
            "strong": pair["strong"],
            "settings": pair[self.pair.mode],
            "weak_settings": pair["weak_finetune"] if self.pair.mode == "finetune" else None,
            "root_seed": self.root_seed,
        }

    def chain(self) -> list[dict[str, Any]]:
        """What identifies the smaller students, smallest first; only methods read them, no shared stage."""
        return [asdict(model) | self.weights(f"student{k}") for k, model in enumerate(self.pair.students)]


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
    key = key_of("data", [task.name, task.version, settings, source, limit, code_version("data")])
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
