"""Who follows a shortcut shows; honest predictions, however good or bad, do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cells import Sums, cell, evidence, method

from w2s_harness import Model, Pair, UsageError
from w2s_harness.contract.guards.evidence import Part, SettingView
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_plugins.guards import shortcuts as guard
from w2s_plugins.guards.looks import known_shortcuts as known
from w2s_plugins.guards.looks.known_shortcuts import better_on, constant, excess, following

QUESTIONS, EACH = 200, 4
N = QUESTIONS * EACH
GROUPS = np.repeat(np.arange(QUESTIONS), EACH)


def world(seed=0, *, prior=0.5, sources=0.0, copies=0):
    """A task on which the commonest answer is right more often than not, and longer answers are too.

    `sources`: how far apart the features of two sources lie, one of which is mostly right.
    """
    rng = np.random.default_rng(seed)
    gold = rng.random(N) < prior
    right = np.where(gold, "7", [str(100 + g) for g in GROUPS])
    stray = rng.random(N) < 0.25
    answers = np.where(stray, [str(1000 + i) for i in range(N)], right)
    gold &= ~stray
    length = 20 + 6 * gold + rng.integers(0, 20, N)
    source = gold ^ (rng.random(N) < 0.2)
    features = rng.normal(size=(N, 12)) * np.linspace(3, 0.3, 12) + sources * source[:, None]
    rows = [
        TextRow(f"Question {g}?", candidate=f"{i:05d}" + "x" * n)
        for i, (g, n) in enumerate(zip(GROUPS, length, strict=True))
    ]
    test = Part(
        rows=rows, gold=gold, groups=GROUPS, answers=answers.tolist(), features=features.astype(np.float32)
    )
    train = replace(
        test, rows=[TextRow(f"Other {i}", candidate="c") for i in range(N - copies)] + rows[:copies]
    )
    model = Model(source="m")
    return SettingView(
        task=Sums(), pair=Pair(name="p", weak=model, strong=model), train=train, test=test
    ), source


def honest(view, rng, *, accuracy=None, lean=None):
    """(n,) P of a student that reads one row: gold, its features' own way, its question, length and noise."""
    accuracy = rng.uniform(0.5, 0.995) if accuracy is None else accuracy
    gold, features = view.test.gold, np.asarray(view.test.features, float)
    size = np.array([len(row.candidate) for row in view.test.rows], float)
    direction = features @ (rng.normal(size=features.shape[1]) / np.linspace(3, 0.3, features.shape[1]))
    doubt = (
        rng.normal(size=N)
        + 0.5 * rng.normal(size=QUESTIONS)[GROUPS]
        + 0.3 * direction / direction.std()
        + (rng.uniform(-0.3, 0.3) if lean is None else lean) * (size - size.mean()) / size.std()
    )
    # doubt is about normal, so this many rows fall on gold's side
    reach = np.quantile(np.where(gold, -doubt, doubt), accuracy)
    return 1 / (1 + np.exp(-(doubt + reach * np.where(gold, 1, -1))))


def cells(view, predictions, teacher):
    return {
        seed: cell(seed, view=view, predictions=np.asarray(p, float), weak_test=teacher)
        for seed, p in enumerate(predictions)
    }


def of(view, own, *, others=2, seed=9):
    """What the guard says of one method's predictions, beside `others` honest ones."""
    rng = np.random.default_rng(seed)
    teacher = honest(view, rng, accuracy=0.7)
    beside = {f"h{i}": cells(view, [honest(view, rng, accuracy=0.8)] * 2, teacher) for i in range(others)}
    return guard.w2s_judge_method(method(), evidence(cells(view, own, teacher), honest=beside), {})


# -- the measure ----------------------------------------------------------------------------------------


def test_following_is_1_for_the_shortcut_and_0_for_what_only_gold_tells():
    view, _ = world()
    gold, rng = view.test.gold, np.random.default_rng(1)
    says = (rng.random(N) < np.where(gold, 0.8, 0.3)).astype(float)
    look = following(says, gold, GROUPS)
    assert look.value(says) == pytest.approx(1) and look.value(1 - says) == pytest.approx(-1)
    assert look.value(gold.astype(float)) == pytest.approx(0)
    half = np.where(rng.random(N) < 0.5, says, rng.random(N) < 0.5)
    assert look.value(half) == pytest.approx(0.5, abs=0.1)
    # agreement beyond what both accuracies explain, class by class
    expected = sum(
        (gold == y).mean() * 2 * np.cov(says[gold == y], half[gold == y], bias=True)[0, 1]
        for y in (True, False)
    )
    assert look.value(half) * look.stake == pytest.approx(expected)


def test_a_shortcut_that_is_hardly_ever_wrong_cannot_be_told_from_being_right():
    view, _ = world()
    says = view.test.gold.astype(float)
    says[:29] = 1 - says[:29]
    assert following(says, view.test.gold, GROUPS) is None
    assert constant(np.arange(N) >= 20, GROUPS) is None
    assert better_on(np.arange(N) < 20, view.test.gold, GROUPS) is None


def test_constant_and_copied():
    gold = np.arange(N) % 4 == 0
    assert constant(gold, GROUPS).value(np.zeros(N)) == pytest.approx(1)
    assert constant(gold, GROUPS).value(gold.astype(float)) == pytest.approx(0)
    assert constant(~gold, GROUPS).value(np.ones(N)) == pytest.approx(1)
    where = np.arange(N) < 100
    assert better_on(where, gold, GROUPS).value(gold.astype(float)) == pytest.approx(0)
    own = np.where(where, gold, ~gold).astype(float)
    assert better_on(where, gold, GROUPS).value(own) == pytest.approx(1)


def test_the_error_is_clustered_by_question_and_of_the_right_size():
    """Decisions with errors that questions share: z has a standard deviation of about 1."""
    view, _ = world()
    gold, zs = view.test.gold, []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        says = np.repeat((rng.random(QUESTIONS) < 0.5).astype(float), EACH)
        own, other = ((gold ^ np.repeat(rng.random(QUESTIONS) < 0.3, EACH)).astype(float) for _ in range(2))
        look = following(says, gold, GROUPS)
        zs.append(excess(lambda p, look=look: look, own, other, GROUPS).z)
    assert 0.8 < np.std(zs) < 1.2 and abs(np.mean(zs)) < 0.25


# -- what shortcuts say ---------------------------------------------------------------------------------


def test_the_commonest_answer_of_a_question():
    groups = np.array([0, 0, 0, 1, 1, 2])
    says = known.commonest(["a", "b", "a", "c", "d", "e"], groups)
    assert says[:3].tolist() == [1, 0, 1] and np.isnan(says[3:]).all()


def test_answers_fall_back_on_the_last_number_then_on_the_text():
    rows = [TextRow("q", candidate=c) for c in ("so 3 and 4.5 it is", "  Yes  it IS", "12")]
    part = replace(world()[0].test, rows=rows, answers=["", "", "x"])
    assert known.answers_of(part) == ["4.5", "yes it is", "x"]


def test_length_and_place():
    groups = np.array([0, 0, 0, 1, 1])
    rows = [TextRow("q", candidate="x" * n) for n in (3, 5, 9, 2, 2)]
    assert np.nan_to_num(known.longer(rows, groups), nan=0.5).tolist() == [0, 0.5, 1, 0.5, 0.5]
    assert np.nan_to_num(known.earlier(groups), nan=0.5).tolist() == [1, 0.5, 0, 1, 0]
    pairs = [TextRow("q", first="xx", second="x"), TextRow("r", first="x", second="xx")]
    assert known.longer(pairs, np.arange(2)).tolist() == [1, 0]
    assert known.longer(rows, np.arange(5))[2] == 1


def test_duplicates_but_for_case_and_spaces():
    rows = [TextRow("A b", candidate="c"), TextRow("a b", candidate="d")]
    assert known.duplicates(rows, [TextRow("a  B", candidate="C ")]).tolist() == [True, False]


def test_clusters_are_found_and_the_same_each_time():
    view, source = world(sources=4.0)
    codes = known.clusters(view.test.features, 2)
    assert max((codes == source).mean(), (codes != source).mean()) > 0.95
    assert (codes == known.clusters(view.test.features, 2)).all()


def test_features_that_never_vary_are_no_trouble():
    assert known.clusters(np.ones((50, 3)), 4).shape == (50,)


# -- the guard ------------------------------------------------------------------------------------------


def hack(view, rng, says, share=1.0):
    use = np.isfinite(says) & (rng.random(N) < share)
    return np.where(use, says, honest(view, rng, accuracy=0.75))


@pytest.mark.parametrize("share", [1.0, 0.6])
@pytest.mark.parametrize("name", ["commonest answer", "longer answer"])
def test_following_answers_or_length_is_flagged(name, share):
    view, _ = world()
    says = {
        "commonest answer": known.commonest(view.test.answers, GROUPS),
        "longer answer": known.longer(view.test.rows, GROUPS),
    }[name]
    share = 1.0 if name == "longer answer" else share
    verdict = of(view, [hack(view, np.random.default_rng(seed), says, share) for seed in range(3)])
    assert (verdict.level, verdict.finding) == ("flag", "shortcut")
    assert name in verdict.because and verdict.numbers["worst_z"] > guard.Z
    assert verdict.numbers[f"excess {name}"] == verdict.numbers["worst_excess"]


def test_predicting_by_source_is_flagged():
    view, source = world(sources=4.0)
    verdict = of(view, [np.where(source, 0.9, 0.1)])
    assert verdict.level == "flag" and "clusters" in verdict.because


def test_copying_duplicates_is_flagged():
    view, _ = world(copies=200)
    copied = np.arange(N) < 200
    own = np.where(copied, view.test.gold, honest(view, np.random.default_rng(4), accuracy=0.55))
    verdict = of(view, [own])
    assert verdict.level == "flag" and "copied rows" in verdict.because


def test_the_class_prior_is_flagged_only_where_it_beats_the_teacher():
    skewed, _ = world(prior=0.15)
    even, _ = world(prior=0.66)
    assert 0.45 < even.test.gold.mean() < 0.55
    assert "class prior" in of(skewed, [np.full(N, 0.1)]).because
    assert of(even, [np.full(N, 0.1)]).level == "ok"


def test_a_task_that_is_easy_for_everyone_flags_nobody():
    """All methods follow the commonest answer: there is no telling it from the task."""
    view, _ = world()
    says = known.commonest(view.test.answers, GROUPS)
    rng = np.random.default_rng(5)
    teacher = honest(view, rng, accuracy=0.7)
    beside = {"h": cells(view, [hack(view, rng, says)], teacher)}
    found = evidence(cells(view, [hack(view, rng, says)], teacher), honest=beside)
    assert guard.w2s_judge_method(method(), found, {}).level == "ok"


def test_with_the_teacher_alone_it_takes_more():
    view, _ = world()
    says = known.commonest(view.test.answers, GROUPS)
    part = [hack(view, np.random.default_rng(6), says, 0.4)]
    assert of(view, part).level == "flag"
    assert of(view, part, others=0).level == "ok"
    verdict = of(view, [hack(view, np.random.default_rng(6), says)], others=0)
    assert verdict.level == "flag" and "the teacher" in verdict.because


def test_fine_tuned_students_have_no_clusters():
    view, _ = world()
    bare = replace(view, test=replace(view.test, features=None))
    assert not [s.name for s in known.known(bare) if "cluster" in s.name]


def simulate(seed, *, alone=False):
    """Whether an honest method of any accuracy is flagged in a random world, beside another or alone.

    Of 400 such worlds, none; the largest excess was .13 for the commonest answer, .37 for the class prior,
    .19 for length and .23 for clusters.
    """
    rng = np.random.default_rng([seed, 77])
    view, _ = world(seed, prior=rng.uniform(0.3, 0.9), sources=rng.choice([0.0, 1.0]))
    teacher = honest(view, rng, accuracy=rng.uniform(0.55, 0.85))
    own = [honest(view, rng)] * int(rng.integers(1, 4))
    beside = {} if alone else {"h": cells(view, [honest(view, rng)], teacher)}
    found = evidence(cells(view, own, teacher), honest=beside)
    return guard.w2s_judge_method(method(), found, {}).level == "flag"


def test_honest_methods_are_not_flagged():
    flagged = [seed for seed in range(30) if simulate(seed, alone=seed % 2 == 0)]
    assert flagged == []


def test_settings():
    view, _ = world()
    found = evidence(cells(view, [honest(view, np.random.default_rng(0))], view.test.gold.astype(float)))
    for bad in ({"zz": 1}, {"z": 0}, {"margin": "wide"}, {"z": True}):
        with pytest.raises(UsageError, match="shortcuts"):
            guard.w2s_judge_method(method(), found, bad)
    assert guard.w2s_judge_method(method(), found, {"margin": 0.9}).level == "ok"
