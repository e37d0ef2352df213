"""What the fits of a cell, and the student that a method returned, were told row by row, as the host saw it.

The service is asked for every fit, so the host knows the rows, targets and weights of each, and which fits
stand behind the handle that came back. Copies of a row are one: their weights are added, their targets
averaged by weight, and weights have the mean 1 over the rows of positive weight, as in the service. Rows are
positions in the order of the seed's draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.worker.wire import messages as wire

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """The rows of one cell's returned student."""

    rows: Floats
    """(3, m): how much each row counted behind it (weights summed over fits, of mean 1 in each), the mean
    target that it had there (NaN where it did not count), and how much it counted in all fits together."""
    facts: dict[str, Any]
    """`fits` of the cell and those `behind` the returned student, with their `losses`; the `heads`, `priors`
    and fits `on_test` rows that it consists of; `own` where the method's own code predicted, so that all
    fits are taken for behind it."""


_MadeOf = tuple[str, int]
"""What a handle is made of: fit, head, prior or on_test (a fit on test rows, which the access `transductive`
allows), and its number."""


class TrainedOn:
    """Follows the requests of a cell that the service granted."""

    def __init__(self, order: npt.NDArray[np.int64]) -> None:
        """`order` (m,): the worker's training row p is position `order[p]` of the seed's draw."""
        self.order = order
        self._weights: list[Floats] = []
        self._told: list[Floats] = []
        """Per fit: total weights, and weight x target read unswapped."""
        self._shot_weight, self._shot_told = np.zeros(len(order)), np.zeros(len(order))
        """Of all shots of the cell together: how often each row was one, and its labels summed."""
        self._losses: list[str] = []
        self._made: dict[int, frozenset[_MadeOf]] = {}

    def served(self, request: wire.Request, reply: wire.Reply) -> None:
        """Take note of a granted request."""
        if isinstance(request, wire.ZeroShotMargins | wire.Prior) and not isinstance(reply, wire.Refused):
            # one look for all of them: a cell may ask ten thousand times
            for at, label in request.shots:
                self._shot_weight[self.order[at]] += 1
                self._shot_told[self.order[at]] += label
        if not isinstance(reply, wire.Handled):
            return
        parts: frozenset[_MadeOf] = frozenset()
        if isinstance(request, wire.Fit):
            on_train = request.rows.phase == "train"
            parts = self._fitted(request) if on_train else frozenset({("on_test", reply.handle)})
            if request.init is not None:
                parts |= self._made.get(request.init, frozenset())
        elif isinstance(request, wire.EnsembleOf):
            parts = frozenset().union(*(self._made.get(h, frozenset()) for h in request.handles))
        elif isinstance(request, wire.Head | wire.Prior):
            kind = "head" if isinstance(request, wire.Head) else "prior"
            parts = frozenset({(kind, reply.handle)})
        self._made[reply.handle] = parts

    def _fitted(self, request: wire.Fit) -> frozenset[_MadeOf]:
        targets = np.asarray(wire.unpack(request.targets), np.float64)
        if request.rows.swap is not None:
            targets = np.where(np.asarray(wire.unpack(request.rows.swap), bool), 1 - targets, targets)
        weight = np.ones(len(targets))
        if request.weight is not None:
            weight = np.asarray(wire.unpack(request.weight), np.float64)
        places = self.order[np.asarray(wire.unpack(request.rows.index), np.int64)]
        m = len(self.order)
        # by its largest first, so that weights too small for a sum or for float32 do not vanish
        weight = weight / max(float(weight.max(initial=0.0)), np.finfo(float).tiny)
        total, told = np.bincount(places, weight, m), np.bincount(places, weight * targets, m)
        mean = float(total[total > 0].mean()) if total.any() else 1.0
        self._weights.append((total / mean).astype(np.float32))
        self._told.append((told / mean).astype(np.float32))
        self._losses.append(request.loss)
        return frozenset({("fit", len(self._weights) - 1)})

    def behind(self, handle: int | None) -> Trained:
        """What stands behind a returned handle; with None, the method predicted by itself."""
        every = range(len(self._weights))
        parts = self._made.get(handle, frozenset()) if handle is not None else frozenset()
        fits = sorted(n for kind, n in parts if kind == "fit") if handle is not None else list(every)
        weight, told = self._sum(self._weights, fits), self._sum(self._told, fits)
        return Trained(
            np.stack([weight, _mean(weight, told), self._sum(self._weights, every)]).astype(np.float32),
            {
                "fits": len(self._weights),
                "behind": len(fits),
                "losses": sorted({self._losses[i] for i in fits}),
                "heads": sum(kind == "head" for kind, _ in parts),
                "priors": sum(kind == "prior" for kind, _ in parts),
                "on_test": sum(kind == "on_test" for kind, _ in parts),
                "own": handle is None,
            },
        )

    def looks(self) -> tuple[Floats, Floats]:
        """(f, m) mean targets by weight, NaN for rows of no weight, and (f, m) weights of the cell's fits.

        Where the student was shown labelled examples, they are one row more, the last, of all of them.
        """
        weights, told = list(self._weights), list(self._told)
        if self._shot_weight.any():
            mean = float(self._shot_weight[self._shot_weight > 0].mean())
            weights.append((self._shot_weight / mean).astype(np.float32))
            told.append((self._shot_told / mean).astype(np.float32))
        if not weights:
            return np.empty((0, len(self.order)), np.float32), np.empty((0, len(self.order)), np.float32)
        total = np.stack(weights)
        return _mean(total, np.stack(told)), total

    def _sum(self, arrays: list[Floats], which: Any) -> npt.NDArray[np.float64]:
        total = np.zeros(len(self.order))
        for i in which:
            total += arrays[i]
        return total


def _mean(weight: npt.NDArray[np.floating], told: npt.NDArray[np.floating]) -> Floats:
    """The mean target where there is weight, else NaN; float32 sums may miss [0, 1] by a rounding."""
    found = np.full(weight.shape, np.nan)
    np.divide(told, weight, out=found, where=weight > 0, casting="unsafe")
    clipped: Floats = np.clip(found, 0.0, 1.0).astype(np.float32)
    return clipped
