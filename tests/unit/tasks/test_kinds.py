"""Labels are a concept over attributes, rows are entities, and neither text nor order tells a label."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from w2s_harness import UsageError
from w2s_tasks import kinds
from w2s_tasks.kinds import KindsTask

TASK = KindsTask(data_seed=2**100 + 7)


@pytest.fixture(scope="module")
def rows():
    return list(TASK.load())


@pytest.fixture(scope="module")
def profile():
    return dict(zip(kinds.names(), kinds.profiles(), strict=True))


def test_hook_offers_the_task():
    (task,) = kinds.w2s_tasks()
    assert (task.name, task.kind, task.pair, task.made_for()) == (
        "kinds",
        "verify",
        "tiny-kinds",
        "tiny-kinds",
    )


def test_the_world_is_of_distinct_words_and_balanced_profiles():
    words = [*kinds.names(), *kinds.verbs(), *kinds.ADVERBS]
    assert len(words) == len(set(words)) == kinds.ENTITIES + 36 + 12
    counts = Counter(kinds.profiles())
    assert len(counts) == kinds.VALUES**kinds.ATTRIBUTES and len(set(counts.values())) == 1


def test_sizes_and_balance(rows):
    assert Counter((row.split, row.label) for row in rows) == {
        (split, label): rows_of / 2
        for split, rows_of in (("train_label", 1000), ("train_unlabel", 1000), ("test", 2000))
        for label in (True, False)
    }


def test_no_entity_is_in_two_rows(rows):
    assert len({row.prompt for row in rows}) == len({row.group for row in rows}) == len(rows)
    assert all(row.group == row.prompt for row in rows)


def test_labels_are_the_majority_of_three_memberships_and_no_attribute_alone(rows, profile):
    x = np.array([profile[row.prompt] for row in rows])
    y = np.array([row.label for row in rows])
    means = np.array([[y[x[:, j] == v].mean() for v in range(kinds.VALUES)] for j in range(kinds.ATTRIBUTES)])
    votes = (means[np.arange(kinds.ATTRIBUTES), x] > 0.5).sum(1)
    assert ((votes > 1) == y).all() and ((means > 0.5).sum(1) == kinds.VALUES / 2).all()
    assert abs(means - 0.5).max() < 0.35


def test_same_seed_same_rows_and_another_seed_others(rows):
    assert list(TASK.load()) == rows
    other = {row.prompt: row.label for row in replace(TASK, data_seed=3).load()}
    shared = [other[row.prompt] == row.label for row in rows if row.prompt in other]
    assert len(shared) == pytest.approx(len(rows) ** 2 / kinds.ENTITIES, rel=0.1)
    assert kinds.members("3") != kinds.members(str(TASK.data_seed))


def test_concepts_are_drawn_evenly():
    drawn = Counter(kinds.members(str(seed)) for seed in range(2160))
    assert len(drawn) == 216 and max(drawn.values()) < 30


def test_a_split_size_does_not_move_the_splits_before_it(rows):
    shorter = [row for row in replace(TASK, test_rows=100).load() if row.split != "test"]
    assert shorter == [row for row in rows if row.split != "test"]


def test_candidates_are_two_neutral_words(rows):
    words = Counter(tuple(row.candidate.split()) for row in rows)
    assert {len(pair) for pair in words} == {2} and {w for pair in words for w in pair} == set(kinds.ADVERBS)


def test_order_tells_no_label(rows):
    labels = np.array([row.label for row in rows if row.split == "test"], float)
    assert abs(labels[:1000].mean() - 0.5) < 0.05
    assert abs(np.corrcoef(labels[1:], labels[:-1])[0, 1]) < 0.08


def test_a_blind_teacher_is_another_pair_of_the_same_rows(rows):
    blind = replace(TASK, teacher="blind")
    assert blind.made_for() == "tiny-kinds-blind"
    assert list(blind.load()) == rows


def test_settings_out_of_range_are_refused():
    with pytest.raises(UsageError, match="teacher='deaf' is no teacher"):
        replace(TASK, teacher="deaf")
    with pytest.raises(UsageError, match=r"8001 rows are more than the 8000 entities"):
        list(replace(TASK, test_rows=6001).load())
    with pytest.raises(UsageError, match="train_label of 3 rows"):
        list(replace(TASK, label_rows=3).load())


def test_odd_sizes_and_the_whole_pool():
    odd = Counter(row.split for row in replace(TASK, label_rows=5, unlabel_rows=7, test_rows=9).load())
    assert odd == {"train_label": 5, "train_unlabel": 7, "test": 9}
    assert len(list(replace(TASK, label_rows=5, unlabel_rows=7, test_rows=7988).load())) == kinds.ENTITIES
