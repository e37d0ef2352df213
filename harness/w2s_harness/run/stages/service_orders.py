"""What a student service is asked: features of splits, training and cells of a role, from what is kept."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from w2s_harness.contract.types import Model, Split
from w2s_harness.contract.worker.wire.messages import Array, pack, unpack
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.run.work.results import Result, ResultArray
from w2s_harness.run.work.setting.setting import Setting, SettingRef
from w2s_harness.run.work.work import At, Lookup, Work
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
class OneArray(Result):
    """A result that is one array; its work says which."""

    values: ResultArray


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
class Features(Work[SplitFeatures], kind="features", place="gold", gives=SplitFeatures):
    """One model's pass over one split, in the mode `probe`."""

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
        rows = setting.data.texts[self.split].rows
        asked = control.Extract(model_of(setting, self.role), setting.data.kind, rows)
        found = at.client.extract(asked)
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


def model_of(setting: Setting, role: Role) -> Model:
    """The model that plays a role."""
    return setting.pair.weak if role == "weak" else setting.pair.strong


def split_ref(
    at: Lookup, ref: SettingRef, role: Role, split: Split, *, texts: bool = True
) -> control.SplitRef:
    """A split as a service reads it: its texts, and in probe mode its features.

    Without `texts` those are left out where the features do.
    """
    rows = at.setting(ref).data.texts[split].rows
    if ref.mode != "probe":
        return control.SplitRef(rows=rows)
    found = at.of(Features(ref, role, split))
    return control.SplitRef(
        rows=rows if texts else (),
        features=str(found.features.path()),
        likelihoods=str(found.likelihoods.path()),
        tokens=pack(found.tokens.values, "i8"),
    )


def finetune_settings(setting: Setting, role: Role) -> control.FinetuneSettings:
    """The pair's own settings, the teacher's where they differ."""
    own = dict(setting.pair.finetune)
    if role == "weak":
        own |= dict(setting.pair.weak_finetune)
    return msgspec.convert(own, control.FinetuneSettings)


def training(
    at: Lookup,
    ref: SettingRef,
    role: Role,
    split: Split,
    index: npt.ArrayLike,
    targets: npt.ArrayLike,
    predict: Sequence[Split],
    *,
    probe: control.ProbeSettings,
    seed: int = 0,
) -> control.FitPredict:
    """Train on rows `index` (m,) of a split with `targets` (m,) in [0, 1], and predict whole splits."""
    setting = at.setting(ref)
    return control.FitPredict(
        model_of(setting, role),
        setting.pair.mode,
        setting.data.kind,
        split_ref(at, ref, role, split),
        pack(np.asarray(index), "i8"),
        pack(np.asarray(targets)),
        tuple((split_ref(at, ref, role, name), all_rows(len(setting.data.texts[name]))) for name in predict),
        probe=probe,
        finetune=finetune_settings(setting, role),
        seed=seed,
    )


def opening(
    at: Lookup,
    ref: SettingRef,
    train: npt.ArrayLike,
    test: npt.ArrayLike,
    *,
    probe: control.ProbeSettings,
    seed: int,
    texts: bool = False,
    **more: Any,
) -> control.OpenCell:
    """A cell of the strong student: the rows `train` (m,) of train_unlabel and `test` (k,) of the holdout.

    :param texts: whether the service is sent the texts where features do. :param more: further fields of the
    message.
    """
    setting = at.setting(ref)
    is_probe = ref.mode == "probe"
    return control.OpenCell(
        model=model_of(setting, "strong"),
        mode=setting.pair.mode,
        kind=setting.data.kind,
        train=split_ref(at, ref, "strong", "train_unlabel", texts=texts),
        train_order=pack(np.asarray(train), "i8"),
        test=split_ref(at, ref, "strong", "test", texts=texts),
        test_order=pack(np.asarray(test), "i8"),
        seed=seed,
        probe=probe,
        finetune=finetune_settings(setting, "strong"),
        shape=at.of(Features(ref, "strong", "train_unlabel")).shape if is_probe else None,
        **more,
    )


def all_rows(n: int) -> Array:
    """The index of every row of a split."""
    return pack(np.arange(n), "i8")
