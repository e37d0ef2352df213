"""What is said of many rows at once is what is said of each alone, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from w2s_harness.scoring.comparisons import compare
from w2s_harness.scoring.spread import bootstrap, interval, pool, together
from w2s_harness.scoring.spread.blocks import Block, block
from w2s_harness.scoring.spread.twoway import spread


def made(draw: int, seeds: int, rows: int = 240) -> tuple[interval.WeakAndCeiling, list[Block], Block]:
    """WeakAndCeiling, transfers (the baselines themselves among them) and one more, over uneven questions."""
    rng = np.random.default_rng(draw)
    clusters = rng.integers(0, rows // 3, rows)

    def drawn(accuracy: float, names: range | list[int]) -> Block:
        return block(names, (rng.random((len(names), rows)) < accuracy).astype(float), clusters)

    every = range(seeds)
    base = interval.WeakAndCeiling(drawn(0.55, every), drawn(0.9, every))
    transfers = [drawn(0.6 + 0.05 * i, every) for i in range(5)] + [base.weak, base.ceiling]
    # seeds of its own, and the same seeds in another order
    transfers += [drawn(0.7, range(3, 3 + seeds)), drawn(0.7, list(reversed(every)))]
    return base, transfers, drawn(0.7, every)


@pytest.mark.parametrize("seeds", [2, 5, 11])
@pytest.mark.parametrize("draw", range(4))
def test_many_rows_are_scored_as_one_by_one(draw, seeds):
    base, transfers, other = made(draw, seeds)
    assert interval.pgr_intervals(base, transfers) == [
        interval.pgr_intervals(base, [t])[0] for t in transfers
    ]
    assert pool.pgr_pools(base, transfers) == [pool.pgr_pools(base, [t])[0] for t in transfers]
    assert compare.all_between(transfers, other) == [compare.all_between([t], other)[0] for t in transfers]
    assert interval.difference_intervals(base, transfers, other) == [
        interval.difference_intervals(base, [t], other)[0] for t in transfers
    ]


def test_a_row_compared_with_itself_has_the_error_of_a_question():
    _, transfers, _ = made(0, 4)
    found = compare.all_between(transfers, transfers[0])[0]
    assert (found.estimate, found.p) == (0.0, 1.0) and found.ci[1] == -found.ci[0]


@pytest.mark.parametrize("gap", [(0.6, 0.61), (0.9, 0.6)])
def test_without_a_gap_every_row_has_the_reason(gap):
    rng = np.random.default_rng(1)
    weak, top, own = ((rng.random((3, 90)) < a).astype(float) for a in (*gap, 0.7))
    base, transfer = interval.baselines(range(3), weak, top, range(90)), block(range(3), own, range(90))
    why = interval.no_gap(base)
    assert why is not None
    assert [i.reason for i in interval.pgr_intervals(base, [transfer] * 2)] == [why, why]
    assert [p.interval.reason for p in pool.pgr_pools(base, [transfer] * 2)] == [why, why]


def test_spreads_are_those_of_each_estimate_and_parts_change_nothing(monkeypatch):
    _, transfers, other = made(2, 6)
    monkeypatch.setattr(together, "_CELLS", 2 * other.values.size)
    stacked, left = together.stacks(transfers, [other])
    assert [places for places, _ in stacked] == [[0, 1], [2, 3], [4, 5], [6]] and left == [7, 8]
    for places, x in stacked:
        found = together.spreads(x - other.values, other.shares)
        for k, i in enumerate(places):
            terms = [transfers[i], other.scaled(-1.0)]
            own = spread(terms)
            assert (found.se[k], found.one_seed[k]) == (own.se, own.one_seed)
            for name in ("seeds", "questions", "cells", "total", "df", "seed_df", "floor"):
                assert getattr(found, name)[k] == getattr(own, name)
            assert found.question_df == own.question_df


def test_one_seed_or_one_question_is_left_to_the_reason_that_it_gives():
    one = block([0], [[1.0, 0.0, 1.0]], [0, 1, 2])
    assert together.stacks([one], [one]) == ([], [0])
    assert "one seed" in compare.all_between([one], one)[0].reason


def test_fiellers_set_is_judged_as_one_by_one():
    base, transfers, _ = made(3, 4)
    ends = [
        (found.low - w, found.high + w)
        for found, w in zip(interval.pgr_intervals(base, transfers), np.linspace(-0.02, 0.02, 9), strict=True)
    ]
    alone = [interval.left_out(base, [t], [e])[0] for t, e in zip(transfers, ends, strict=True)]
    assert interval.left_out(base, transfers, ends) == alone
    for transfer, one, away in zip(transfers, ends, alone, strict=True):
        within = interval.fieller_interval(base, transfer)
        assert away == all(not within.low <= ratio <= within.high for ratio in one)
    assert set(alone) == {True, False}


def test_crossed_draws_are_shared_and_give_the_same_interval():
    base, transfers, _ = made(0, 5)
    found = bootstrap.crossed_intervals(base, transfers, name="n", draws=300)
    for own, transfer in zip(found, transfers, strict=True):
        (alone,) = bootstrap.crossed_intervals(base, [transfer], name="n", draws=300)
        assert own.bounds == pytest.approx(alone.bounds, abs=1e-12)
    with pytest.raises(ValueError, match="0 draws"):
        bootstrap.crossed_intervals(base, transfers, draws=0)


def test_few_draws_are_enough_only_where_they_leave_no_doubt(monkeypatch):
    base, transfers, _ = made(1, 5)
    owns = [found.bounds for found in interval.pgr_intervals(base, transfers)]
    asked: list[tuple[int, int]] = []
    crossed = bootstrap.crossed_intervals

    def heard(base, some, *, draws, **rest):
        asked.append((len(some), draws))
        return crossed(base, some, draws=draws, **rest)

    monkeypatch.setattr(bootstrap, "crossed_intervals", heard)
    by_few = bootstrap.disagreements(base, transfers, owns)
    monkeypatch.setattr(bootstrap, "CHECK_DRAWS", (2_000, 2_000))
    assert bootstrap.disagreements(base, transfers, owns) == by_few
    assert asked[0] == (9, 500) and all(n < 9 and d == 2_000 for n, d in asked[1:-1])
    monkeypatch.setattr(bootstrap, "_CLOSE", 0.0)
    bootstrap.disagreements(base, transfers, owns)
    assert asked[-1] == (9, 2_000)
