"""What a fit minimises: the targets of its loss, and what of its rows counts.

The losses `logconf` and `product` mix their targets from weak labels and the student's own view. What counts
are distinct rows of positive weight, by weights of mean 1 over them: every objective is a mean over rows with
a penalty that falls with their number, and without these rules a constant weight k, or each row k times,
would be another C under a method's own name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.errors import WorkerError
from w2s_harness.contract.kinds import Kind

Floats = npt.NDArray[np.float64]

OPTIONS: dict[str, dict[str, tuple[float, float, float]]] = {
    "xent": {},
    "logconf": {"a": (0.75, 0.0, 1.0), "warmup": (0.2, 0.0, 1.0)},
    "product": {"alpha": (1.0, 0.0, 10.0), "beta": (1.0, 0.0, 10.0), "warmup": (0.0, 0.0, 1.0)},
}
"""Each loss's options: (default, least, greatest)."""
_EDGE = 1e-6
_ALIKE = 1e-12
"""Weights that differ by less than this share of their mean are one weight, targets by less one target."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss and its options."""

    name: Literal["xent", "logconf", "product"] = "xent"
    options: dict[str, float] = field(default_factory=dict)

    def option(self, name: str) -> float:
        """The option's value, or its default."""
        return self.options.get(name, OPTIONS[self.name][name][0])

    def warmed(self, progress: float) -> float:
        """Share of the full coefficient at `progress` in [0, 1] of the training."""
        warmup = self.option("warmup")
        return 1.0 if progress >= warmup else progress / warmup


XENT = Loss()
"""Plain cross-entropy."""


def check_options(loss: Loss) -> None:
    """Raise `WorkerError` for an option that the loss does not have, or a value outside its bounds."""
    known = OPTIONS[loss.name]
    for name, value in loss.options.items():
        if name not in known:
            names = ", ".join(known) or "none"
            raise WorkerError(f"loss '{loss.name}' has no option '{name[:40]}'; it has {names}")
        _, low, high = known[name]
        if not low <= value <= high:
            raise WorkerError(f"option '{name}' of loss '{loss.name}' must be within {low:g} and {high:g}")


def detached_target(
    weak: Floats, own: Floats, kind: Kind, loss: Loss, share: float = 1.0, weight: Floats | None = None
) -> Floats:
    """(n,) target from weak labels and the student's detached probabilities, both (n,).

    `logconf` (Burns et al. 2023): (1 - a) weak + a [own > t], where a grows by `share`. `product` (released
    code of the same paper): proportional to weak^alpha * own^(beta * share), normalised over both classes.
    The released code multiplies logconf's a by the share of steps done while that is at most `warmup_frac`
    (.1) and takes a whole after it: from a tenth of a it jumps to a. Ours grows in a line up to a, as the
    paper has it. The released product is given a `warmup_frac` too and never reads it: ours has none.
    """
    if loss.name == "logconf":
        a = loss.option("a") * share
        hard = own > balance_threshold(weak, own, kind, weight)
        return np.asarray((1 - a) * weak + a * hard, np.float64)
    if loss.name == "product":
        z = loss.option("alpha") * logit(weak, _EDGE) + loss.option("beta") * share * logit(own, _EDGE)
        return np.asarray(np.exp(-np.logaddexp(0.0, -z)), np.float64)
    return weak


def balance_threshold(weak: Floats, own: Floats, kind: Kind, weight: Floats | None = None) -> float:
    """The quantile of `own` over which as large a share of rows lies as the weak labels call 1.

    A preference has it at 1/2: with each row stands its swap, so the classes are balanced by symmetry.
    Rows of weight 0 do not count.
    """
    counts = np.ones(len(own), bool) if weight is None else weight > 0
    if kind.is_paired or not counts.any():
        return 0.5
    return float(np.quantile(own[counts], 1.0 - weak[counts].mean()))


def logit(p: Floats, edge: float) -> Floats:
    """Elementwise log(p / (1 - p)) of probabilities, held `edge` away from 0 and 1."""
    q = np.clip(p, edge, 1 - edge)
    return np.asarray(np.log(q) - np.log1p(-q), np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Merged:
    """The k distinct rows among m given ones, by key."""

    keys: npt.NDArray[np.int64]
    """(k,) ascending, so that the order of a request changes no bit of a fit."""
    place: npt.NDArray[np.int64]
    """(m,) which of them each given row is."""
    targets: Floats
    """(k,) mean target by weight; that of the copies where they agree."""
    weight: Floats
    """(k,) summed."""


def merged(keys: npt.NDArray[np.int64], targets: Floats, weight: Floats) -> Merged:
    """Copies of a row made one: their weights added, their targets averaged by weight.

    All are (m,). Copies that agree keep the target of the first of them to the bit. Those of weight 0 have no
    say; a row that has only such keeps their plain mean.
    """
    distinct, place = np.unique(keys, return_inverse=True)
    k = len(distinct)
    total = np.bincount(place, weight, k).astype(np.float64)
    says = (weight > 0) | (total[place] == 0)
    at, v, y = place[says], np.where(weight > 0, weight, 1.0)[says], targets[says]
    least, most, first = np.full(k, np.inf), np.full(k, -np.inf), np.empty(k)
    np.minimum.at(least, at, y)
    np.maximum.at(most, at, y)
    first[at[::-1]] = y[::-1]
    mean = np.clip(np.bincount(at, v * y, k) / np.bincount(at, v, k), least, most)
    return Merged(distinct, place, np.where(most - least <= _ALIKE, first, mean), total)


def normalised(weight: Floats | None) -> Floats | None:
    """(n,) weights of mean 1 over the rows of positive weight; None where those are all rows and alike.

    `weight` (n,) finite, >= 0, not all zero.
    """
    if weight is None:
        return None
    given = np.asarray(weight, np.float64)
    given = given / given.max()
    counts = given > 0
    v: Floats = np.where(counts, given / given[counts].mean(), 0.0)
    return None if counts.all() and (np.abs(v - 1.0) <= _ALIKE).all() else v


def counted(weight: Floats | None, n: int) -> tuple[npt.NDArray[np.bool_] | slice, Floats]:
    """(which of n rows count, their weights of mean 1): rows of weight 0 are none of a fit's rows."""
    v = normalised(weight)
    if v is None:
        return slice(None), np.ones(n)
    keep = v > 0
    rest = normalised(v[keep])
    return keep, np.ones(int(keep.sum())) if rest is None else rest
