"""Vanilla in many draws of the worlds echo and decoy: what a draw is worth.

A row's own cells see few draws, since each takes a worker. The host's vanilla sees the same draws and more
of them, at a fit each. So it says how far accuracies vary over draws, and how lucky the draws were that the
row's cells got: what vanilla has in them beyond its mean over all is taken off the row's own difference (a
control variate: Hammersley and Handscomb 1964, "Monte Carlo Methods", section 5.5).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from w2s_harness.errors import StoreError
from w2s_harness.experiment.host_fits import HostCell
from w2s_harness.experiment.keys import Keys
from w2s_harness.experiment.own_worlds import pair_and_echo, strict_echo
from w2s_harness.experiment.setting import Setting
from w2s_harness.experiment.slots import Slots
from w2s_harness.experiment.store import Store
from w2s_harness.experiment.worlds import tell
from w2s_harness.models.client import ServiceClient
from w2s_harness.plan import Plan
from w2s_harness.types import World

Floats = npt.NDArray[np.float64]

DRAWS = 8
"""Draws of each world and seed; a pair of decoys is one."""
STRICT_DRAWS = 4
"""Draws of the strict echo, of which every row has one cell."""
STAGE = "own"
_IN_A_CELL = 48
"""Fits of one cell, which has a limit."""
_GONE = "a draw of vanilla's worlds is gone from the store; run the same command again"


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """Vanilla in the worlds of one setting."""

    worlds: tuple[World, ...]
    """W of them, the same for every seed."""
    outcomes: dict[int, Floats]
    """(W, n_test) what each holdout row counts, by seed."""

    def spread(self, teacher: str) -> float:
        """The standard deviation of accuracy over draws, within seeds."""
        at = self._places(teacher)
        variances = [np.var(x[at].mean(axis=1), ddof=1) for x in self.outcomes.values()]
        return float(np.sqrt(np.mean(variances)))

    def luck(self, teacher: str, seed: int, drawn: Sequence[World]) -> Floats:
        """(n_test,) what vanilla has in the worlds `drawn` beyond its mean over all draws of the seed."""
        known = {(w.teacher, w.draw, w.sign): i for i, w in enumerate(self.worlds)}
        ours = [known[w.teacher, w.draw, w.sign] for w in drawn]
        x = self.outcomes[seed]
        return np.asarray(x[ours].mean(axis=0) - x[self._places(teacher)].mean(axis=0))

    def _places(self, teacher: str) -> list[int]:
        return [i for i, world in enumerate(self.worlds) if world.teacher == teacher]


@dataclass(frozen=True, slots=True)
class _Unit:
    setting: Setting
    seed: int

    @property
    def id(self) -> str:
        """`math/tiny s0`."""
        return f"{self.setting.id} s{self.seed}"


class Calibration:
    """The draws of all probe settings of a plan whose student has readouts, on services of their own."""

    def __init__(
        self,
        plan: Plan,
        settings: Sequence[Setting],
        store: Store,
        hook: Any,
        cancel: threading.Event,
        slots: int,
    ) -> None:
        self.plan, self.settings, self.store, self.hook = plan, settings, store, hook
        self.cancel, self.n = cancel, slots
        self.busy_s = 0.0

    @property
    def worlds(self) -> tuple[World, ...]:
        """The worlds of each seed; none where no cell is asked for its own."""
        if self.plan.counterfactuals == "none":
            return ()
        own = [w for draw in range(max(DRAWS, self.plan.own_draws)) for w in pair_and_echo(draw)]
        is_strict = self.plan.counterfactuals == "all"
        return (*own, *map(strict_echo, range(STRICT_DRAWS if is_strict else 0)))

    def run(self) -> dict[str, Calibrated]:
        """Work off what is missing; the draws by setting id. After the readouts."""
        settings = [s for s in self.settings if self.worlds and self._has_readouts(s)]
        units = [_Unit(s, seed) for s in settings for seed in self.plan.seeds]
        if units:
            self.hook.w2s_stage_start(stage=STAGE, total=len(units))
            missing = [unit for unit in units if self.store.path(self._key(unit)) is None]
            for unit in units:
                if unit not in missing:
                    self._done(unit, cached=True)
            threads = max(pair.threads for pair in self.plan.pairs)
            with Slots(self.n, lambda: ServiceClient("worker-facing", threads=threads), self.cancel) as slots:
                slots.map(missing, self._work, lambda unit, _: self._done(unit, cached=False))
            self.busy_s += slots.busy_s
        return {s.id: self._collected(s) for s in settings}

    def _has_readouts(self, setting: Setting) -> bool:
        known = self.store.get(Keys(setting).margins("names"))
        return setting.pair.mode == "probe" and bool(known and known["names"])

    def _key(self, unit: _Unit) -> str:
        return Keys(unit.setting).own_calibration(unit.seed, len(self.worlds))

    def _done(self, unit: _Unit, *, cached: bool) -> None:
        self.hook.w2s_stage_progress(stage=STAGE, unit=unit.id, cached=cached)

    def _work(self, client: ServiceClient, unit: _Unit) -> None:
        setting, right = unit.setting, []
        for start in range(0, len(self.worlds), _IN_A_CELL):
            with HostCell(client, self.store, setting, unit.seed) as cell:
                for world in self.worlds[start : start + _IN_A_CELL]:
                    told = tell(self.store, setting, unit.seed, world)
                    right.append(setting.right(cell.fit(told.weak).predictions))
        self.store.put_array(self._key(unit), np.stack(right).astype(np.float32))

    def _collected(self, setting: Setting) -> Calibrated:
        found = {seed: self.store.array(self._key(_Unit(setting, seed))) for seed in self.plan.seeds}
        known = {s: setting.agreement(np.asarray(x, np.float64)) for s, x in found.items() if x is not None}
        if len(known) < len(found):
            raise StoreError(_GONE)
        return Calibrated(self.worlds, known)
