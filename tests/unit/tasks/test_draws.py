import pytest

from w2s_harness import DataError, UsageError
from w2s_tasks.draws import fresh_question, is_held_out, seed_name, stream
from w2s_tasks.layout import right_count, rows_per_split, slots
from w2s_tasks.math import WordProblem


def test_a_stream_depends_on_its_names_alone():
    assert stream("math", 1, "wrong").random() == stream("math", "1", "wrong").random()
    assert stream("math", 1, "wrong").random() != stream("math", 1, "right").random()


@pytest.mark.parametrize("given", [255, "255", "0xff", "FF", " ff "])
def test_a_seed_has_one_name(given):
    assert seed_name(given) == "255"


def test_a_seed_may_have_128_bits():
    assert seed_name("f" * 32) == seed_name(2**128 - 1) == str(2**128 - 1)


def test_a_seed_that_is_none_is_refused():
    with pytest.raises(UsageError, match="data_seed='soon'"):
        seed_name("soon")


def test_a_prompt_space_that_is_used_up_ends_in_an_error():
    only = WordProblem(
        prompt=next(text for text in map(str, range(9)) if is_held_out(text)), start=1, steps=(), thing=""
    )
    used: set[str] = set()
    assert fresh_question(lambda attempt: only, used, lambda question: True) is only
    with pytest.raises(DataError, match="ask for fewer rows"):
        fresh_question(lambda attempt: only, used, lambda question: True)


@pytest.mark.parametrize(("rows", "said"), [(3, "too small"), (10**9, "1,000,000,000 rows is too large")])
def test_a_split_that_nobody_can_use_is_refused(rows, said):
    with pytest.raises(UsageError, match=f"train_unlabel of .*{said}"):
        rows_per_split(4, rows, 4)


@pytest.mark.parametrize("questions", [1, 7, 8, 250, 501])
def test_right_candidates_balance_in_every_level(questions):
    totals: dict[int, list[int]] = {}
    for slot in slots({"train_label": 4, "train_unlabel": 4, "test": questions}, difficulty=2):
        if slot.split == "test":
            totals.setdefault(slot.level, []).append(right_count(slot, 4))
    assert all(sum(counts) == 2 * len(counts) for counts in totals.values())


def test_a_quarter_of_the_holdout_is_out_of_distribution():
    subsets = [slot.subset for slot in slots({"train_label": 8, "train_unlabel": 8, "test": 100}, 1)]
    assert subsets[:16] == ["in-distribution"] * 16
    assert subsets[16:].count("out-of-distribution") == 25


def test_difficulty_has_bounds():
    with pytest.raises(UsageError, match="difficulty=4"):
        list(slots({"test": 4}, difficulty=4))
