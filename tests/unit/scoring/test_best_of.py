import numpy as np
import pytest
from simulations import loaded

from w2s_harness.scoring.comparisons.compare import best_of
from w2s_harness.scoring.spread.blocks import Block, block
from w2s_harness.scoring.spread.bootstrap import replicates
from w2s_harness.scoring.spread.twoway import combined, spread


def blocks_of(k, rng, shift=0.0, questions=200):
    shape = (4, questions)
    return [
        block(
            range(4), (rng.random(shape) < 0.7 + (shift if i == 0 else 0.0)).astype(float), range(questions)
        )
        for i in range(k)
    ]


def test_optimism_is_what_a_draw_adds_to_its_winner():
    blocks = blocks_of(3, np.random.default_rng(0))
    values = np.array([b.values.mean() for b in blocks])
    errors = replicates([[b] for b in blocks], name="n", draws=200) - values
    mean = sum(b.values for b in blocks) / 3
    known = [spread([Block(b.seeds, b.values - mean)]) for b in blocks]
    two_way = np.mean([combined(v.seeds, v.questions, v.cells) for v in known])
    errors *= np.sqrt(two_way / errors.var(axis=1).mean())
    kept = max(0.0, 1 - 1.5 * two_way / values.var())
    by_hand = np.mean([e[(e + kept * values).argmax()] for e in errors])
    got = best_of(blocks, name="n", draws=200)
    assert got.optimism == pytest.approx(by_hand)
    assert (got.k, got.winner) == (3, int(values.argmax()))


def test_methods_with_seeds_of_their_own_have_an_optimism_too():
    rng = np.random.default_rng(4)
    blocks = [*blocks_of(2, rng), block(range(2, 6), (rng.random((4, 200)) < 0.7).astype(float), range(200))]
    assert 0.001 < best_of(blocks, draws=300).optimism < 0.05


@pytest.mark.parametrize("k", [2, 5])
def test_with_three_seeds_four_fifths_of_the_optimism_are_taken_off(k):
    simulation = loaded("best_of")
    regime = simulation.Regime(
        "3 seeds rule, small", seeds=3, questions=100, question=0.2, both=0.0, seed=0.15
    )
    flattery, optimism = simulation.left(regime, k, experiments=150, draws=60)
    assert optimism > 0.75 * flattery  # with room for chance; four fifths at full size


def test_a_winner_far_ahead_is_hardly_flattered():
    rng = np.random.default_rng(1)
    ahead, equal = best_of(blocks_of(3, rng, shift=0.25), draws=500), best_of(blocks_of(3, rng), draws=500)
    assert ahead.winner == 0
    assert ahead.optimism < 0.003 < equal.optimism


def test_copies_of_one_method_have_no_optimism():
    one = blocks_of(1, np.random.default_rng(2))
    # what is left is the draws' own mean error, some .01 / sqrt(2000)
    assert best_of(one * 4, draws=2000).optimism < 0.001


def test_one_method_is_no_best_of_several():
    with pytest.raises(ValueError, match="1 methods"):
        best_of(blocks_of(1, np.random.default_rng(3)))


@pytest.mark.parametrize("k", [2, 5, 20])
def test_little_is_left_of_what_picking_adds(k):
    simulation = loaded("best_of")
    regime = simulation.Regime("alike, small", questions=150, seeds=5)
    flattery, optimism = simulation.left(regime, k, experiments=60, draws=60)
    assert abs(flattery - optimism) <= 0.01
    assert optimism > 0
