"""Where a method's decisions stand on the holdout: beside the teacher's, zero-shot's and vanilla's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.guards.measures import agreement

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Overlap:
    """A method's decisions beside another's, over the seeds."""

    name: str
    agreement: float
    """Share of holdout rows that both decide alike, a P of 1/2 counted half; mean over the seeds."""
    parted: float
    """Share of rows on which they decide differently, ties left out."""
    right: float | None
    """Of these rows, the share on which the method is right; None where there is none."""


@dataclass(frozen=True, slots=True)
class Subset:
    """A part of the holdout."""

    name: str
    rows: int
    """Its rows; mean over the seeds where it hangs on the teacher."""
    accuracy: float
    vanilla: float

    @property
    def difference(self) -> float:
        """Accuracy less vanilla's."""
        return self.accuracy - self.vanilla


def beside(name: str, mine: Sequence[Floats], other: Sequence[Floats], gold: Bools) -> Overlap:
    """Compare predictions, P(label = 1) by seed, each (n,)."""
    parted, right = 0, 0
    for p, q in zip(mine, other, strict=True):
        apart = (p - 0.5) * (q - 0.5) < 0
        parted += int(apart.sum())
        right += int(((p > 0.5) == gold)[apart].sum())
    return Overlap(
        name,
        float(np.mean([agreement(p, q) for p, q in zip(mine, other, strict=True)])),
        parted / (len(mine) * len(gold)),
        right / parted if parted else None,
    )


def subsets(
    mine: Sequence[Floats],
    vanilla: Sequence[Floats],
    teacher: Sequence[Floats],
    gold: Bools,
    marks: Mapping[str, Bools],
) -> list[Subset]:
    """The marked parts of the holdout, and the rows that the teacher gets right and wrong, by seed."""
    right = [(t > 0.5) == gold for t in teacher]
    wheres = {name: [mask] * len(mine) for name, mask in marks.items()}
    wheres |= {"teacher right": right, "teacher wrong": [~r for r in right]}
    out = []
    for name, masks in wheres.items():
        rows = sum(int(m.sum()) for m in masks)
        if rows:
            scores = [_hits(p, gold, masks) / rows for p in (mine, vanilla)]
            out.append(Subset(name, round(rows / len(masks)), *scores))
    return out


def _hits(predictions: Sequence[Floats], gold: Bools, masks: Sequence[Bools]) -> float:
    """Rows that are right, a tie counted half, within the masks."""
    return sum(
        float(np.where(p == 0.5, 0.5, (p > 0.5) == gold)[m].sum())
        for p, m in zip(predictions, masks, strict=True)
    )
