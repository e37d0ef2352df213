"""Whether a row's id tells which row is meant, and nothing more."""

from __future__ import annotations

import numpy as np

from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.data.rows.texts import Texts, row_ids


def _split(texts: list[tuple[str, str]], first: int = 0) -> Texts:
    return Texts(
        rows=tuple(TextRow(prompt, candidate, None, None) for prompt, candidate in texts),
        groups=np.arange(first, first + len(texts)),
        subsets=("a", "b") * (len(texts) // 2) + ("",) * (len(texts) % 2),
        answers=("",) * len(texts),
    )


TEXTS = [("one", "1"), ("two", "2"), ("two", "3"), ("three", "3")]


def test_ids_are_unique_and_of_fixed_form() -> None:
    ids = row_ids(_split(TEXTS))
    assert len(set(ids)) == 4
    assert all(len(name) == 20 and set(name) <= set("0123456789abcdef") for name in ids)


def test_ids_hang_on_texts_alone() -> None:
    ids = row_ids(_split(TEXTS))
    assert row_ids(_split(TEXTS, 7)) == ids
    assert row_ids(_split(TEXTS[::-1])) == ids[::-1]
    assert row_ids(_split(TEXTS[1:3])) == ids[1:3], "a smaller split, the same ids"


def test_rows_of_equal_texts_are_told_apart() -> None:
    ids = row_ids(_split([("one", "1")] * 3))
    plain = min(ids, key=len)
    assert sorted(ids) == [plain, f"{plain}-2", f"{plain}-3"]
