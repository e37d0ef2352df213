"""What a judged holdout makes of predictions, and what is told of its votes."""

import json
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from ended_cells import ended, well

from w2s_harness.contract.plan import MethodSource, PlannedMethod, PlannedTask
from w2s_harness.data.reading.file_task import data_task
from w2s_harness.data.rows.gold import gold_of
from w2s_harness.data.rows.texts import row_ids
from w2s_harness.run.board.rows import voters
from w2s_harness.run.board.rows.rows import Tally, ranked, reference
from w2s_harness.run.board.shared import SharedResults
from w2s_harness.run.cell.worker.releasing import released
from w2s_harness.scoring.spread.votes import Panel

SEEDS = (0, 1, 2)
VOTES = ([1, 1, 0], [0, 0, 0], [1, None, 1], [0, 1, None], [0, 1, 0])


@pytest.fixture
def made(setting, tmp_path):
    """A judged setting of 60 holdout rows, three named voters."""

    def build(exposure="public", votes=VOTES):
        folder = tmp_path / f"judged-{exposure}"
        folder.mkdir(exist_ok=True)
        for split in ("train_label", "train_unlabel", "test"):
            lines = [
                {
                    "question": f"{split} {i // 2}", "choice": f"c{i}", "votes": votes[i % len(votes)],
                    "voters": ["ann", "bo", "cy"],
                }
                for i in range(60)
            ]  # fmt: skip
            (folder / f"{split}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in lines))
        return setting(tasks=(PlannedTask("judged", data_task(folder), {}, exposure, path=str(folder)),))

    return build


def test_an_accuracy_is_agreement_with_a_voter_drawn_at_random(made):
    here = made()
    p = np.tile([0.9, 0.9, 0.1, 0.9, 0.5], 12)
    record = here.scored(p)
    # 2/3, 0, 0, 1/2, 1/2
    assert record.accuracy == pytest.approx((2 / 3 + 0 + 0 + 1 / 2 + 1 / 2) / 5)
    kept = here.agreement(here.unpacked([record]))
    assert kept[0, :5] == pytest.approx([2 / 3, 0, 0, 1 / 2, 1 / 2])


def test_votes_that_are_unanimous_score_as_labels_do(made):
    here = made(votes=([1, 1, 1], [0, 0, 0]))
    p = np.random.default_rng(0).random(60)
    assert (here.agreement(here.right(p)) == here.right(p)).all()
    assert here.scored(p).accuracy == here.right(p).mean()


def lines(here, seed=0):
    rng = np.random.default_rng(seed)
    weak, top = rng.random((2, len(SEEDS), 60)) < np.array([0.6, 0.95])[:, None, None]
    outcome = {
        "weak": {s: weak[i].astype(float) for i, s in enumerate(SEEDS)},
        "ceiling": {s: top[i].astype(float) for i, s in enumerate(SEEDS)},
    }
    return reference(here, SharedResults(**outcome, weak_label_acc={}, chosen={}), SEEDS, 0.02)


def test_weak_and_ceiling_are_scored_by_votes(made):
    here = made()
    found = lines(here)
    weak, ceiling = found.accuracies()
    assert weak == pytest.approx(here.agreement(found.weak).mean(1).tolist())
    assert max(ceiling) <= voters.setting(found.by_vote).noise_ceiling
    assert found.base.gap == pytest.approx(np.mean(ceiling) - np.mean(weak))


def test_what_is_told_of_the_votes(made):
    found = lines(made())
    told = voters.setting(found.by_vote)
    assert (told.votes, told.voters) == (156, 3)
    assert told.noise_ceiling == pytest.approx((2 / 3 + 1 + 1 + 1 / 2 + 2 / 3) / 5)
    assert told.agreement == pytest.approx((1 / 3 + 1 + 1 + 0 + 1 / 3) / 5)
    assert told.resampled == "voters and questions" and told.reason is None
    assert told.weak_ci[0] < np.mean(found.accuracies()[0]) < told.weak_ci[1]
    assert told.ceiling_ci[0] < np.mean(found.accuracies()[1]) < told.ceiling_ci[1]
    assert told.largest[:4] == pytest.approx([2 / 3, 1, 1, 1 / 2])


def test_what_a_worker_is_sent_tells_nothing_of_the_votes(made):
    every = ("groups", "text", "transductive")
    here, other = made(), made(exposure="private", votes=([0, 0, 1], [1, 1, 1], [0, 1, 1]))
    assert (gold_of(here.data, "test").labels != gold_of(other.data, "test").labels).any()
    sent = [
        msgspec.msgpack.encode(
            released(s.test, np.arange(60), every, frozenset({"group", "conflicts", "prompt", "candidate"}))
        )
        for s in (here, other)
    ]
    assert sent[0] == sent[1] and b"c59" in sent[0]
    assert row_ids(here.test) == row_ids(other.test)


def test_a_private_task_keeps_its_votes(made):
    assert voters.setting(lines(made(exposure="private")).by_vote).largest is None


def test_a_row_has_intervals_over_voters_and_questions(made):
    here = made()
    base = lines(here)
    rng = np.random.default_rng(5)
    gold = gold_of(here.data, "test").labels
    predictions = [np.where(gold == (rng.random(60) < 0.8), 0.9, 0.1) for _ in SEEDS]
    found = [replace(well(here.right(p)), scored=here.scored(p)) for p in predictions]
    method = PlannedMethod("m", "m", MethodSource("m", "m", None, None, "a" * 64), {}, track="w2s")
    cells = [ended(s, each) for s, each in zip(SEEDS, found, strict=True)]
    ((row, _),) = ranked([Tally(method, base, cells)])
    low, high = row.judged.accuracy_ci
    assert low < row.transfer.mean < high
    assert row.judged.pgr_ci[0] < row.pgr < row.judged.pgr_ci[1]
    panel = Panel.of(gold_of(here.data, "test").votes.values, base.clusters, named=True)
    right = here.unpacked([each.scored for each in found]).mean(0)
    by_vote = panel.agreement(np.where(gold_of(here.data, "test").labels, right, 1 - right))
    assert panel.mean(by_vote) == pytest.approx(row.transfer.mean)
