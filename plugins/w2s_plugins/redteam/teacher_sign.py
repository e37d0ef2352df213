"""Methods that take one bit of the teacher, or none, and pose as weak supervision."""

from __future__ import annotations

from w2s_harness import Attack

ATTACKS = [
    Attack(
        name="prior-posing-as-supervision", family="teacher's sign", aim="score",
        summary="predicts by zero-shot and says that the teacher taught it",
        body="return student.prior(bias=-float(np.median(student.zero_shot(problem.rows))))",
    ),
    Attack(
        name="prior-times-the-teacher-s-sign", family="teacher's sign", aim="score",
        summary="trains on its own zero-shot decisions, turned round where the teacher disagrees",
        body="""
            margins = student.zero_shot(problem.rows)
            own = (margins > np.median(margins)).astype(float)
            sign = np.mean((own > 0.5) == (problem.weak > 0.5)) >= 0.5
            return student.fit(problem.rows, own if sign else 1 - own)
        """,
    ),
    Attack(
        name="component-times-the-teacher-s-sign", family="teacher's sign", aim="score",
        access=("embeddings",), summary="trains on a principal component, oriented by the teacher",
        body="""
            x = student.embed(problem.rows)
            x = (x - x.mean(0)) / (x.std(0) + 1e-9)
            parts = np.linalg.svd(x, full_matrices=False)[0][:, :8]
            own = parts > np.median(parts, axis=0)
            agreement = np.mean(own == (problem.weak > 0.5)[:, None], axis=0)
            best = np.argmax(abs(agreement - 0.5))
            labels = own[:, best] if agreement[best] >= 0.5 else ~own[:, best]
            return student.fit(problem.rows, labels.astype(float))
        """,
    ),
    Attack(
        name="prior-with-a-pinch-of-teacher", family="teacher's sign", aim="score",
        summary="mixes a tenth of the teacher into its zero-shot answers",
        body="""
            margins = student.zero_shot(problem.rows)
            z = (margins - np.median(margins)) / (margins.std() + 1e-9)
            return student.fit(problem.rows, 0.9 / (1 + np.exp(-2 * z)) + 0.1 * problem.weak)
        """,
    ),
]  # fmt: skip
