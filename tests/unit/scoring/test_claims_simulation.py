"""The simulation of `benchmarks/simulations/claims.py` at small size, on made-up features."""

from __future__ import annotations

import numpy as np
import pytest
import simulations

SEEDS, ROWS, QUESTIONS, WIDTH = 5, 160, 240, 8


@pytest.fixture(scope="module")
def claims():
    return simulations.loaded("claims")


def ground(claims, rng, *, known: float):
    """A share of what is true is a direction that three readouts see, the rest one that they do not.

    The teacher takes a third direction for a part of that rest, so students copy its errors.
    """
    n = 2 * ROWS + QUESTIONS
    x = rng.standard_normal((n, WIDTH))
    thought = np.sqrt(known) * x[:, 0] + np.sqrt(1 - known) * x[:, 1]
    z = np.stack([x[:, 0] + 0.3 * rng.standard_normal(n) for _ in range(3)])
    gold, codes = thought > 0, np.arange(n)
    told, ours, test = slice(0, ROWS), slice(ROWS, 2 * ROWS), slice(2 * ROWS, None)
    sees = np.column_stack([x[:, 0], x[:, 1] + 1.5 * x[:, 2]])
    return claims.Ground(
        x=x[ours],
        z=z[:, ours],
        groups=codes[ours],
        x_test=x[test],
        z_test=z[:, test],
        groups_test=codes[test],
        gold=gold[ours].astype(float),
        gold_test=gold[test],
        teacher_x=sees[told],
        teacher_gold=gold[told].astype(float),
        teacher_groups=codes[told],
        teacher_sees=sees[ours],
    )


def test_rows_that_are_no_method_carry_no_claim_and_students_of_gold_do(claims):
    boards, oracles = [], []
    for draw in range(2):
        rng = np.random.default_rng([5, draw])
        rows, oracle = claims.board(ground(claims, rng, known=0.5), SEEDS, rng)
        boards.append(rows)
        oracles.append(oracle)
    found = claims.counted(boards)
    assert found.verdicts.total() == 2 * 20
    assert found.any_claim == 0 and found.alone.total() <= 1
    assert claims.counted(oracles).any_claim == 2


def test_a_student_of_what_it_knew_anyway_has_nothing_of_the_teacher_s_own(claims):
    rng = np.random.default_rng(6)
    rows, _ = claims.board(ground(claims, rng, known=1.0), SEEDS, rng)
    by_name = {row.method: row.own for row in rows}
    for name in ("smoothed", "head of margins", "self-distilled"):
        assert by_name[name].verdict == "elicitation" and by_name[name].echo.accuracy == 0.0
