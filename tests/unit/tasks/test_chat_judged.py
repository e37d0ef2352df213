"""The rows of `chat`, voted on by simulated annotators: the same rows, and votes that follow their model."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from w2s_harness.data.rows.gold import gold_of
from w2s_harness.data.rows.prepared import prepare
from w2s_tasks.chat import ChatTask
from w2s_tasks.chat_judged import ANNOTATORS, ChatJudgedTask

SIZES = {"label_rows": 100, "unlabel_rows": 100, "test_rows": 400}


def votes_of(rows):
    return np.array([[np.nan if v is None else v for v in row.votes] for row in rows], float)


@pytest.fixture(scope="module")
def both():
    return list(ChatJudgedTask(**SIZES).load()), list(ChatTask(**SIZES).load())


def test_the_rows_are_those_of_chat_without_their_labels(both):
    judged, labelled = both
    assert [replace(r, votes=None, voters=None) for r in judged] == [replace(r, label=None) for r in labelled]


def test_annotators_say_that_they_are_simulated(both):
    assert {row.voters for row in both[0]} == {tuple(a.name for a in ANNOTATORS)}
    assert all(a.name.startswith("simulated-") for a in ANNOTATORS)


def test_votes_are_drawn_from_their_own_seed(both):
    again = list(ChatJudgedTask(**SIZES).load())
    assert again == both[0]
    other = votes_of(ChatJudgedTask(**SIZES, annotator_seed=2).load())
    assert not np.array_equal(other, votes_of(both[0]), equal_nan=True)


def test_the_careful_agree_more_with_the_better_response(both):
    votes, better = votes_of(both[0]), np.array([row.label for row in both[1]], float)
    agree = [np.nanmean(votes[:, i] == better) / np.mean(~np.isnan(votes[:, i])) for i in range(5)]
    assert all(a > b - 0.03 for a, b in pairwise(agree))
    assert agree[0] > 0.88 and 0.6 < agree[4] < 0.82


def test_one_vote_in_ten_is_missing_and_no_row_is_without(both):
    votes = votes_of(both[0])
    assert not np.isnan(votes[:, 0]).any()
    assert np.isnan(votes[:, 1:]).mean() == pytest.approx(0.1, abs=0.025)


def test_it_is_a_judged_task_whose_splits_are_whole():
    data = prepare(ChatJudgedTask(**SIZES), limit=50)
    assert data.kind == "preference"
    assert all(len(s) == 50 and gold_of(data, n).votes is not None for n, s in data.texts.items())
