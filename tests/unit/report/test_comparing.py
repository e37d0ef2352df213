import msgspec
import numpy as np
import pytest

from w2s_harness.report.sentences.comparing import Scored, against, against_each
from w2s_harness.scoring.spread.blocks import block
from w2s_harness.scoring.spread.interval import baselines

N, SEEDS, GROUPS = 400, (0, 1, 2), np.arange(400) // 2


def drawn(accuracy, seed):
    """(N,) outcomes with exactly this accuracy, the right rows drawn by seed."""
    out = np.zeros(N)
    out[np.random.default_rng(seed).permutation(N)[: round(accuracy * N)]] = 1
    return out


def outcomes(accuracy, seeds=SEEDS):
    return block(seeds, np.stack([drawn(accuracy, 20 + s) for s in seeds]), GROUPS)


def base():
    weak, top = (np.stack([drawn(a, k + s) for s in SEEDS]) for a, k in ((0.6, 0), (0.9, 10)))
    return baselines(list(SEEDS), weak, top, GROUPS)


@pytest.fixture
def scored(board):
    """A row of the fixture board under another name, with outcomes of a given accuracy."""
    template = next(row for row in board.rows if row.status == "ok")

    def make(name, accuracy, *, seeds=SEEDS, solver="exact", has_gap=True):
        row = msgspec.structs.replace(template, method=name, parameters={}, task="t", pair="p", solver=solver)
        transfer = None if accuracy is None else outcomes(accuracy, seeds)
        return Scored(row, transfer, base(), has_gap, 0.02)

    return make


def vs_vanilla(*rows, **options):
    return dict(zip((s.row.method for s in rows), against(rows, "vanilla", **options), strict=True))


def test_against_vanilla_by_accuracy_with_holm(scored):
    found = vs_vanilla(
        scored("vanilla", 0.7), scored("same", 0.7), scored("better", 0.85), scored("torn", None)
    )
    assert found["vanilla"] is None and found["torn"] is None
    assert found["same"].difference == 0 and found["same"].p == 1 and not found["same"].significant
    better = found["better"]
    assert better.difference == pytest.approx(0.15) and better.pgr == pytest.approx(0.5)
    assert better.significant and better.p_holm == pytest.approx(min(1, 3 * better.p))


def test_another_solver_needs_a_vanilla_of_its_own(scored):
    rows = scored("vanilla", 0.7), scored("m", 0.8, solver="path"), scored("prompt", 0.8, solver="none")
    found = vs_vanilla(*rows)
    assert found["m"] is None and found["prompt"].difference == pytest.approx(0.1)
    found = vs_vanilla(*rows, beside={("t", "p", "path"): outcomes(0.75)})
    assert found["m"].difference == pytest.approx(0.05) and found["m"].against == "vanilla"


def test_without_the_reference_there_is_no_comparison(scored):
    assert vs_vanilla(scored("m", 0.7)) == {"m": None}


def test_rows_of_other_seeds_are_compared_too(scored):
    found = vs_vanilla(scored("vanilla", 0.7), scored("m", 0.8, seeds=(1,)))
    assert found["m"].difference == pytest.approx(0.1) and found["m"].p is None


def test_recorded_attempts_are_in_holm_s_family(scored):
    rows = scored("vanilla", 0.7), scored("m", 0.72)

    def adjusted(*attempts):
        return vs_vanilla(*rows, attempts=attempts)["m"]

    alone = adjusted()
    assert 0 < alone.p < 0.3 and alone.p_holm == alone.p
    assert adjusted(None, 0.99).p_holm == pytest.approx(min(1, 3 * alone.p)), "null counts as p = 1"
    assert adjusted(alone.p / 4).p_holm == pytest.approx(alone.p), "a smaller p steps down first"


def test_any_method_of_the_plan_can_be_the_reference(scored):
    rows = scored("vanilla", 0.7), scored("m", 0.8), scored("other", 0.85)
    found = against(rows, "m")
    assert found[1] is None and found[0].difference == pytest.approx(-0.1)
    assert {c.against for c in found if c} == {"m"}
    assert found[2].p_holm == pytest.approx(max(min(1, 2 * min(found[0].p, found[2].p)), found[2].p))


def test_without_a_gap_the_difference_is_in_accuracy_alone(scored):
    found = vs_vanilla(scored("vanilla", 0.7, has_gap=False), scored("m", 0.85, has_gap=False))["m"]
    assert found.pgr is None and found.pgr_ci is None and found.significant


def test_references_of_their_own_make_a_family_of_their_own(scored):
    rows = [scored("vanilla", 0.7), scored("m", 0.8), scored("n", 0.8)]
    found = against_each(rows, "vanilla@C", [None, outcomes(0.78), None])
    assert found[0] is None and found[2] is None
    assert found[1].against == "vanilla@C" and found[1].p_holm == found[1].p
