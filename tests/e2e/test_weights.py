"""A method cannot change how much the student is regularised under another name."""

from __future__ import annotations

from commands import Place

WEIGHTS = '''"""Vanilla under other names: constant weights, copies, rows of weight 0."""

import numpy as np

from w2s_harness import Method, hookimpl


def surer(weak):
    sure = np.abs(weak - 0.5)
    return sure > np.median(sure)


class Constant(Method):
    """A constant weight."""

    name = "constant"

    def fit(self, problem, student, rng):
        return student.fit(problem.rows, problem.weak, weight=np.full(len(problem.weak), 0.03))


class Drawn(Method):
    """A constant weight, drawn anew for each cell."""

    name = "drawn"

    def fit(self, problem, student, rng):
        k = 10 ** rng.uniform(-6, 6)
        return student.fit(problem.rows, problem.weak, weight=np.full(len(problem.weak), k))


class Copies(Method):
    """Every row three times, in another order."""

    name = "copies"

    def fit(self, problem, student, rng):
        at = np.tile(np.arange(len(problem.weak)), 3)[::-1]
        return student.fit(problem.rows[at], problem.weak[at])


class Masked(Method):
    """The surer half by weights of 0."""

    name = "masked"

    def fit(self, problem, student, rng):
        return student.fit(problem.rows, problem.weak, weight=5.0 * surer(problem.weak))


class Half(Method):
    """The surer half alone."""

    name = "half"

    def fit(self, problem, student, rng):
        at = np.flatnonzero(surer(problem.weak))
        return student.fit(problem.rows[at], problem.weak[at])


class Steps(Method):
    """Vanilla by steps."""

    name = "steps"

    def fit(self, problem, student, rng):
        return student.fit(problem.rows, problem.weak, epochs=2, loss="logconf")


class StepsCopied(Method):
    """The same with copies and a constant weight."""

    name = "steps-copied"

    def fit(self, problem, student, rng):
        rows, weak = problem.rows + problem.rows, np.tile(problem.weak, 2)
        return student.fit(rows, weak, weight=np.full(len(weak), 300.0), epochs=2, loss="logconf")


class Nothing(Method):
    """No row counts."""

    name = "nothing"

    def fit(self, problem, student, rng):
        return student.fit(problem.rows, problem.weak, weight=np.zeros(len(problem.weak)))


@hookimpl
def w2s_methods():
    return [Constant, Drawn, Copies, Masked, Half, Steps, StepsCopied, Nothing]
'''


def test_a_constant_weight_and_copies_are_vanilla_to_the_bit(place: Place):
    (place.folder / "weights.py").write_text(WEIGHTS)
    done = place("run", "--methods", "vanilla,./weights.py", "--seeds", "2")
    assert done.code == 1, done.err
    board = place.board()
    rows = {row["method"]: row for row in board["rows"]}
    (vanilla,) = rows["vanilla"]["fits"]
    assert vanilla["c_effective"] == [board["settings"][0]["hyper"]["C"]] * 2 and vanilla["count"] == 2
    assert rows["vanilla"]["compute"]["solves"] == 2 and rows["vanilla"]["compute"]["steps"] > 4
    for name in ("constant", "drawn", "copies"):
        # the cells of each have an order of rows of their own
        assert rows[name]["transfer"] == rows["vanilla"]["transfer"], name
        assert rows[name]["compute"] == rows["vanilla"]["compute"], name
        assert [{**fit, "weight": vanilla["weight"]} for fit in rows[name]["fits"]] == [vanilla]
    n = vanilla["rows"][0]
    assert rows["copies"]["fits"][0]["weight"] == [3 * n, 3 * n]
    assert rows["masked"]["transfer"] == rows["half"]["transfer"]
    (half,) = rows["half"]["fits"]
    assert half["rows"][1] <= n // 2 and half["c_effective"][1] <= 0.5 * vanilla["c_effective"][1]
    assert rows["masked"]["fits"][0]["c_effective"] == half["c_effective"]
    assert (
        rows["nothing"]["status"] == "failed" and "weight is zero for every row" in rows["nothing"]["reason"]
    )
