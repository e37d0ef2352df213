"""What a method did with its training rows, gold beside them, and what of that could not be seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

MOVED = 1e-3
"""A target is another than the weak label from this difference on; single precision is finer."""
REWEIGHTED = 0.01
"""A weight is another than the usual one from this share of it on."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainedRows:
    """One seed's m training rows."""

    weight: Floats
    """(m,) how much each counted behind the returned student; 0 for a dropped one."""
    target: Floats
    """(m,) what it was told there: P(label = 1); NaN for a dropped one."""
    used: Floats
    """(m,) how much each counted in all fits of the cell together."""
    weak: Floats
    """(m,) the weak label that the method was given."""
    gold: Bools
    """(m,)"""


@dataclass(frozen=True, slots=True)
class Treatment:
    """Shares over the rows of all seeds; a tie at 1/2 counts as half wrong. None: a share of no rows."""

    rows: int
    """Training rows, summed over the seeds."""
    weak_acc: float
    """The teacher's accuracy on them."""
    dropped: float
    """Share that the returned student was not trained on."""
    dropped_wrong: float | None
    """Of the dropped ones, the share that the teacher got wrong."""
    kept_wrong: float | None
    """Of the others."""
    unused: float
    """Share that no fit at all was told of."""
    reweighted: float | None
    """Of the kept ones, those whose weight differs from their seed's median by over 1 % of it."""
    effective: float | None
    """(sum v)^2 / sum v^2 over the kept ones, as a share of them (Kish 1965); 1 where all count alike."""
    weight_wrong: float | None
    """Share of all weight that lies on rows which the teacher got wrong."""
    relabelled: float | None
    """Of the kept ones, those whose target lies on the other side of 1/2 than the weak label."""
    mended: float | None
    """Of the relabelled ones, the share whose target is right: the teacher was wrong there."""
    moved: float | None
    """Of the kept ones, those whose target differs from the weak label by over .001 on the same side."""
    target_acc: float | None
    """Weighted accuracy of the targets on the kept ones."""


def treatment(seeds: Sequence[TrainedRows]) -> Treatment:
    """The numbers over all seeds together. Raises `ValueError` without a row."""
    weight = np.concatenate([_over_median(s.weight) for s in seeds])
    target = np.concatenate([s.target for s in seeds])
    weak = np.concatenate([s.weak for s in seeds])
    gold = np.concatenate([s.gold for s in seeds])
    used = np.concatenate([s.used for s in seeds])
    if not len(gold):
        raise ValueError("there are no training rows")
    kept = weight > 0
    wrong, side = _wrong(weak, gold), (target - 0.5) * (weak - 0.5)
    flipped = kept & (side < 0)
    moved = kept & ~flipped & (np.abs(np.where(kept, target, weak) - weak) > MOVED)
    v = weight[kept]
    return Treatment(
        rows=len(gold),
        weak_acc=1 - float(wrong.mean()),
        dropped=float((~kept).mean()),
        dropped_wrong=_mean(wrong[~kept]),
        kept_wrong=_mean(wrong[kept]),
        unused=float((used <= 0).mean()),
        reweighted=_mean(np.abs(v - 1) > REWEIGHTED),
        effective=float(v.sum() ** 2 / (v**2).sum() / len(v)) if len(v) else None,
        weight_wrong=float(v @ wrong[kept] / v.sum()) if len(v) else None,
        relabelled=_mean(flipped[kept]),
        mended=_mean(1 - _wrong(target, gold)[flipped]),
        moved=_mean(moved[kept]),
        target_acc=1 - float(v @ _wrong(target, gold)[kept] / v.sum()) if len(v) else None,
    )


def _over_median(weight: Floats) -> Floats:
    """Weights in units of the usual one."""
    kept = weight[weight > 0]
    return weight / np.median(kept) if len(kept) else weight


def _wrong(p: Floats, gold: Bools) -> Floats:
    """(m,) 1 where p decides against gold, 1/2 at a tie, else 0; meaningless where p is NaN."""
    return np.where(p == 0.5, 0.5, ((p > 0.5) != gold).astype(np.float64))


def _mean(values: npt.NDArray[Any]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def unseen(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    """Sentences from the `facts` of a row's cells (`trained_on.Trained`)."""
    out = []

    def most(name: str) -> int:
        return max((int(facts.get(name, 0)) for facts in cells), default=0)

    if not most("fits"):
        out.append(
            "It never asked for a fit on training rows, so what it does with rows and labels cannot be seen."
        )
    elif not most("behind") and not most("own"):
        out.append(
            f"It asked for up to {most('fits')} fits, but none stands behind the student that it returned: "
            "what that student learned from cannot be seen."
        )
    if most("own"):
        out.append(
            "It predicted with code of its own (access inference); what that code used cannot be seen, so "
            "all of its fits are taken for behind it."
        )
    if most("heads"):
        out.append(
            f"The returned student has {most('heads')} heads that it worked out by itself from features; "
            "which rows these rest on cannot be seen."
        )
    if most("priors"):
        out.append(f"The returned student has {most('priors')} untrained members, which saw no training row.")
    if most("on_test"):
        out.append("It trained on test rows (access transductive); only its training rows are counted here.")
    losses = sorted({loss for facts in cells for loss in facts.get("losses", ()) if loss != "xent"})
    if losses:
        out.append(
            f"The loss {', '.join(losses)} changes targets while it trains; shown are those that it was "
            "handed."
        )
    others = max((int(facts["fits"]) - int(facts["behind"]) for facts in cells), default=0)
    if others and most("behind"):
        out.append(
            f"Up to {others} other fits of a cell served it on the way (such as for labels of its own) and "
            "are not counted, apart from the share of rows that no fit was told of."
        )
    return out
