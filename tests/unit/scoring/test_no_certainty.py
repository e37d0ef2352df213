"""Whether outcomes that are all alike make anything certain: no interval has width 0, no p is 0."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from w2s_harness.scoring.comparisons.compare import all_between
from w2s_harness.scoring.spread.blocks import block
from w2s_harness.scoring.spread.interval import (
    baselines,
    difference_intervals,
    gap_interval,
    pgr_intervals,
)
from w2s_harness.scoring.spread.pool import difference_pools, pgr_pools

SEEDS, QUESTIONS = 3, 40
ALIKE = {
    "wrong": np.zeros((SEEDS, QUESTIONS)),
    "right": np.ones((SEEDS, QUESTIONS)),
    "half": np.tile([0.0, 1.0], (SEEDS, QUESTIONS // 2)),
}


def _is_open(bounds: tuple[float, float] | None) -> bool:
    return bounds is None or bounds[1] - bounds[0] > 1e-9


@pytest.mark.parametrize(("first", "second"), list(itertools.product(ALIKE, ALIKE)))
def test_a_difference_of_rows_that_are_all_alike(first: str, second: str) -> None:
    clusters = np.arange(QUESTIONS)
    blocks = [block(range(SEEDS), ALIKE[name], clusters) for name in (first, second)]
    (together,) = all_between(blocks[:1], blocks[1])
    (pool,) = difference_pools(blocks[:1], blocks[1])
    assert _is_open(together.ci)
    assert together.p is not None
    assert together.p > 0
    assert pool is not None
    assert _is_open(pool.bounds)
    assert pool.p > 0


@pytest.mark.parametrize("transfer", ALIKE)
def test_a_pgr_of_rows_that_are_all_alike(transfer: str) -> None:
    clusters = np.arange(QUESTIONS)
    base = baselines(range(SEEDS), ALIKE["wrong"], ALIKE["right"], clusters)
    row = block(range(SEEDS), ALIKE[transfer], clusters)
    assert _is_open(gap_interval(base).bounds)
    for found in (*pgr_intervals(base, [row]), *difference_intervals(base, [row], base.weak)):
        assert _is_open(found.bounds)
    (pool,) = pgr_pools(base, [row])
    assert _is_open(pool.interval.bounds)
