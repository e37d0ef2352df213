"""Whether a row's id tells which row is meant, and nothing more."""

from __future__ import annotations

import numpy as np

from w2s_harness.data.prepared import SplitData
from w2s_harness.data.row_ids import row_ids
from w2s_harness.wire.rows import TextRow


def _split(texts: list[tuple[str, str]], labels: list[bool]) -> SplitData:
    return SplitData(
        rows=tuple(TextRow(prompt, candidate, None, None) for prompt, candidate in texts),
        labels=np.array(labels),
        groups=np.arange(len(texts)),
        subsets=("a", "b") * (len(texts) // 2) + ("",) * (len(texts) % 2),
        answers=("",) * len(texts),
    )


TEXTS = [("one", "1"), ("two", "2"), ("two", "3"), ("three", "3")]


def test_ids_are_unique_and_of_fixed_form() -> None:
    ids = row_ids(_split(TEXTS, [True, False, True, False]))
    assert len(set(ids)) == 4
    assert all(len(name) == 20 and set(name) <= set("0123456789abcdef") for name in ids)


def test_ids_hang_on_texts_alone() -> None:
    ids = row_ids(_split(TEXTS, [True, False, True, False]))
    assert row_ids(_split(TEXTS, [False, True, False, True])) == ids
    assert row_ids(_split(TEXTS[::-1], [True, True, False, False])) == ids[::-1]
    assert row_ids(_split(TEXTS[1:3], [True, False])) == ids[1:3], "a smaller split, the same ids"


def test_rows_of_equal_texts_are_told_apart() -> None:
    ids = row_ids(_split([("one", "1")] * 3, [True, False, True]))
    plain = min(ids, key=len)
    assert sorted(ids) == [plain, f"{plain}-2", f"{plain}-3"]
