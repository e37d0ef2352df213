import numpy as np
import pytest

from w2s_harness.scoring.spread.blocks import block
from w2s_harness.scoring.spread.interval import unreliable


def made(seeds, clusters):
    return block(range(seeds), np.zeros((seeds, len(clusters))), clusters)


@pytest.mark.parametrize(
    ("seeds", "clusters", "says"),
    [
        (3, range(20), None),
        (1, range(50), "one seed says"),
        (2, range(50), "2 seeds say"),
        (5, range(19), "19 questions: a claim needs at least 20"),
        (5, np.repeat(range(40), [60] * 4 + [1] * 36), "40 questions count as 5.3 of one size"),
        (5, np.repeat(range(400), [60] * 25 + [1] * 375), None),
    ],
)
def test_few_seeds_and_few_or_dominated_questions_bar_claims(seeds, clusters, says):
    got = unreliable([made(seeds, clusters), made(8, clusters)])
    assert got is None if says is None else says in got
