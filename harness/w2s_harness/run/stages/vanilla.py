"""Vanilla students that the host trains by itself: no method's code, no worker.

A worker-facing service serves `HostCell` as it serves a method's cell, so that its fits are trained, seeded
and metered alike; the host scores what comes back.

`vanilla*` is the best point on the holdout of a path of gold-free settings. How strongly a student is
regularised decides how far it copies its teacher's noise, so a method that only regularises otherwise than
vanilla would look better than it. The point is chosen in vanilla's favour, which no method's settings are.

`vanilla@C` is what vanilla reaches when it may spend as much compute as a row did: the mean log-odds of m
students. Under the solver `exact`, which knows no chance, a member is trained on a bag: as many questions as
the seed's draw has, drawn from it with replacement (Breiman 1996, "Bagging predictors"), each row weighted by
how often its question was drawn. Rows that a bag left out are not read, so that m members cost at most m
times vanilla, save for some steps of their solves; the penalty is that of so many rows. Under `path` and in
`finetune` the members are vanilla itself and vanilla under seeds of their own. A member is named by setting,
solver, seed and number alone: a smaller ensemble is the start of a larger one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from w2s_harness.contract.errors import ModelError, WorkerError
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.run.stages.service_orders import (
    STUDENT,
    all_rows,
    finetune_settings,
    model_of,
    opening,
    reads,
    split_ref,
)
from w2s_harness.run.stages.teachers import Teacher, weak_labels
from w2s_harness.run.stages.tuning import probe_settings, tuned
from w2s_harness.run.work.results import Result, ResultArray
from w2s_harness.run.work.setting.setting import SettingRef
from w2s_harness.run.work.work import At, Failure, Lookup, SettingWork, Work, named_seed
from w2s_harness.scoring.comparisons.starred import Point, Starred
from w2s_harness.scoring.points import Outcomes
from w2s_harness.students import control
from w2s_harness.students.probe.choosing import C_GRID, EPOCH_GRID, HALF_DECADES
from w2s_harness.students.probe.objective import logit

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Fitted(Result):
    """A student's predictions and what they cost."""

    tokens: int
    """Tokens that this fit and its prediction were charged, as if nothing were cached."""
    flops: float
    """Their FLOPs."""
    predictions: ResultArray
    """(n_test,) P(label = 1) on the holdout, in the task's own row order."""


class HostCell:
    """A seed's draw of train_unlabel, opened on a worker-facing service; a context manager."""

    def __init__(self, at: At, ref: SettingRef, seed: int, *, by_steps: bool = False) -> None:
        """`by_steps`: fits by the solver `path` may be asked for."""
        self._client, self._spent = at.client, control.Meter()
        setting = at.setting(ref)
        self._client.open_cell(
            opening(
                at, ref, setting.draw("train_unlabel", seed), np.arange(len(setting.test)),
                probe=probe_settings(at, ref, "strong", by_steps=by_steps),
                seed=named_seed(ref.root_seed, ref.data, "student", seed),
            )
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._client.alive:
            self._client.close_cell()

    def fit(
        self,
        targets: npt.ArrayLike,
        *,
        rows: Codes | None = None,
        weight: npt.ArrayLike | None = None,
        seed: int | None = None,
        by_path: bool = False,
    ) -> Fitted:
        """Train on `rows` (k,) of the draw (all of them by default) and predict the holdout.

        `targets` (k,) in [0, 1], `weight` (k,) >= 0; `by_path`: by the solver `path` in probe mode,
        at the setting's own epochs and learning rate. Raises `WorkerError` where the service refuses.
        """
        y = np.asarray(targets, np.float64)
        request = wire.Fit(
            wire.RowsRef("train", wire.pack(np.arange(len(y)) if rows is None else rows, "i8")),
            wire.pack(y),
            weight=None if weight is None else wire.pack(np.asarray(weight, np.float64)),
            seed=seed,
            # whoever asks for a trace is served by `path`
            trace=by_path,
        )
        reply = self._client.serve(request)
        if not isinstance(reply, wire.Handled):
            raise WorkerError(f"the student service refused a fit of the host's own: {reply}")
        found = self._client.predict_test(reply.handle)
        before, self._spent = self._spent, found.meter
        return Fitted(
            tokens=found.meter.tokens - before.tokens,
            flops=found.meter.flops - before.flops,
            predictions=ResultArray(np.asarray(wire.unpack(found.values[0]), np.float64)),
        )


RATES = (1 / 3, 1.0, 3.0)
"""Learning rates of `path` and `finetune`, in multiples of the setting's own."""
_EDGE = 1.01
"""Values of C are half decades: further apart than rounding."""
MOST_C = 100.0
"""How far the path goes on where its last point is best."""
BEYOND = 10.0
"""How far the path reaches beyond the C that was chosen, on both sides."""


@dataclass(frozen=True, eq=False)
class PathOutcomes(Result):
    """The P points of a seed's path, and what each gets right."""

    points: list[dict[str, float]]
    outcomes: ResultArray
    """(P, n_test)"""


@dataclass(frozen=True)
class VanillaPath(SettingWork[PathOutcomes], kind="vanilla*", place="gold", gives=PathOutcomes):
    """The path of one seed by one solver."""

    setting: SettingRef
    solver: str
    seed: int

    def needs(self) -> tuple[Work[Result], ...]:
        """The teacher's labels and the student's features and settings."""
        return _needs(self.setting, self.solver, self.seed)

    def run(self, at: At) -> PathOutcomes:
        """Follow the path, and go on by half decades of C while its last point is best."""
        order = self._order(at)
        points, right = list(order.points), self._right(at, order)
        while self.solver == "exact" and int(np.argmax(right.mean(axis=1))) == len(points) - 1:
            more = [c for c in HALF_DECADES if points[-1].c * _EDGE < c <= MOST_C][:1]
            if not more:
                break
            points.append(control.PathPoint(c=more[0]))
            right = np.vstack([right, self._right(at, replace(order, points=tuple(points[-1:])))])
        named = [{"C": p.c} if p.epochs is None else {"epochs": p.epochs, "lr": p.lr or 0.0} for p in points]
        return PathOutcomes(named, ResultArray(right.astype(np.float32)))

    def _right(self, at: At, order: control.Follow) -> Floats:
        setting, found = at.setting(self.setting), at.client.follow(order)
        return np.stack([setting.right(wire.unpack(values)) for values in found.values])

    def _order(self, at: At) -> control.Follow:
        ref, setting = self.setting, at.setting(self.setting)
        return control.Follow(
            model=model_of(setting, "strong"),
            mode=setting.pair.mode,
            kind=setting.data.kind,
            train=split_ref(at, ref, "strong", "train_unlabel"),
            index=wire.pack(setting.draw("train_unlabel", self.seed), "i8"),
            targets=wire.pack(weak_labels(at, ref, self.seed)),
            test=split_ref(at, ref, "strong", "test"),
            test_index=all_rows(len(setting.test)),
            points=self._grid(at),
            finetune=finetune_settings(setting, "strong"),
            seed=named_seed(ref.root_seed, ref.data, "vanilla*", self.solver, self.seed),
        )

    def _grid(self, at: At) -> tuple[control.PathPoint, ...]:
        if self.solver == "finetune":
            own = finetune_settings(at.setting(self.setting), "strong")
            epochs = [float(e) for e in range(1, int(own.epochs))] + [own.epochs]
            return tuple(control.PathPoint(epochs=e, lr=own.lr * r) for r in RATES for e in epochs)
        chosen = probe_settings(at, self.setting, "strong", by_steps=self.solver == "path")
        c, lr = chosen.c, chosen.lr
        if self.solver == "path":
            epochs = sorted({*EPOCH_GRID, chosen.epochs})
            return tuple(control.PathPoint(c=c, epochs=e, lr=lr * r) for r in RATES for e in epochs)
        low, high = min(C_GRID[0], c / BEYOND), max(C_GRID[-1], c * BEYOND)
        return tuple(control.PathPoint(c=x) for x in HALF_DECADES if low / _EDGE <= x <= high * _EDGE)


def _needs(ref: SettingRef, solver: str, seed: int) -> tuple[Work[Result], ...]:
    return (Teacher(ref, seed), *reads(ref, *STUDENT), *tuned(ref, by_steps=solver == "path"))


def solvers(setting: SettingRef, *, by_steps: bool) -> tuple[str, ...]:
    """The solvers that the path is followed by; `by_steps`: methods of the plan may train by steps."""
    if setting.mode == "finetune":
        return ("finetune",)
    return ("exact", "path") if by_steps else ("exact",)


def starred(at: Lookup, setting: SettingRef, seeds: Sequence[int], *, by_steps: bool) -> dict[str, Starred]:
    """The points by solver. Those of `path` hold the points of `exact` too: a method may use both.

    Raises `StoreError` where a point is gone from the store.
    """
    own = {solver: _points(at, setting, solver, seeds) for solver in solvers(setting, by_steps=by_steps)}
    if "path" in own:
        own["path"] = own["exact"] + own["path"]
    return {solver: Starred(points) for solver, points in own.items()}


def _points(at: Lookup, ref: SettingRef, solver: str, seeds: Sequence[int]) -> tuple[Point, ...]:
    by_seed: dict[int, dict[str, tuple[dict[str, float], Floats]]] = {}
    for seed in seeds:
        found = at.of(VanillaPath(ref, solver, seed))
        rows = at.setting(ref).agreement(found.outcomes.floats)
        names = [",".join(f"{name}={value:g}" for name, value in point.items()) for point in found.points]
        by_seed[seed] = dict(zip(names, zip(found.points, rows, strict=True), strict=True))
    first, *others = by_seed.values()
    # some seeds may have gone on further than others
    return tuple(
        Point(name, {seed: known[name][1] for seed, known in by_seed.items()}, settings)
        for name, (settings, _) in first.items()
        if all(name in other for other in others)
    )


AT_COMPUTE = "vanilla@C"
"""The reference of `vs_compute`: an ensemble of vanilla students of at most the row's compute."""
_LEAST = 1e-15
"""P(label = 1) at least, so that its log-odds are finite."""


@dataclass(frozen=True)
class VanillaMember(SettingWork[Fitted], kind=AT_COMPUTE, place="student", gives=Fitted):
    """One vanilla student of a seed."""

    setting: SettingRef
    solver: str
    seed: int
    number: int
    """0 is vanilla itself, which is no bag."""

    def name(self) -> str:
        """`math/tiny exact s0 3`."""
        return f"{self.setting.id} {self.solver} s{self.seed} {self.number}"

    def needs(self) -> tuple[Work[Result], ...]:
        """As of the path."""
        return _needs(self.setting, self.solver, self.seed)

    def run(self, at: At) -> Fitted | Failure:
        """Train it. One that cannot be trained takes a comparison from its rows and must not take the run."""
        weak = weak_labels(at, self.setting, self.seed)
        try:
            with HostCell(at, self.setting, self.seed, by_steps=self.solver == "path") as cell:
                return self._student(at, cell, weak)
        except (WorkerError, ModelError) as bad:
            return Failure(str(bad))

    def _student(self, at: At, cell: HostCell, weak: Floats) -> Fitted:
        ref, is_path = self.setting, self.solver == "path"
        if self.number == 0:
            return cell.fit(weak, by_path=is_path)
        named = named_seed(ref.root_seed, ref.data, AT_COMPUTE, self.solver, self.seed, self.number)
        if self.solver != "exact":
            return cell.fit(weak, seed=named % 2**31, by_path=is_path)
        setting = at.setting(ref)
        groups = setting.data.texts["train_unlabel"].groups[setting.draw("train_unlabel", self.seed)]
        times = bag(groups, np.random.default_rng(named))
        rows = np.flatnonzero(times)
        return cell.fit(weak[rows], rows=rows, weight=times[rows].astype(np.float64))


def members(setting: SettingRef, solver: str, seed: int, m: int) -> list[VanillaMember]:
    """The members of an ensemble of m; one is vanilla itself."""
    numbers = range(1, m + 1) if solver == "exact" and m > 1 else range(m)
    return [VanillaMember(setting, solver, seed, number) for number in numbers]


def together(at: Lookup, setting: SettingRef, solver: str, seed: int, m: int) -> Outcomes:
    """(n_test,) outcomes of the mean log-odds of a seed's m members."""
    found = [at.of(member).predictions.floats for member in members(setting, solver, seed, m)]
    mean = np.mean([logit(p, _LEAST) for p in found], axis=0)
    decided = np.where(mean == 0, 0.5, (mean > 0).astype(np.float64))
    here = at.setting(setting)
    return here.agreement(here.right(decided))


def bag(groups: npt.ArrayLike, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """(n,) how often each row's question was drawn, in as many draws with replacement as there are questions.

    :param groups: (n,) codes of questions.
    """
    _, codes = np.unique(np.asarray(groups), return_inverse=True)
    q = int(codes.max()) + 1
    # floor of uniforms, not Generator.integers, whose stream may change between numpy versions
    drawn = np.minimum((rng.random(q) * q).astype(np.int64), q - 1)
    return np.bincount(drawn, minlength=q)[codes]
