"""The vanilla path: vanilla at every point of its gold-free settings, for every seed of a plan.

How strongly a student is regularised decides how far it copies its teacher's noise, so a method that only
regularises otherwise than vanilla would look better than it. A row is better than vanilla only where it beats
`vanilla*`, the point of this path that is best on the holdout: chosen in vanilla's favour, which no method's
settings are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from w2s_harness.errors import StoreError
from w2s_harness.experiment.keys import Keys, named_seed
from w2s_harness.experiment.reading import (
    all_rows,
    finetune_settings,
    model_of,
    probe_settings,
    split_ref,
    trains_by_steps,
)
from w2s_harness.experiment.setting import Setting
from w2s_harness.experiment.store import Store
from w2s_harness.experiment.units import Unit
from w2s_harness.experiment.worlds import tell
from w2s_harness.models import control
from w2s_harness.models.client import ServiceClient
from w2s_harness.models.selection import C_GRID, EPOCH_GRID, HALF_DECADES
from w2s_harness.plan import Plan
from w2s_harness.scoring.starred import Point, Starred
from w2s_harness.wire.messages import pack as wire_pack
from w2s_harness.wire.messages import unpack as wire_unpack

Floats = npt.NDArray[np.float64]

RATES = (1 / 3, 1.0, 3.0)
"""Learning rates of `path` and `finetune`, in multiples of the setting's own."""
_GONE = "a point of the vanilla path is gone from the store; run the same command again"
_EDGE = 1.01
"""Values of C are half decades: further apart than rounding."""
MOST_C = 100.0
"""How far the path goes on where its last point is best."""
BEYOND = 10.0
"""How far the path reaches beyond the C that was chosen, on both sides."""


@dataclass(frozen=True, slots=True)
class VanillaPath:
    """The path of one setting."""

    plan: Plan
    setting: Setting
    store: Store

    @property
    def solvers(self) -> tuple[str, ...]:
        """The solvers that the path is followed by."""
        if self.setting.pair.mode == "finetune":
            return ("finetune",)
        return ("exact", "path") if any(map(trains_by_steps, self.plan.methods)) else ("exact",)

    def units(self) -> list[Unit]:
        """One unit for each seed and solver."""
        keys = Keys(self.setting)
        return [
            Unit(
                f"{self.setting.id} {solver} s{seed}",
                keys.vanilla_path(solver, seed, "points"),
                partial(self._work, solver=solver, seed=seed),
                (keys.vanilla_path(solver, seed, "outcomes"),),
            )
            for solver in self.solvers
            for seed in self.plan.seeds
        ]

    def starred(self) -> dict[str, Starred]:
        """The points by solver. Those of `path` hold the points of `exact` too: a method may use both.

        Raises `StoreError` where a point is gone from the store.
        """
        own = {solver: self._points(solver) for solver in self.solvers}
        if "path" in own:
            own["path"] = own["exact"] + own["path"]
        return {solver: Starred(points) for solver, points in own.items()}

    def _points(self, solver: str) -> tuple[Point, ...]:
        by_seed: dict[int, dict[str, tuple[dict[str, float], Floats]]] = {}
        for seed in self.plan.seeds:
            points = self.store.get(Keys(self.setting).vanilla_path(solver, seed, "points"))
            right = self.store.array(Keys(self.setting).vanilla_path(solver, seed, "outcomes"))
            if points is None or right is None:
                raise StoreError(_GONE)
            rows = self.setting.agreement(np.asarray(right, np.float64))
            by_seed[seed] = {_name(p): (p, row) for p, row in zip(points["points"], rows, strict=True)}
        first, *others = by_seed.values()
        # some seeds may have gone on further than others
        return tuple(
            Point(name, {seed: found[name][1] for seed, found in by_seed.items()}, settings)
            for name, (settings, _) in first.items()
            if all(name in other for other in others)
        )

    def _work(self, client: ServiceClient, *, solver: str, seed: int) -> None:
        """Follow the path of one seed by one solver, and keep what its points get right.

        It goes on by half decades of C while its last one is best.
        """
        keys, order = Keys(self.setting), self._order(solver, seed)
        points, right = list(order.points), self._right(client, order)
        while solver == "exact" and int(np.argmax(right.mean(axis=1))) == len(points) - 1:
            more = [c for c in HALF_DECADES if points[-1].c * _EDGE < c <= MOST_C][:1]
            if not more:
                break
            points.append(control.PathPoint(c=more[0]))
            right = np.vstack([right, self._right(client, replace(order, points=tuple(points[-1:])))])
        self.store.put_array(keys.vanilla_path(solver, seed, "outcomes"), right.astype(np.float32))
        named = [{"C": p.c} if p.epochs is None else {"epochs": p.epochs, "lr": p.lr} for p in points]
        self.store.put(keys.vanilla_path(solver, seed, "points"), {"points": named})

    def _right(self, client: ServiceClient, order: control.Follow) -> Floats:
        """(P, n_test) what the points of an order get right."""
        found = client.follow(order)
        return np.stack([self.setting.right(wire_unpack(values)) for values in found.values])

    def _order(self, solver: str, seed: int) -> control.Follow:
        setting, store = self.setting, self.store
        told = tell(store, setting, seed, None)
        return control.Follow(
            model=model_of(setting, "strong"),
            mode=setting.pair.mode,
            kind=setting.data.kind,
            train=split_ref(store, setting, "strong", "train_unlabel"),
            index=wire_pack(told.drawn, "i8"),
            targets=wire_pack(told.weak),
            test=split_ref(store, setting, "strong", "test"),
            test_index=all_rows(len(setting.test)),
            points=self._grid(solver),
            finetune=finetune_settings(setting, "strong"),
            seed=named_seed(setting.root_seed, setting.data.digest, "vanilla*", solver, seed),
        )

    def _grid(self, solver: str) -> tuple[control.PathPoint, ...]:
        if solver == "finetune":
            own = finetune_settings(self.setting, "strong")
            epochs = [float(e) for e in range(1, int(own.epochs))] + [own.epochs]
            return tuple(control.PathPoint(epochs=e, lr=own.lr * r) for r in RATES for e in epochs)
        chosen = probe_settings(self.store, self.setting, "strong", by_steps=solver == "path")
        if solver == "path":
            epochs = sorted({*EPOCH_GRID, chosen.epochs})
            return tuple(
                control.PathPoint(c=chosen.c, epochs=e, lr=chosen.lr * r) for r in RATES for e in epochs
            )
        low, high = min(C_GRID[0], chosen.c / BEYOND), max(C_GRID[-1], chosen.c * BEYOND)
        return tuple(control.PathPoint(c=c) for c in HALF_DECADES if low / _EDGE <= c <= high * _EDGE)


def _name(settings: Mapping[str, float]) -> str:
    return ",".join(f"{name}={value:g}" for name, value in settings.items())
