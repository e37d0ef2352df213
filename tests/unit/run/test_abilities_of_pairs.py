"""What a pair cannot do."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from w2s_harness.contract.errors import UsageError
from w2s_harness.contract.types import Pair
from w2s_harness.run.plan.choose_pairs import choose_pairs
from w2s_harness.run.plan.selection import Selection


def test_an_unknown_ability_is_one_line():
    plugins = SimpleNamespace(
        pair=lambda name: Pair(name=name, weak=None, strong=None, abilities=("fewshot",))
    )
    with pytest.raises(
        UsageError, match=r"^pair 'odd': unknown ability 'fewshot' \(did you mean 'few-shot'\?\)"
    ):
        choose_pairs(Selection(pairs="odd"), [], plugins)
