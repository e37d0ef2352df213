"""Teachers whose knowledge is known: own is 0, then grows with what only the teacher knows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from simulations import loaded

DRAWS = 12


@pytest.fixture(scope="module")
def found():
    own = loaded("own")
    rng = np.random.default_rng(5)
    ground = own.made_up(rng)
    seeds = own.prepared(ground, 4, rng)
    return {s: [own.simulated(ground, seeds, s, rng) for _ in range(DRAWS)] for s in own.SHARES}


def test_own_grows_with_what_only_the_teacher_knows(found):
    for teacher in ("echo", "decoy"):
        means = [np.mean([getattr(one, teacher).accuracy for one in many]) for many in found.values()]
        assert all(b > a for a, b in pairwise(means)), (teacher, means)
        assert abs(means[0]) < 0.08 and means[0] <= 0.03


def test_of_an_independent_direction_nearly_all_is_the_teachers(found):
    exact = np.mean([one.exact for one in found[1.0]])
    for teacher in ("echo", "decoy"):
        assert np.mean([getattr(one, teacher).accuracy for one in found[1.0]]) > 0.8 * exact


def test_verdicts_are_not_false(found):
    assert sum(one.verdict == "weak supervision" for one in found[0.0]) == 0
    assert sum(one.verdict == "elicitation" for share in (0.5, 0.75, 1.0) for one in found[share]) == 0
    assert sum(one.verdict == "weak supervision" for one in found[1.0]) > DRAWS / 2
    assert sum(one.verdict == "elicitation" for one in found[0.0]) > DRAWS / 4
