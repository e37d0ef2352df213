"""The features of each split as a model reads it, extracted once and shared by every pair with the model."""

from __future__ import annotations

import functools
import zlib
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.types import Split
from w2s_harness.contract.worker.wire.messages import unpack
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.run.work.result import Result, ResultArray
from w2s_harness.run.work.setting.setting_ref import SettingRef
from w2s_harness.run.work.work import At, Lookup, Place, Work
from w2s_harness.students import control

Role = Literal["weak", "strong"]
READS: tuple[tuple[Role, Split], ...] = (
    ("strong", "test"),
    ("strong", "train_unlabel"),
    ("weak", "test"),
    ("weak", "train_unlabel"),
    ("weak", "train_label"),
)
"""Which model reads which split, the longest first; the student never sees train_label."""
STUDENT: tuple[tuple[Role, Split], ...] = (("strong", "train_unlabel"), ("strong", "test"))
"""What a strong student reads that is trained and scored."""
_GRAMS = 256


@dataclass(frozen=True, eq=False)
class SplitFeatures(Result):
    """The n rows of a split as a model reads them."""

    apart = frozenset({"features", "likelihoods"})

    n_cut: int
    """Rows that were cut to the model's context."""
    shape: control.Shape
    flops: float
    features: ResultArray
    """(n, d)"""
    likelihoods: ResultArray
    """(n, 3) sum, mean and least log-probability of the response."""
    tokens: ResultArray
    """(n,)"""


@dataclass(frozen=True)
class Features(Work[SplitFeatures]):
    """One model's pass over one split, in the mode `probe`."""

    kind: ClassVar[str] = "features"
    place: ClassVar[Place] = "gold"
    gives: ClassVar[type[Result]] = SplitFeatures

    setting: SettingRef
    role: Role
    split: Split

    def name(self) -> str:
        """`math/tiny strong test`."""
        return f"{self.setting.id} {self.role} {self.split}"

    def inputs(self) -> Any:
        """The model and how it reads, and the rows: a part of the holdout shares the training splits."""
        ref = self.setting
        is_part = self.split == "test" and ref.part != "whole"
        return [ref.reads[self.role == "strong"], ref.data, self.split, ref.part if is_part else None]

    def run(self, at: At) -> SplitFeatures:
        """Extract."""
        setting = at.setting(self.setting)
        model = setting.pair.weak if self.role == "weak" else setting.pair.strong
        rows = setting.data.texts[self.split].rows
        found = at.client.extract(control.Extract(model, setting.data.kind, rows))
        tokens = unpack(found.tokens)
        return SplitFeatures(
            n_cut=found.n_cut,
            shape=found.shape,
            flops=2.0 * found.shape.parameters * float(tokens.sum()),
            features=ResultArray(unpack(found.features)),
            likelihoods=ResultArray(unpack(found.likelihoods)),
            tokens=ResultArray(np.asarray(tokens)),
        )


def reads(setting: SettingRef, *splits: tuple[Role, Split]) -> tuple[Features, ...]:
    """The features that are read of these splits; none where models are fine-tuned."""
    return tuple(Features(setting, *split) for split in splits) if setting.mode == "probe" else ()


def space(at: Lookup, ref: SettingRef, split: Split) -> npt.NDArray[np.float64]:
    """(n, d) the strong student's features of a split's rows, else counts of letters in a row."""
    if ref.mode == "probe":
        return _read(str(at.of(Features(ref, "strong", split)).features.path()))
    return np.stack([_grams(row) for row in at.setting(ref).data.texts[split].rows])


@functools.lru_cache(maxsize=4)
def _read(path: str) -> npt.NDArray[np.float64]:
    """The features in a file that is named by its content."""
    found = np.asarray(np.load(path, allow_pickle=False), np.float64)
    found.flags.writeable = False
    return found


def _grams(row: TextRow) -> npt.NDArray[np.float64]:
    text = "\n".join(filter(None, row.texts().values()))
    codes = [zlib.crc32(text[i : i + 3].encode()) % _GRAMS for i in range(max(1, len(text) - 2))]
    return np.bincount(codes, minlength=_GRAMS) / len(codes)
