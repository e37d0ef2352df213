from dataclasses import replace

import pytest

from w2s_harness.run.session.estimate import _size, detectable
from w2s_harness.scoring.comparisons.power import Assumed, Holdout, minimum_detectable


@pytest.fixture
def with_vanilla(plan):
    return replace(plan, methods=(replace(plan.methods[0], id="vanilla", name="vanilla"), *plan.methods[1:]))


def test_smallest_difference_is_that_of_holms_first_step(with_vanilla, setting, store):
    found = setting()
    lines = detectable(with_vanilla, [found], store)
    holdout = Holdout.of(found.test.groups)
    c = Assumed().components(holdout.rows_per_question)
    here, new = (
        minimum_detectable(c, 2, holdout.questions, alpha=0.05 / 2, new_pools=is_new)
        for is_new in (False, True)
    )
    assert new > here
    assert "alpha 0.05 / 2 comparisons (Holm), 2 seeds" in lines[0]
    assert lines[1] == (
        f"detects   words/p: {min(here, 1):.3f} accuracy; on new training pools, as a claim needs, "
        f"{_size(new, new, None)}; variances assumed"
    )


def test_one_seed_sees_nothing(with_vanilla, setting, store):
    (line,) = detectable(replace(with_vanilla, seeds=(0,)), [setting()], store)
    assert "two seeds" in line


def test_nothing_is_said_where_nothing_is_compared(plan, with_vanilla, setting, store):
    assert detectable(plan, [setting()], store) == []
    alone = replace(with_vanilla, methods=with_vanilla.methods[:1])
    assert detectable(alone, [setting()], store) == []


@pytest.mark.parametrize(
    ("low", "high", "gap", "said"),
    [
        (0.02, 0.04, None, "0.020 to 0.040 accuracy"),
        (1.2, 2.0, None, "nothing, not even all of an accuracy's range"),
        (0.02, 0.02, 0.2, "0.020 accuracy (0.10 PGR)"),
        (0.02, 0.04, 0.2, "0.020 to 0.040 accuracy (0.10 to 0.20 PGR)"),
        (0.097, 0.097, 0.02, "nothing below 1 PGR can be seen (it takes 0.097 accuracy, the gap is 0.020)"),
        (
            0.01, 0.097, 0.02,
            "0.010 to 0.097 accuracy (0.50 PGR; with the larger variances nothing below 1 can be seen)",
        ),
    ],
)  # fmt: skip
def test_no_difference_that_no_method_can_have_is_foretold(low, high, gap, said):
    assert _size(low, high, gap) == said
