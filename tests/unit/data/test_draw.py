import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from w2s_harness.contract.errors import DataError
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.data.rows.gold import Gold, gold_of
from w2s_harness.data.rows.splitting import draw
from w2s_harness.data.rows.texts import TaskData, Texts


def split(groups, labels):
    rows = tuple(TextRow(f"q{g}", f"c{i}") for i, g in enumerate(groups))
    texts = Texts(rows, np.array(groups, np.int64), ("",) * len(rows), ("",) * len(rows))
    return TaskData("verify", {"test": texts}, {"test": Gold(np.array(labels, bool))}, "", "")


SPLIT = split([i // 4 for i in range(400)], [i % 2 for i in range(400)])


def test_takes_80_percent_of_the_questions_whole():
    index = draw(SPLIT, "test", root=0, seed=0, name="train_label")
    assert index.dtype == np.int64
    assert len(index) == 320
    assert (np.diff(index) > 0).all()
    _, counts = np.unique(SPLIT.texts["test"].groups[index], return_counts=True)
    assert (counts == 4).all()


def test_is_the_same_every_time():
    assert (
        draw(SPLIT, "test", root=0, seed=0, name="train_label")[:8].tolist()
        == draw(SPLIT, "test", root=0, seed=0, name="train_label")[:8].tolist()
    )


@pytest.mark.parametrize("other", [(1, 0, "train_label"), (0, 1, "train_label"), (0, 0, "train_unlabel")])
def test_every_part_of_the_name_counts(other):
    root, seed, name = other
    a = draw(SPLIT, "test", root=0, seed=0, name="train_label")
    assert not np.array_equal(a, draw(SPLIT, "test", root=root, seed=seed, name=name))


def test_every_question_is_drawn_about_equally_often():
    taken = np.zeros(400)
    for seed in range(200):
        taken[draw(SPLIT, "test", root=0, seed=seed, name="x")] += 1
    assert taken.min() / 200 > 0.65
    assert taken.max() / 200 < 0.93
    assert taken.mean() / 200 == pytest.approx(0.8)


@settings(deadline=None)
@given(st.integers(2, 12), st.integers(0, 50))
def test_a_small_draw_holds_both_classes(n_groups, seed):
    data = split(list(range(n_groups)), [i == 0 for i in range(n_groups)])
    labels = gold_of(data, "test").labels[draw(data, "test", root=0, seed=seed, name="x")]
    assert labels.any()
    assert not labels.all()


def test_a_whole_draw_is_everything():
    assert draw(SPLIT, "test", root=3, seed=3, name="x", fraction=1).tolist() == list(range(400))


def test_a_draw_that_cannot_hold_both_classes():
    with pytest.raises(DataError) as caught:
        draw(split([0, 1], [0, 1]), "test", root=0, seed=0, name="train_label", fraction=0.5)
    assert str(caught.value) == (
        "split train_label: no draw of 1 of the 2 questions holds both classes. "
        "Add rows of the rarer class, or raise --limit."
    )


@pytest.mark.parametrize("fraction", [0, -1, 1.5, float("nan")])
def test_a_fraction_out_of_range(fraction):
    with pytest.raises(ValueError, match="is not in"):
        draw(SPLIT, "test", root=0, seed=0, name="x", fraction=fraction)
