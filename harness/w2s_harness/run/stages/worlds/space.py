"""Where the rows of a split lie."""

from __future__ import annotations

import functools
import zlib

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.types import Split
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.run.stages.features import Features
from w2s_harness.run.work.setting.setting_ref import SettingRef
from w2s_harness.run.work.work import Lookup

_GRAMS = 256


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
