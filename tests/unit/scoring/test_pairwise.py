from itertools import combinations

import numpy as np
import pytest

from w2s_harness.scoring.comparisons.compare import all_between, better_and_worse, compare_all, intervals
from w2s_harness.scoring.spread.blocks import block

GROUPS = np.arange(60) // 3


def methods(seeds_of):
    rng = np.random.default_rng(5)
    question = rng.random(20)[GROUPS] * 0.4
    made = []
    for k, seeds in enumerate(seeds_of):
        level = 0.5 + 0.04 * k
        rows = np.array([(rng.random(60) < level + question - 0.2).astype(float) for _ in seeds])
        made.append(block(seeds, rows, GROUPS))
    return made


@pytest.mark.parametrize(
    "seeds_of", [[(0, 1, 2, 3)] * 5, [(0, 1, 2), (0, 1, 2), (2, 1, 0)], [(0, 1), (1, 2, 3), (4, 5)]]
)
def test_as_the_test_of_each_pair(seeds_of):
    blocks = methods(seeds_of)
    found = compare_all(blocks)
    assert set(found) == set(combinations(range(len(blocks)), 2))
    for (i, j), (lead, p) in found.items():
        one = all_between([blocks[i]], blocks[j])[0]
        assert lead == pytest.approx(one.estimate, abs=1e-12) and p == pytest.approx(one.p, abs=1e-9)


def test_equal_methods_and_constant_differences():
    (one, *_) = methods([(0, 1, 2)])
    shifted = type(one)(one.seeds, one.values + 0.1)
    found = compare_all([one, one, shifted])
    assert found[0, 1] == (0.0, 1.0)
    assert found[0, 2][1] == pytest.approx(all_between([one], shifted)[0].p)


def test_what_cannot_be_compared_is_left_out():
    one, two = methods([(0, 1, 2)] * 2)
    assert set(compare_all([one, None, two])) == {(0, 2)}
    assert compare_all([one]) == {} == compare_all(methods([(0,), (0,)]))


@pytest.mark.parametrize("draw", range(12))
def test_who_is_better_without_p_values_is_who_is_better_by_holm(draw):
    rng = np.random.default_rng(draw)
    m, spread = int(rng.integers(2, 12)), float(rng.choice([0.05, 0.2, 0.4]))
    rows = [(rng.random((4, 200)) < a).astype(float) for a in rng.uniform(0.5, 0.5 + spread, m)]
    blocks = [block(range(4), row, np.arange(200) // 4) for row in rows]
    blocks.append(blocks[0])
    better, worse = better_and_worse(blocks, alpha=0.05)
    by_holm = intervals(m + 1, compare_all(blocks))
    assert [(1 + b, m + 1 - w) for b, w in zip(better, worse, strict=True)] == by_holm


def test_who_is_better_is_unknown_with_other_seeds_or_alone():
    one, two = methods([(0, 1, 2), (3, 4, 5)])
    assert better_and_worse([one, two], alpha=0.05) is None
    assert better_and_worse([one], alpha=0.05) is None
