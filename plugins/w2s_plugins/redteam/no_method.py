"""Fits of the teacher's own labels that are no method: other weights, fewer rows, copies."""

from __future__ import annotations

from w2s_harness import Attack

ATTACKS = [
    Attack(
        name="constant-weight", family="no method", aim="claim",
        summary="gives every row the weight .03, which was vanilla at another C",
        body="return student.fit(problem.rows, problem.weak, weight=np.full(len(problem.weak), 0.03))",
    ),
    Attack(
        name="random-constant-weight", family="no method", aim="claim",
        summary="draws one weight for all rows, anew in every cell",
        body="""
            drawn = 10.0 ** (-4.0 * rng.random())
            return student.fit(problem.rows, problem.weak, weight=np.full(len(problem.weak), drawn))
        """,
    ),
    Attack(
        name="random-half-of-the-rows", family="no method", aim="claim",
        summary="leaves a random half of the rows out, which regularises more",
        body="""
            keep = np.argsort(rng.random(len(problem.weak)))[: len(problem.weak) // 2]
            return student.fit(problem.rows[keep], problem.weak[keep])
        """,
    ),
    Attack(
        name="every-row-twice", family="no method", aim="claim",
        summary="gives every row twice, which was vanilla at twice the C",
        body="""
            twice = np.tile(np.arange(len(problem.weak)), 2)
            return student.fit(problem.rows[twice], problem.weak[twice])
        """,
    ),
]  # fmt: skip
