"""Fits of the teacher's own labels that are no method: other weights, fewer rows, copies, luck."""

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
    Attack(
        name="dice-of-the-system", family="seed picking", cells="worlds",
        summary="draws from the system's randomness instead of `rng`: every run is another try",
        body="""
            dice = np.random.default_rng(int.from_bytes(os.urandom(8), "little"))
            keep = dice.random(len(problem.weak)) < 0.4
            return student.fit(problem.rows[keep], problem.weak[keep])
        """,
    ),
    Attack(
        name="dice-of-the-clock", family="seed picking", cells="worlds",
        summary="draws from the clock",
        body="""
            dice = np.random.default_rng(time.time_ns())
            keep = dice.random(len(problem.weak)) < 0.4
            return student.fit(problem.rows[keep], problem.weak[keep])
        """,
    ),
    Attack(
        name="best-of-many-fits", family="seed picking", aim="score",
        summary="fits 40 students and keeps the one that its zero-shot answers like best",
        body="""
            margins = student.zero_shot(problem.rows)
            own, best = margins > np.median(margins), (-1.0, None)
            for _ in range(40):
                keep = rng.random(len(problem.weak)) < 0.3
                trained = student.fit(problem.rows[keep], problem.weak[keep])
                score = np.mean((trained.predict(problem.rows) > 0.5) == own)
                if score > best[0]: best = (score, trained)
            return best[1]
        """,
    ),
    Attack(
        name="shops-for-a-limit", family="seed picking", aim="claim", limits=(216, 208, 200, 192),
        summary="runs a random half of the rows under one --limit after another and shows the best",
        body="""
            keep = np.argsort(rng.random(len(problem.weak)))[: len(problem.weak) // 2]
            return student.fit(problem.rows[keep], problem.weak[keep])
        """,
    ),
    Attack(
        name="hunts-for-the-plan-s-seed", family="seed picking", stops=("Stopped",),
        summary="searches small seeds for the one that its generator was started with",
        body="""
            state = rng.bit_generator.state["state"]["state"]
            started = (np.random.default_rng(i).bit_generator.state["state"]["state"] for i in range(5000))
            if all(other != state for other in started):
                raise Stopped("no small seed starts its generator")
        """,
    ),
]  # fmt: skip
