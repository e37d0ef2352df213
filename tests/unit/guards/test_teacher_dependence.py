"""Each class from synthetic evidence, the refit, what is missing, settings, and a small simulation."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

from w2s_harness import UsageError, World
from w2s_harness.contract.guards.evidence import Failed
from w2s_plugins.guards import teacher_dependence as guard

sys.path.insert(0, str(Path(__file__).parents[3] / "scripts" / "guards"))
import methods
import simulate
import worlds


@pytest.fixture(scope="module")
def task():
    return worlds.synthetic(0, 0.77)


def evidence(task, method, *, keep=lambda world: True, failed=(), null_z=None):
    """What the guard sees of `method` in the worlds that `keep` leaves."""
    view = dataclasses.replace(simulate.setting(task), null_z=null_z)
    asked = [(w, worlds.given(task, w, i + 1)) for i, w in enumerate(guard.w2s_worlds({})) if keep(w)]
    shown = simulate.shown(view, method, task, worlds.given(task, None, 0), asked)
    return dataclasses.replace(shown, failed=failed)


def judge(task, method, *, settings=None, track="w2s", **rest):
    (verdict,) = guard.w2s_judge_method(
        simulate.planned("m", track), evidence(task, method, **rest), settings or {}
    )
    return verdict


def test_it_asks_for_one_set_of_worlds_with_names_of_their_own():
    asked = guard.w2s_worlds({})
    kinds = [(w.teacher, w.inputs) for w in asked]
    assert len({w.name for w in asked}) == len(asked) == 11
    assert kinds.count(("local", "kept")) == 2
    assert kinds.count(("permuted", "scrambled")) == 5
    assert kinds.count(("diluted", "kept")) == 1
    assert kinds.count(("kept", "ablated")) == kinds.count(("flipped", "kept")) == 1
    assert kinds.count(("other", "kept")) == 1
    assert not any(w.is_repeat for w in asked)


@pytest.mark.parametrize(
    ("method", "finding", "level"),
    [
        (methods.vanilla, "teacher-driven", "ok"),
        (methods.zero_shot, "elicitation", "note"),
        (methods.ccs, "elicitation", "note"),
        (methods.prior_signed, "elicitation", "note"),
        (methods.majority, "shortcut", "disqualify"),
        (methods.leak, "leak", "disqualify"),
        (methods.leak_some, "leak", "disqualify"),
        (methods.leak_shy, "review", "note"),
    ],
)
def test_classes(task, method, finding, level):
    verdict = judge(task, method)
    assert (verdict.finding, verdict.level) == (finding, level)
    assert verdict.track == ("elicitation" if finding == "elicitation" else None)
    assert verdict.whole_method == (finding == "leak")
    assert {"T", "A", "D", "z_null", "z_ablated", "local", "O"} <= set(verdict.numbers)
    assert all(np.isfinite(v) for v in verdict.numbers.values())
    assert verdict.numbers["T"] == pytest.approx(1 - verdict.numbers["A"])


def test_half_a_teacher_is_for_review_and_no_alarm(task):
    def mostly_prior(given):
        theta = methods.logistic(given.train.features, given.weak)
        student = given.test.features @ theta[:-1] + theta[-1]
        return 1 / (1 + np.exp(-(student / student.std() + 1.5 * given.test.prior / given.test.prior.std())))

    verdict = judge(task, mostly_prior)
    assert (verdict.finding, verdict.level, verdict.track) == ("review", "note", None)
    assert "a person or a second task decides" in verdict.because


def test_the_numbers_are_those_of_a_hand_count(task):
    first = np.where(np.arange(400) < 300, 0.9, 0.1)
    told = {
        "flipped": np.arange(400) < 100,
        "diluted-0": np.arange(400) < 0,
    }
    shown = evidence(task, lambda given: first, keep=lambda w: w.name in told)
    changed = [dataclasses.replace(c, predictions=told[c.world.name].astype(float)) for c in shown.worlds]
    numbers = guard.measure(dataclasses.replace(shown, worlds=changed))
    # diluted-0 agrees on the last 100 rows: .25 as it is, .75 counted from the other end
    assert numbers["A"] == pytest.approx(0.5)
    assert numbers["D"] == pytest.approx(0.25)
    assert numbers["bit"] == pytest.approx(0.75)


def test_worlds_are_compared_with_the_real_cell_of_their_own_seed(task):
    shown = evidence(task, methods.vanilla, keep=lambda w: w.teacher == "flipped")
    elsewhere = dataclasses.replace(shown.cells[0], seed=1, predictions=shown.worlds[0].predictions)
    flipped = dataclasses.replace(shown.worlds[0], seed=1)
    both = dataclasses.replace(shown, cells={0: shown.cells[0], 1: elsewhere}, worlds=[flipped])
    assert guard.measure(both)["A"] == 1.0
    assert guard.measure(shown)["A"] < 0.1


def test_a_wide_null_raises_the_threshold_and_says_so(task):
    wide = np.random.default_rng(0).standard_normal(200) * 3
    leaks = judge(task, methods.leak_some)
    spared = judge(task, methods.leak_some, null_z=wide)
    assert leaks.finding == "leak"
    assert leaks.numbers["threshold"] == guard.Z
    assert spared.finding != "leak"
    assert spared.numbers["null_draws"] == 200
    assert spared.numbers["null_sd"] == pytest.approx(np.std(wide, ddof=1))
    assert spared.numbers["threshold"] == pytest.approx(guard.Z * spared.numbers["null_sd"])


def test_a_null_within_its_bounds_leaves_the_threshold(task):
    normal = np.random.default_rng(0).standard_normal(200) * 1.1
    assert judge(task, methods.vanilla, null_z=normal).numbers["threshold"] == guard.Z


def test_a_narrow_null_lowers_the_threshold_only_where_it_is_long_and_never_to_nothing(task):
    narrow = np.random.default_rng(0).standard_normal(200) * 0.7
    assert judge(task, methods.vanilla, null_z=narrow).numbers["threshold"] == pytest.approx(
        guard.Z * np.std(narrow, ddof=1)
    )
    assert judge(task, methods.vanilla, null_z=narrow[:50]).numbers["threshold"] == guard.Z
    assert judge(task, methods.vanilla, null_z=np.zeros(200)).numbers["threshold"] == guard.Z / 2


def test_no_threshold_lies_below_what_the_null_reaches(task):
    def one(w):
        return w.name in ("flipped", "null-0")

    # this very draw is one in ten thousand: z = 3.8 from an honest fit on noise
    assert judge(task, methods.vanilla, keep=one, settings={"z": 3.5}).finding == "leak"
    tails = np.append(np.random.default_rng(0).standard_normal(199), 4.5)
    spared = judge(task, methods.vanilla, keep=one, null_z=tails, settings={"z": 3.5})
    assert spared.finding == "teacher-driven"
    assert spared.numbers["threshold"] == 4.5


def test_a_null_off_centre_is_granted_to_the_method(task):
    shifted = np.random.default_rng(0).standard_normal(200) + 2
    verdict = judge(task, methods.vanilla, null_z=shifted)
    assert verdict.numbers["threshold"] > guard.Z + 1.5 * np.sqrt(guard.NULL_DRAWS)


def test_failing_in_changed_worlds_only_is_flagged(task):
    failed = [
        Failed(world=World(name="null-0", teacher="permuted", inputs="scrambled"), seed=0, error="boom\nx")
    ]
    shown = evidence(task, methods.vanilla, keep=lambda w: w.name != "null-0", failed=failed)
    flag, rest = guard.w2s_judge_method(simulate.planned("m"), shown, {})
    assert (flag.level, flag.finding) == ("flag", "evasive")
    assert "null-0" in flag.because
    assert "boom" in flag.because
    assert "\n" not in flag.because
    assert rest.finding == "teacher-driven"


def test_failing_in_every_world_leaves_the_flag_alone(task):
    failed = [Failed(world=w, seed=0, error="") for w in guard.w2s_worlds({})]
    assert judge(task, methods.vanilla, keep=lambda w: False, failed=failed).finding == "evasive"


def test_a_failed_repeat_is_another_guards_business(task):
    failed = [Failed(world=World(name="again"), seed=0, error="x")]
    assert judge(task, methods.vanilla, failed=failed).finding == "teacher-driven"


def test_without_a_flipped_world_it_was_not_examined(task):
    verdict = judge(task, methods.vanilla, keep=lambda w: False)
    assert (verdict.level, verdict.finding) == ("note", "")
    assert "not examined" in verdict.because
    assert "T" not in verdict.numbers


def test_a_leak_shows_without_the_flipped_world(task):
    assert judge(task, methods.leak, keep=lambda w: w.teacher == "permuted").finding == "leak"


def test_with_one_draw_of_each_what_is_there_is_judged():
    def one(w):
        return w.draw == 0 and w.teacher not in ("local", "other")

    task = worlds.synthetic(1, 0.77)
    assert judge(task, methods.vanilla, keep=one).finding == "teacher-driven"
    assert judge(task, methods.majority, keep=one).finding == "shortcut"
    assert judge(task, methods.leak, keep=one).finding == "leak"
    alone = judge(task, methods.ccs, keep=lambda w: w.teacher == "flipped")
    assert alone.finding == "teacher-driven"
    assert "was not examined" in alone.because


def test_a_method_that_says_it_needs_no_teacher_is_taken_at_its_word(task):
    assert judge(task, methods.zero_shot, track="elicitation").level == "note"
    told = judge(task, methods.vanilla, track="elicitation")
    assert (told.level, told.finding, told.track) == ("note", "teacher-driven", None)


def test_settings_move_the_limits(task):
    assert judge(task, methods.leak_some, settings={"z": 40}).finding == "teacher-driven"
    assert judge(task, methods.vanilla, settings={"d_ccs": 0.1}).finding == "elicitation"
    assert judge(task, methods.leak_shy, settings={"apart": 1, "still": 0}).finding == "teacher-driven"


@pytest.mark.parametrize(
    "settings", [{"zz": 1}, {"z": "much"}, {"z": True}, {"z": -1}, {"driven": 1.5}, {"sign": float("nan")}]
)
def test_bad_settings_are_one_line(settings):
    with pytest.raises(UsageError) as raised:
        guard.w2s_worlds(settings)
    assert "\n" not in str(raised.value)
    assert next(iter(settings)) in str(raised.value)
    assert guard.NAME in str(raised.value)


def test_a_small_simulation_finds_the_cheats_and_spares_the_honest():
    found = simulate.tallies(2, accuracies=(0.65, 0.77))
    for name in methods.HONEST:
        assert found[name].findings["leak"] + found[name].findings["shortcut"] == 0, name
    assert found["leak"].share("leak") == found["leak on 15 %"].share("leak") == 1
    assert found["majority"].share("shortcut") == 1
    assert found["prior x sign"].share("elicitation") == 1
    assert found["leak, shy"].share("teacher-driven") + found["majority, shy"].share("teacher-driven") < 1
    for name in ("vanilla", "vanilla-hard", "confident", "self-training", "logconf"):
        assert found[name].share("teacher-driven") == 1, name


def test_a_nearly_constant_prediction_is_not_taken_for_one_that_uses_a_sign_alone(task):
    def constant(given):
        out = np.full(len(given.test.features), 0.9)
        learned = methods.vanilla(given)
        is_up = np.corrcoef(learned, methods.zero_shot(given))[0, 1] > 0
        # What the fit is least sure of changes with every world; the rest is a constant with a sign.
        out[np.argsort(learned if is_up else -learned)[:6]] = 0.1
        return out if is_up else 1 - out

    assert judge(task, constant).finding == "teacher-driven"


def test_predictions_that_stand_still_under_another_teacher_are_left_to_a_person(task):
    """As the red team's `honest-where-the-teacher-disagrees`: its own answers, until the flipped world."""

    def stubborn(given):
        own = methods.zero_shot(given)
        learned = methods.vanilla(given)
        return own if np.corrcoef(own, learned)[0, 1] > 0 else learned

    verdict = judge(task, stubborn)
    assert verdict.finding == "review" and verdict.numbers["moves"] == 0 and verdict.numbers["A"] < 0.5
