"""What the student that a method returned was trained on, row by row, as the host saw it.

The service is asked for every fit, so the host knows the rows, targets and weights of each, and which fits
stand behind the handle that came back. Rows are positions in the order of the seed's draw.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from w2s_harness.models.weighting import merged, normalised
from w2s_harness.wire import messages as wire

MOST_SHOWN = 64
"""Different few-shot contexts of a cell that are told of one by one; what more there are, together."""
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """The rows of one cell's returned student."""

    rows: Floats
    """(3, m): how much each row counted behind it (summed weights, 1 a time without), the mean target that it
    had there (NaN where it did not count), and how much it counted in all fits together."""
    facts: dict[str, Any]
    """`fits` of the cell and those `behind` the returned student, with their `losses`; the `heads`, `priors`
    and fits `on_test` rows that it consists of; `own` where the method's own code predicted, so that all
    fits are taken for behind it."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Something that a handle is made of."""

    kind: str
    """fit, head, prior, or on_test: a fit on test rows, which the access `transductive` allows."""
    number: int


@dataclass(slots=True, eq=False)
class TrainedOn:
    """Follows the requests of a cell that the service granted."""

    order: npt.NDArray[np.int64]
    """(m,) the worker's training row p is position `order[p]` of the seed's draw."""
    _weights: list[Floats] = field(default_factory=list)
    _told: list[Floats] = field(default_factory=list)
    """Per fit: summed weights, and summed weight x target read unswapped."""
    _losses: list[str] = field(default_factory=list)
    _made: dict[int, frozenset[_Part]] = field(default_factory=dict)
    _each: list[Floats] = field(default_factory=list)
    """Per fit: (2, m), as `told`."""
    _shown: dict[tuple[tuple[int, float], ...], None] = field(default_factory=dict)
    """The few-shot examples of each request, once."""

    def told(self) -> Floats:
        """(2, f, m): what each fit was told of a row and how much it counted there.

        The target is the mean by weight of all copies of the row, read unswapped, and NaN where none counts;
        weights are summed over the copies and have mean 1 over the rows of the fit, 0 elsewhere: what
        `models.weighting` makes of them. Few-shot examples stand behind the fits, as fits to what they show.
        """
        contexts = list(self._shown)
        one_by_one, rest = contexts[:MOST_SHOWN], contexts[MOST_SHOWN:]
        together = [tuple(pair for shots in rest for pair in shots)] if rest else []
        looks = [*self._each, *(self._of_shots(shots) for shots in (*one_by_one, *together))]
        return np.stack(looks, axis=1) if looks else np.empty((2, 0, len(self.order)), np.float32)

    def _of_shots(self, shots: tuple[tuple[int, float], ...]) -> Floats:
        places = self.order[np.array([row for row, _ in shots], np.int64)]
        return self._row(places, np.array([label for _, label in shots], float), np.ones(len(shots)))

    def _row(
        self,
        places: npt.NDArray[np.int64],
        targets: npt.NDArray[np.float64],
        weight: npt.NDArray[np.float64],
    ) -> Floats:
        found = merged(places, targets, weight)
        total = normalised(found.weight)
        counts = found.weight > 0
        out = np.stack([np.full(len(self.order), np.nan), np.zeros(len(self.order))]).astype(np.float32)
        out[0, found.keys[counts]] = found.targets[counts]
        out[1, found.keys] = 1.0 if total is None else total
        return out

    def served(self, request: wire.Request, reply: wire.Reply) -> None:
        """Take note of a granted request."""
        if isinstance(request, wire.ZeroShot | wire.Prior) and not isinstance(reply, wire.Refused):
            self._shown |= {request.shots: None} if request.shots else {}
        if not isinstance(reply, wire.Handled):
            return
        parts: frozenset[_Part] = frozenset()
        if isinstance(request, wire.Fit):
            on_train = request.rows.phase == "train"
            parts = self._fitted(request) if on_train else frozenset({_Part("on_test", reply.handle)})
            if request.init is not None:
                parts |= self._made.get(request.init, frozenset())
        elif isinstance(request, wire.Ensemble):
            parts = frozenset().union(*(self._made.get(h, frozenset()) for h in request.handles))
        elif isinstance(request, wire.Head | wire.Prior):
            kind = "head" if isinstance(request, wire.Head) else "prior"
            parts = frozenset({_Part(kind, reply.handle)})
        self._made[reply.handle] = parts

    def _fitted(self, request: wire.Fit) -> frozenset[_Part]:
        targets = np.asarray(wire.unpack(request.targets), np.float64)
        if request.rows.swap is not None:
            targets = np.where(np.asarray(wire.unpack(request.rows.swap), bool), 1 - targets, targets)
        weight = np.ones(len(targets))
        if request.weight is not None:
            weight = np.asarray(wire.unpack(request.weight), np.float64)
        places = self.order[np.asarray(wire.unpack(request.rows.index), np.int64)]
        m = len(self.order)
        self._weights.append(np.bincount(places, weight, m).astype(np.float32))
        self._told.append(np.bincount(places, weight * targets, m).astype(np.float32))
        self._each.append(self._row(places, targets, weight))
        self._losses.append(request.loss)
        return frozenset({_Part("fit", len(self._weights) - 1)})

    def behind(self, handle: int | None) -> Trained:
        """What stands behind a returned handle; with None, the method predicted by itself."""
        every = range(len(self._weights))
        parts = self._made.get(handle, frozenset()) if handle is not None else frozenset()
        fits = sorted(p.number for p in parts if p.kind == "fit") if handle is not None else list(every)
        weight, told = self._sum(self._weights, fits), self._sum(self._told, fits)
        with np.errstate(invalid="ignore", divide="ignore"):
            target = np.where(weight > 0, told / weight, np.nan)
        return Trained(
            np.stack([weight, target, self._sum(self._weights, every)]).astype(np.float32),
            {
                "fits": len(self._weights),
                "behind": len(fits),
                "losses": sorted({self._losses[i] for i in fits}),
                "heads": sum(p.kind == "head" for p in parts),
                "priors": sum(p.kind == "prior" for p in parts),
                "on_test": sum(p.kind == "on_test" for p in parts),
                "own": handle is None,
            },
        )

    def _sum(self, arrays: list[Floats], which: Any) -> npt.NDArray[np.float64]:
        total = np.zeros(len(self.order))
        for i in which:
            total += arrays[i]
        return total
