"""State carried from one cell to the next, or to a cell beside it."""

from __future__ import annotations

import pytest

from w2s_studies.redteam import suite

CARRIED = [a for a in suite.shipped() if a.family == "carried state"]


@pytest.mark.parametrize("shipped", CARRIED, ids=lambda a: a.name)
def test_a_later_cell_finds_nothing_of_an_earlier_one(attack, shipped):
    assert not attack(shipped).succeeded
    assert not attack(shipped).succeeded


@pytest.mark.parametrize(
    ("leave", "find"),
    [
        ("open('left', 'w').write('1')", "open('left')"),
        (
            "import w2s_harness.contract.types as t; t.SPLITS = ('changed',)",
            "import w2s_harness.contract.types as t\nif 'changed' not in t.SPLITS: raise Stopped",
        ),
    ],
)
def test_not_even_what_could_be_left(attack, leave, find):
    assert attack(leave).succeeded
    assert attack(leave + "\n" + find).succeeded
    assert not attack(find).succeeded
