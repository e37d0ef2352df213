"""The simulation of `benchmarks/simulations/coverage.py` at small size, with fixed seeds.

The bounds are the specification's with room for binomial error: of 200 experiments, 2.5 standard errors
below .93 and above .96, what the intervals have at full size (docs/statistics.md).
"""

from dataclasses import replace

import numpy as np
import pytest
from simulations import loaded

from w2s_harness.scoring.interval import pgr_interval

EXPERIMENTS = 200
LOW, HIGH = 0.885, 0.995
coverage = loaded("coverage")
SMALL = {
    "mixed": {"questions": 150},
    "no seed effects": {"questions": 150},
    "seeds rule": {"questions": 150},
    "4 rows a question": {"questions": 60},
    "1 to 6 rows a question": {"questions": 60},
    "3 seeds": {"questions": 150},
    "3 seeds and questions alike": {"questions": 150},
    "4 seeds": {"questions": 150},
    "16 baseline seeds of their own": {"questions": 100},
}


def regime(name, **changes):
    groups = (*coverage.CLEAR, *coverage.FEW, *coverage.UNCLEAR)
    return replace(next(r for r in groups if r.name == name), **changes)


def covered(one, experiments):
    rng, count = np.random.default_rng(list(one.name.encode())), coverage.Count()
    for _ in range(experiments):
        count.add(pgr_interval(*one.experiment(rng)), one.truth)
    assert len(count.widths) > 0.95 * experiments
    return count.covered / len(count.widths)


@pytest.mark.parametrize("name", SMALL)
def test_pgr_ci_covers_what_it_says(name):
    assert LOW <= covered(regime(name, **SMALL[name]), EXPERIMENTS) <= HIGH


def test_where_seeds_do_not_matter_it_covers_no_more_than_it_says():
    # .957 at full size; the larger of V_S + V_Q - V_SQ and V_Q, with Satterthwaite's df, has .98 here
    assert 0.94 <= covered(regime("row noise alone", questions=60), 1500) <= 0.972


@pytest.mark.parametrize("name", ["small gap", "small gap, no effects", "small gap, 3 seeds"])
def test_fiellers_set_covers_where_the_gap_is_unclear(name):
    one = regime(name, questions=150)
    rng = np.random.default_rng(list(name.encode()))
    found = [coverage.in_fieller(*one.experiment(rng), one.truth) for _ in range(EXPERIMENTS)]
    assert np.median([ratio for ratio, _ in found]) < 4
    assert np.mean([inside for _, inside in found]) >= LOW
