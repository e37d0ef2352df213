"""A method that carries gold, or makes it again, shows; one that does not is left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cells import Sums, cell, evidence, method, seen, setting

from w2s_harness import UsageError
from w2s_harness.contract.guards.evidence import Published
from w2s_plugins.guards import memorisation as guard
from w2s_plugins.guards.memorisation import CANARY

VIEW = setting(n=200)


class Private(Sums):
    exposure = "private"


def inspect(files, view=VIEW, settings=None, **source):
    return guard.w2s_inspect_method(method(**source), view, files, settings or {})


def prompts(count, part=VIEW.test):
    return "\n".join(row.prompt for row in part.rows[: 2 * count : 2]).encode()


# -- files ----------------------------------------------------------------------------------------------


def test_a_method_that_holds_rows_does_not_run():
    verdict = inspect({"mine.py": b"x = 1", "rows.txt": prompts(30)})
    assert (verdict.level, verdict.finding) == ("disqualify", "memorised")
    assert verdict.because.startswith("rows.txt holds the texts of holdout rows: 60 of 200")
    assert verdict.numbers["rows_found"] == 60


def test_training_rows_count_as_well():
    assert inspect({"rows.txt": prompts(30, VIEW.train)}).level == "disqualify"


def test_a_few_rows_are_flagged_and_an_example_is_not():
    assert inspect({"mine.py": prompts(5)}).level == "flag"
    assert inspect({"mine.py": prompts(2)}).level == "ok"


def test_a_table_is_flagged():
    verdict = inspect({"mine.py": str(list(range(3000))).encode()})
    assert verdict.level == "flag" and "mine.py holds 3000 numbers" in verdict.because


def test_an_ordinary_file_is_ok_and_says_what_was_looked_at():
    verdict = inspect({"mine.py": b"def fit():\n    return 1\n"})
    assert verdict.level == "ok" and "files: 1" in verdict.because


def test_shipped_methods_are_not_searched():
    verdict = inspect({"w.safetensors": bytes(10**7)}, distribution="w2s-harness")
    assert verdict.level == "ok"


def test_other_exposures_are_not_its_business():
    assert inspect({"rows.txt": prompts(30)}, setting(Private(), n=200)) is None


def test_settings():
    assert inspect({"notes.txt": b"so it is. " * 10_000}, settings={"data_kib": 200}).level == "ok"
    for bad in ({"data_kb": 1}, {"data_kib": -1}, {"data_kib": "much"}, {"data_kib": True}):
        with pytest.raises(UsageError, match="memorisation"):
            inspect({}, settings=bad)


# -- fits -----------------------------------------------------------------------------------------------


def canary_cell(told, *, world=CANARY, missed=40, m=200, seed=0, accuracy=0.7):
    """A cell whose teacher and ceiling are both wrong on the first `missed` rows; `told(gold, teacher)`."""
    rng, gold = np.random.default_rng(seed), VIEW.train.gold
    wrong = np.arange(m) < missed
    ceiling = np.where(wrong, ~gold, gold).astype(float)
    teacher = np.where(wrong, ~gold, gold ^ (rng.random(m) > accuracy))
    return cell(
        seed,
        world=world,
        view=VIEW,
        m=m,
        weak=np.where(teacher, 0.8, 0.2),
        changed=wrong if world else np.zeros(m, bool),
        ceiling=ceiling,
        seen=seen(np.asarray(told(gold, teacher), np.float32)),
    )


def judged(canary, real=None, **changes):
    real = real or canary_cell(lambda g, t: t[None], world=None)
    found = evidence({0: real}, worlds=(canary,), **changes)
    return guard.w2s_judge_method(method(), found, {})


def test_gold_told_to_a_fit_is_flagged():
    (verdict,) = judged(canary_cell(lambda g, t: np.stack([t, g])))
    assert (verdict.level, verdict.finding) == ("flag", "memorised")
    assert verdict.numbers["canary_share"] == 1.0 and verdict.numbers["canary_rows"] == 40


def test_gold_on_most_rows_is_flagged():
    rng = np.random.default_rng(1)
    (verdict,) = judged(canary_cell(lambda g, t: (g ^ (rng.random(200) < 0.1))[None]))
    assert verdict.level == "flag"


def test_gold_in_real_cells_alone_is_flagged():
    honest = canary_cell(lambda g, t: t[None])
    (verdict,) = judged(honest, canary_cell(lambda g, t: g[None], world=None))
    assert verdict.level == "flag"


@pytest.mark.parametrize(
    "told",
    [
        lambda g, t: t[None],
        lambda g, t: np.where(t, 0.8, 0.2)[None],
        lambda g, t: 1.0 - t[None],  # noise contrast: a student of the opposite
        lambda g, t: np.zeros((1, 200)),
        lambda g, t: np.random.default_rng(3).random((8, 200)),
        lambda g, t: np.where(np.arange(200) < 40, ~g, g)[None],  # the ceiling's own decisions
    ],
)
def test_what_is_honest_is_not(told):
    (verdict,) = judged(canary_cell(told))
    assert verdict.level == "ok" and "canary_share" in verdict.numbers


def test_honest_methods_that_put_rows_right_raise_the_bar():
    rng = np.random.default_rng(2)
    told = lambda g, t: np.where(rng.random(200) < 0.85, g, t)[None]  # noqa: E731
    alone = judged(canary_cell(told))
    beside = judged(canary_cell(told), honest={"other": {0: canary_cell(told, world=None)}})
    assert alone[0].level == "flag" and beside[0].level == "ok"
    assert beside[0].numbers["chance"] > 0.75


def test_too_few_rows_or_no_fits_cannot_tell():
    few = canary_cell(lambda g, t: g[None], missed=8)
    (verdict,) = judged(few, replace(few, world=None))
    assert verdict.level == "ok" and "8 rows" in verdict.because and verdict.numbers["canary_rows"] == 8
    none = canary_cell(lambda g, t: np.zeros((0, 200)))
    (verdict,) = judged(none, replace(none, world=None))
    assert verdict.level == "ok" and "no fit" in verdict.because


def test_without_worlds_and_ceiling_it_says_so():
    (verdict,) = guard.w2s_judge_method(method(), evidence({0: cell(0)}), {})
    assert verdict.level == "ok" and verdict.because.startswith("cannot tell")


def test_it_asks_for_one_world():
    assert [(w.name, w.teacher, w.inputs) for w in guard.w2s_worlds()] == [("canary", "canary", "kept")]


# -- fresh against published ----------------------------------------------------------------------------


def drop(fresh, published=0.5, se=0.05):
    return Published(fresh=fresh, published=published, fresh_se=se, published_se=se)


def of_fresh(*rows):
    return guard.fresh_verdict(evidence(published=rows))


def test_a_loss_beyond_noise_is_flagged():
    verdict = of_fresh(drop(0.1), drop(0.49), drop(0.52))
    assert (verdict.level, verdict.finding) == ("flag", "memorised")
    assert verdict.numbers["z"] == pytest.approx(0.4 / (0.05 * 2**0.5))
    assert "PGR 0.50 on the published data and 0.10 on fresh data" in verdict.because


def test_noise_and_a_gain_are_not():
    assert of_fresh(drop(0.45)).level == "ok"
    assert of_fresh(drop(0.9)).level == "ok"


def test_other_rows_are_paid_for():
    nearly = drop(0.37)
    assert of_fresh(nearly).level == "flag"
    assert of_fresh(nearly, *[drop(0.5)] * 5).level == "ok"


def test_no_fresh_draw_no_verdict():
    assert of_fresh() is None
