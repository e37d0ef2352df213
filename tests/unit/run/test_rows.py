from __future__ import annotations

from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from ended_cells import ended, failed, skipped, well

from w2s_harness.contract.plan import MethodSource, PlannedMethod
from w2s_harness.contract.types import Verdict
from w2s_harness.data.rows.gold import Gold
from w2s_harness.data.rows.texts import TaskData
from w2s_harness.run.board.rows.rows import Tally, ranked, reference, subsets
from w2s_harness.run.board.shared import SharedResults
from w2s_harness.run.work.setting.setting import Setting

N, SEEDS = 400, (0, 1, 2)


class Holdout:
    """A holdout of N rows, two to a question."""

    groups = np.arange(N) // 2
    subsets = tuple("in" if i % 4 < 2 else "out" for i in range(N))

    def __len__(self) -> int:
        return N


def drawn(accuracy: float, seed: int) -> np.ndarray:
    """(N,) outcomes with exactly this accuracy, the right rows drawn by seed."""
    out = np.zeros(N)
    out[np.random.default_rng(seed).permutation(N)[: round(accuracy * N)]] = 1
    return out


def setting(exposure: str = "public"):
    data = TaskData("verify", {"test": Holdout()}, {"test": Gold(np.zeros(N, bool))}, "", "")
    return Setting(SimpleNamespace(id="t", exposure=exposure), SimpleNamespace(name="p"), data, {}, 0)


def lines(weak: float = 0.6, ceiling: float = 0.9, exposure: str = "public"):
    baseline = SharedResults(
        weak={s: drawn(weak, s) for s in SEEDS},
        ceiling={s: drawn(ceiling, 10 + s) for s in SEEDS},
        weak_label_acc=dict.fromkeys(SEEDS, weak),
        chosen={},
    )
    return reference(setting(exposure), baseline, SEEDS, 0.02)


def ran(accuracy: float, seed: int):
    return well(drawn(accuracy, 20 + seed))


def tally(name: str, records, base=None, *, verdicts=(), seeds=SEEDS, **method) -> Tally:
    source = MethodSource(name, name, None, None, "a" * 64)
    planned = PlannedMethod(name, name, source, method, method, track="w2s")
    cells = [ended(seed, found) for seed, found in zip(seeds, records, strict=True)]
    return Tally(planned, base or lines(), cells, list(verdicts))


def row(made: Tally):
    ((found, _),) = ranked([made])
    return found


def test_pgr_is_the_recovered_part_of_the_mean_gap():
    found = row(tally("m", [ran(a, s) for s, a in enumerate((0.7, 0.75, 0.8))]))
    assert found.status == "ok" and found.reason is None
    assert found.transfer.mean == pytest.approx(0.75) and found.pgr == pytest.approx(0.5)
    assert [s.pgr for s in found.transfer.per_seed] == pytest.approx([1 / 3, 1 / 2, 2 / 3])
    assert found.pgr_ci[0] < 0.5 < found.pgr_ci[1] and found.pgr_sem == pytest.approx(1 / 6 / 3**0.5)
    assert (found.compute.fits, found.compute.tokens, found.compute.flops) == (3, 30, 15.0)


def test_one_failed_seed_makes_the_row_failed_and_keeps_what_succeeded():
    found = row(tally("m", [ran(0.9, 0), failed("ValueError: no\nmore"), ran(0.9, 2)]))
    assert (found.status, found.pgr, found.pgr_ci, found.rank) == ("failed", None, None, None)
    assert found.reason == "seed 1: ValueError: no"
    assert [s.accuracy for s in found.transfer.per_seed] == [0.9, None, 0.9] and found.transfer.mean is None
    assert found.transfer.per_seed[1].error == "ValueError: no\nmore"
    assert all(part.accuracy is None and part.reason for part in found.by_subset.values())


def test_precedence_of_statuses():
    bad = Verdict("g", "disqualify", "it read the labels")
    assert row(tally("m", [failed("x")] * 3, verdicts=[bad])).status == "disqualified"
    assert row(tally("m", [failed("x"), skipped("y"), skipped("y")])).status == "failed"
    assert row(tally("m", [skipped("needs")] * 3, lines(0.7, 0.7))).status == "skipped"
    assert row(tally("m", [ran(0.7, s) for s in SEEDS], lines(0.7, 0.7))).status == "no-gap"


def test_a_disqualified_row_says_why_and_has_no_rank():
    bad = Verdict("g", "disqualify", "it read the labels", {"share": 0.9})
    found = row(tally("m", [ran(0.9, s) for s in SEEDS], verdicts=[Verdict("h", "ok", "fine"), bad]))
    assert found.reason == "it read the labels" and found.rank is None
    assert [v.level for v in found.verdicts] == ["ok", "disqualify"]
    assert found.verdicts[1].numbers == {"share": 0.9}


def test_no_gap_shows_transfer_and_no_ratio():
    found = row(tally("m", [ran(0.72, s) for s in SEEDS], lines(0.7, 0.71)))
    assert found.status == "no-gap" and found.reason and found.pgr is None and found.pgr_ci is None
    assert found.transfer.mean == pytest.approx(0.72)
    assert [s.pgr for s in found.transfer.per_seed] == [None] * 3


def test_a_private_task_keeps_its_outcomes():
    open_row = row(tally("m", [ran(0.8, s) for s in SEEDS]))
    assert all(isinstance(s.outcomes, str) for s in open_row.transfer.per_seed)
    private = row(tally("m", [ran(0.8, s) for s in SEEDS], lines(exposure="private")))
    assert all(s.outcomes is msgspec.UNSET for s in private.transfer.per_seed)


def test_subsets_are_scored_apart_on_their_own_rows():
    masks = subsets(setting())
    assert set(masks) == {"in", "out"} and sum(m.sum() for m in masks.values()) == N
    found = row(tally("m", [ran(0.75, s) for s in SEEDS]))
    expected = np.mean([drawn(0.75, 20 + s)[masks["in"]].mean() for s in SEEDS])
    assert found.by_subset["in"].accuracy == pytest.approx(expected)
    alone = setting()
    alone.data.texts["test"] = SimpleNamespace(subsets=("in",) * 4)
    assert subsets(alone) == {}


def test_rows_stand_in_order_with_failed_ones_last():
    base = lines()
    made = [
        tally("low", [ran(0.65, s) for s in SEEDS], base),
        tally("torn", [failed("x")] * 3, base),
        tally("high", [ran(0.85, s) for s in SEEDS], base),
    ]
    found = [row for row, _ in ranked(made)]
    assert [r.method for r in found] == ["high", "low", "torn"]
    assert [r.rank for r in found] == [(1, 1), (2, 2), None]


def test_the_pool_s_interval_stands_beside_and_both_are_null_together():
    found = row(tally("m", [ran(a, s) for s, a in enumerate((0.7, 0.75, 0.8))]))
    (low, high), (inner_low, inner_high) = found.pgr_ci_pool, found.pgr_ci
    assert low < inner_low < inner_high < high
    lone = row(tally("m", [ran(0.75, 1)], seeds=(1,)))
    assert lone.pgr is not None and lone.pgr_ci is None and lone.pgr_ci_pool is None
    assert "one seed" in lone.reason


def test_a_row_says_how_many_attempts_there_were():
    made = tally("m", [ran(0.75, s) for s in SEEDS])
    assert row(made).attempts == 1
    made.attempts = 4
    assert row(made).attempts == 4
