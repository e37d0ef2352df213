"""The simulations of `benchmarks/simulations` at small size, from fixed seeds."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from w2s_harness.scoring.comparisons.power import power_of

FOLDER = Path(__file__).parents[3] / "benchmarks" / "simulations"


def loaded(name):
    spec = importlib.util.spec_from_file_location(f"simulated_{name}", FOLDER / f"{name}.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("seeds", "questions", "effect", "difference"),
    [(3, 120, 0.15, 0.12), (5, 200, 0.05, 0.06), (6, 60, 0.05, 0.1)],
)
def test_power_is_within_three_points_of_what_was_foretold(seeds, questions, effect, difference, monkeypatch):
    power = loaded("power")
    monkeypatch.setattr(power, "DRAWS", 200_000)
    world, rng = power.World(seed=effect), np.random.default_rng([1, seeds, questions])
    foretold = power_of(world.truth(difference, rng), difference, seeds, questions)
    assert 0.3 < foretold < 0.98
    found = power.simulated(world, difference, seeds, questions, 0.05, 3000, rng)
    assert found == pytest.approx(foretold, abs=0.03)


def test_the_components_of_a_world_are_those_of_its_outcomes(monkeypatch):
    from w2s_harness.scoring.comparisons.power import components
    from w2s_harness.scoring.spread.blocks import block

    power = loaded("power")
    monkeypatch.setattr(power, "DRAWS", 200_000)
    world, rng = power.World(seed=0.3), np.random.default_rng(2)
    truth = world.truth(0.05, rng)
    hard = rng.normal(0, world.hard, 2000)
    pair = [world.outcomes(p, 150, 2000, hard, rng) for p in (0.75, 0.7)]
    found = components(*(block(tuple(range(150)), rows, np.arange(2000)) for rows in pair))
    assert found.seed == pytest.approx(truth.seed, rel=0.3)
    assert found.question == pytest.approx(truth.question, rel=0.1)
    assert found.cell == pytest.approx(truth.cell, rel=0.03)


@pytest.mark.parametrize(("seeds", "questions", "rows"), [(3, 80, 1), (5, 40, 3)])
def test_twenty_methods_without_an_effect_are_rarely_called_different(seeds, questions, rows):
    found = loaded("family").share(seeds, questions, rows, 300, np.random.default_rng([3, seeds]))
    # 300 experiments: two standard errors above .05 are .075
    assert found <= 0.05 + 2 * (0.05 * 0.95 / 300) ** 0.5


@pytest.mark.parametrize(("seeds", "questions", "chance"), [(5, 200, 0.8), (8, 150, 0.4)])
def test_power_on_new_pools_is_that_of_their_test(seeds, questions, chance):
    from w2s_harness.scoring.comparisons.power import Components, minimum_detectable
    from w2s_harness.scoring.spread.blocks import block
    from w2s_harness.scoring.spread.pool import SCALE, difference_pools

    c, rng = Components(0.0004, 0.05, 0.08), np.random.default_rng([5, seeds])
    difference = minimum_detectable(c, seeds, questions, power=chance, new_pools=True)
    assert power_of(c, difference, seeds, questions, new_pools=True) == pytest.approx(chance, abs=1e-6)
    assert difference > minimum_detectable(c, seeds, questions, power=chance)
    codes, none = np.arange(questions), np.zeros((seeds, questions))
    seen = 0
    for _ in range(400):
        pool = difference + rng.normal(0, (SCALE * c.seed) ** 0.5)
        of_seeds, of_questions, both = (
            rng.normal(0, sd**0.5, size)
            for sd, size in ((c.seed, (seeds, 1)), (c.question, (1, questions)), (c.cell, none.shape))
        )
        made = block(range(seeds), pool + of_seeds + of_questions + both, codes)
        (found,) = difference_pools([made], block(range(seeds), none, codes))
        seen += found.p < 0.05
    # 400 experiments: 2.5 standard errors
    assert seen / 400 == pytest.approx(chance, abs=2.5 * (chance * (1 - chance) / 400) ** 0.5 + 0.01)
