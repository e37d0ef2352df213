"""The vanilla path: vanilla at every point of its gold-free settings, for every seed of a plan.

How strongly a student is regularised decides how far it copies its teacher's noise, so a method that only
regularises otherwise than vanilla would look better than it. A row is better than vanilla only where it beats
`vanilla*`, the point of this path that is best on the holdout: chosen in vanilla's favour, which no method's
settings are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from w2s_harness.contract.worker.wire.messages import pack, unpack
from w2s_harness.run.stages.features import STUDENT, reads
from w2s_harness.run.stages.service_orders import all_rows, finetune_settings, model_of, split_ref
from w2s_harness.run.stages.teachers import Teacher, weak_labels
from w2s_harness.run.stages.tuning import probe_settings, tuned
from w2s_harness.run.work.result import Result, ResultArray
from w2s_harness.run.work.seeds import named_seed
from w2s_harness.run.work.setting.setting_ref import SettingRef
from w2s_harness.run.work.work import At, Lookup, Place, SettingWork, Work
from w2s_harness.scoring.comparisons.starred import Point, Starred
from w2s_harness.students import control
from w2s_harness.students.probe.choosing import C_GRID, EPOCH_GRID, HALF_DECADES

Floats = npt.NDArray[np.float64]

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
class VanillaPath(SettingWork[PathOutcomes]):
    """The path of one seed by one solver."""

    kind: ClassVar[str] = "vanilla*"
    place: ClassVar[Place] = "gold"
    gives: ClassVar[type[Result]] = PathOutcomes

    setting: SettingRef
    solver: str
    seed: int

    def needs(self) -> tuple[Work[Result], ...]:
        """The teacher's labels and the student's features and settings."""
        settings = tuned(self.setting, by_steps=self.solver == "path")
        return (Teacher(self.setting, self.seed), *reads(self.setting, *STUDENT), *settings)

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
        """(P, n_test) what the points of an order get right."""
        setting, found = at.setting(self.setting), at.client.follow(order)
        return np.stack([setting.right(unpack(values)) for values in found.values])

    def _order(self, at: At) -> control.Follow:
        ref, setting = self.setting, at.setting(self.setting)
        return control.Follow(
            model=model_of(setting, "strong"),
            mode=setting.pair.mode,
            kind=setting.data.kind,
            train=split_ref(at, ref, "strong", "train_unlabel"),
            index=pack(setting.draw("train_unlabel", self.seed), "i8"),
            targets=pack(weak_labels(at, ref, self.seed)),
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
        if self.solver == "path":
            epochs = sorted({*EPOCH_GRID, chosen.epochs})
            return tuple(
                control.PathPoint(c=chosen.c, epochs=e, lr=chosen.lr * r) for r in RATES for e in epochs
            )
        low, high = min(C_GRID[0], chosen.c / BEYOND), max(C_GRID[-1], chosen.c * BEYOND)
        return tuple(control.PathPoint(c=c) for c in HALF_DECADES if low / _EDGE <= c <= high * _EDGE)


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
        by_seed[seed] = {_name(p): (p, row) for p, row in zip(found.points, rows, strict=True)}
    first, *others = by_seed.values()
    # some seeds may have gone on further than others
    return tuple(
        Point(name, {seed: known[name][1] for seed, known in by_seed.items()}, settings)
        for name, (settings, _) in first.items()
        if all(name in other for other in others)
    )


def _name(settings: Mapping[str, float]) -> str:
    return ",".join(f"{name}={value:g}" for name, value in settings.items())
