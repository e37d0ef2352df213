"""Vanilla students beside the plan's own: `vanilla@C`, and vanilla by a solver that no row of it used.

`vanilla@C` is what vanilla reaches when it may spend as much compute as a row did: the mean log-odds of m
vanilla students. Under the solver `exact`, which knows no chance, a member is trained on a bag: as many
questions as the seed's draw has, drawn from it with replacement (Breiman 1996, "Bagging predictors"), each
row weighted by how often its question was drawn. Rows that a bag left out are not read, so that m members
cost at most m times vanilla, save for some steps of their solves; the penalty is that of so many rows. Under
`path` and in `finetune` the members are vanilla itself and vanilla under seeds of their own. A member is
named by setting, solver, seed and number alone: a smaller ensemble is the start of a larger one.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from w2s_harness.errors import ModelError, StoreError, WorkerError
from w2s_harness.experiment.host_fits import Fitted, HostCell
from w2s_harness.experiment.keys import Keys, named_seed
from w2s_harness.experiment.reading import probe_settings
from w2s_harness.experiment.scored import AT_COMPUTE
from w2s_harness.experiment.setting import Setting
from w2s_harness.experiment.slots import Slots
from w2s_harness.experiment.store import Store
from w2s_harness.experiment.worlds import tell
from w2s_harness.models.client import ServiceClient
from w2s_harness.plan import Plan
from w2s_harness.scoring.accuracy import Outcomes

Floats = npt.NDArray[np.float64]

_EDGE = 1e-15
_GONE = "a student of vanilla@C is gone from the store; run the same command again"


@dataclass(frozen=True, slots=True)
class _Unit:
    """The students of one (setting, solver, seed), and which of them are not in the store."""

    setting: Setting
    solver: str
    seed: int
    missing: tuple[int, ...]

    @property
    def id(self) -> str:
        """`math/tiny exact s0`."""
        return f"{self.setting.id} {self.solver} s{self.seed}"


class EqualCompute:
    """A plan's vanilla students of the host's own, on services of their own that see no gold."""

    def __init__(
        self,
        plan: Plan,
        settings: Sequence[Setting],
        store: Store,
        hook: Any,
        cancel: threading.Event,
        slots: int,
    ) -> None:
        self.plan, self.store, self.hook = plan, store, hook
        self.cancel, self.n = cancel, slots
        self.busy_s = 0.0
        self.flops = 0.0
        """What was computed in this run."""
        self.errors: dict[str, str] = {}
        """Why a setting has no such students, by its id."""
        self._settings = {s.id: s for s in settings}

    def run(
        self, wanted: Mapping[str, set[tuple[str, int]]]
    ) -> dict[tuple[str, str, int], dict[int, Outcomes]]:
        """(n_test,) outcomes by seed of the plan, for every (setting id, solver, members) that is wanted.

        One member is vanilla itself by that solver. A setting one of whose students could not be trained is
        left out, and `errors` says why: it takes a comparison from its rows and must not take the run.
        :param wanted: by setting id, (solver, members) with at least one member.
        """
        self._fit(self._units(wanted))
        out: dict[tuple[str, str, int], dict[int, Outcomes]] = {}
        for name, students in wanted.items():
            if name in self.errors:
                continue
            for solver, m in sorted(students):
                out[(name, solver, m)] = {
                    seed: self._together(self._settings[name], solver, seed, m) for seed in self.plan.seeds
                }
        return out

    def flops_of(self, setting_id: str, solver: str, m: int) -> float:
        """FLOPs of the ensemble of `m` members over all seeds of the plan, as if nothing were cached.

        After `run`. Raises `StoreError` where a student is gone from the store.
        """
        setting = self._settings[setting_id]
        records = [
            self.store.get(self._key(setting, solver, seed, i, "cost"))
            for seed in self.plan.seeds
            for i in numbers(solver, m)
        ]
        if None in records:
            raise StoreError(_GONE)
        return float(sum(record["flops"] for record in records if record))

    # -- what is to be fitted ---------------------------------------------------------------------------

    def _units(self, wanted: Mapping[str, set[tuple[str, int]]]) -> list[_Unit]:
        out = []
        for name, students in wanted.items():
            setting = self._settings[name]
            for solver in sorted({solver for solver, _ in students}):
                every = sorted({i for s, m in students if s == solver for i in numbers(solver, m)})
                for seed in self.plan.seeds:
                    missing = tuple(i for i in every if not self._has(setting, solver, seed, i))
                    out.append(_Unit(setting, solver, seed, missing))
        return out

    def _has(self, setting: Setting, solver: str, seed: int, number: int) -> bool:
        if self.store.get(self._key(setting, solver, seed, number, "cost")) is None:
            return False
        return self.store.path(self._key(setting, solver, seed, number, "values")) is not None

    def _key(
        self, setting: Setting, solver: str, seed: int, number: int, part: Literal["values", "cost"]
    ) -> str:
        own = probe_settings(self.store, setting, "strong", by_steps=True)
        settings = (own.epochs, own.lr) if solver == "path" else ()
        return Keys(setting).student(solver, settings, seed, number, part)

    # -- working off ------------------------------------------------------------------------------------

    def _fit(self, units: Sequence[_Unit]) -> None:
        if not units:
            return
        self.hook.w2s_stage_start(stage=AT_COMPUTE, total=len(units))
        for unit in units:
            if not unit.missing:
                self.hook.w2s_stage_progress(stage=AT_COMPUTE, unit=unit.id, cached=True)
        threads = max(pair.threads for pair in self.plan.pairs)
        with Slots(self.n, lambda: ServiceClient("worker-facing", threads=threads), self.cancel) as slots:
            slots.map([unit for unit in units if unit.missing], self._work, self._done)
        self.busy_s += slots.busy_s

    def _work(self, client: ServiceClient, unit: _Unit) -> float | str:
        """Fit a unit's students and keep them; the FLOPs that they took, or why they could not be trained."""
        spent, name = 0.0, partial(self._key, unit.setting, unit.solver, unit.seed)
        weak = tell(self.store, unit.setting, unit.seed, None).weak
        try:
            with HostCell(client, self.store, unit.setting, unit.seed) as cell:
                for number in unit.missing:
                    found = _student(cell, unit, number, weak)
                    cost = {"tokens": found.tokens, "flops": found.flops}
                    self.store.put_array(name(number, "values"), found.predictions)
                    self.store.put(name(number, "cost"), cost)
                    spent += found.flops
        except (WorkerError, ModelError) as bad:
            return str(bad)
        return spent

    def _done(self, unit: _Unit, found: float | str) -> None:
        if isinstance(found, str):
            self.errors.setdefault(unit.setting.id, found)
        else:
            self.flops += found
        self.hook.w2s_stage_progress(stage=AT_COMPUTE, unit=unit.id, cached=False)

    def _together(self, setting: Setting, solver: str, seed: int, m: int) -> Outcomes:
        """(n_test,) outcomes of the mean log-odds of a seed's m members."""
        found = [self.store.array(self._key(setting, solver, seed, i, "values")) for i in numbers(solver, m)]
        members = [np.asarray(p, np.float64) for p in found if p is not None]
        if len(members) < m:
            raise StoreError(_GONE)
        together = np.mean([_logit(p) for p in members], axis=0)
        decided = np.where(together == 0, 0.5, (together > 0).astype(np.float64))
        return setting.agreement(setting.right(decided))


def numbers(solver: str, m: int) -> range:
    """The numbers of an ensemble's members; 0 is vanilla itself, which is no bag."""
    return range(1, m + 1) if solver == "exact" and m > 1 else range(m)


def _student(cell: HostCell, unit: _Unit, number: int, weak: Floats) -> Fitted:
    setting, is_path = unit.setting, unit.solver == "path"
    if number == 0:
        return cell.fit(weak, by_path=is_path)
    named = named_seed(setting.root_seed, setting.data.digest, AT_COMPUTE, unit.solver, unit.seed, number)
    if unit.solver != "exact":
        return cell.fit(weak, seed=named % 2**31, by_path=is_path)
    groups = setting.data.texts["train_unlabel"].groups[setting.draw("train_unlabel", unit.seed)]
    times = bag(groups, np.random.default_rng(named))
    rows = np.flatnonzero(times)
    return cell.fit(weak[rows], rows=rows, weight=times[rows].astype(np.float64))


def bag(groups: npt.ArrayLike, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """(n,) how often each row's question was drawn, in as many draws with replacement as there are questions.

    :param groups: (n,) codes of questions.
    """
    _, codes = np.unique(np.asarray(groups), return_inverse=True)
    q = int(codes.max()) + 1
    # floor of uniforms, not Generator.integers, whose stream may change between numpy versions
    drawn = np.minimum((rng.random(q) * q).astype(np.int64), q - 1)
    return np.bincount(drawn, minlength=q)[codes]


def _logit(p: Floats) -> Floats:
    q = np.clip(p, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(q) - np.log1p(-q), np.float64)
