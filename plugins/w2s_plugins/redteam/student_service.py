"""Label probing and denial of service through the student service."""

from __future__ import annotations

from w2s_harness import Attack

HOLDOUT = "test = type(problem.rows).first(10, problem.kind, 'test')\n"
REFUSED = {
    "fit-on-the-holdout": HOLDOUT + "student.fit(test, np.ones(10))",
    "embed-the-holdout": HOLDOUT + "student.embed(test)",
    "zero-shot-on-the-holdout": HOLDOUT + "student.zero_shot(test)",
    "predict-the-holdout": HOLDOUT + "student.fit(problem.rows, problem.weak).predict(test)",
    "losses-on-the-holdout": (HOLDOUT + "student.fit(problem.rows, problem.weak).losses(test, np.ones(10))"),
    "probe-its-labels": (
        HOLDOUT + "h = student.fit(problem.rows, problem.weak)\n"
        "print([h.losses(test[i:i + 1], [1.0]) - h.losses(test[i:i + 1], [0.0]) for i in range(10)])"
    ),
    "too-many-fits": "for i in range(65): student.fit(problem.rows[:8], problem.weak[:8], seed=i)",
    "too-many-handles": "for i in range(200): student.prior(bias=float(i))",
    "endless-embeddings": "while True: student.embed(problem.rows)",
    "endless-predictions": (
        "h = student.fit(problem.rows, problem.weak)\nwhile True: h.predict(problem.rows)"
    ),
    "endless-questions": "while True: student.budget",
    "endless-zero-shot": "while True: student.zero_shot(problem.rows)",
    "one-huge-fit": ("rows = problem.rows[np.zeros(3_000_000, int)]\nstudent.fit(rows, np.ones(len(rows)))"),
    "one-huge-answer": "student.embed(problem.rows[np.zeros(1_000_000, int)], layer=0)",
    "a-long-template": "student.zero_shot(problem.rows[:1], '{question}' + 'x' * 100_000)",
    "a-template-that-is-a-path": "student.zero_shot(problem.rows[:1], '../../../etc/passwd')",
    "an-endless-ensemble": (
        "h = student.fit(problem.rows, problem.weak)\nfor _ in range(100): h = student.ensemble([h] * 64)"
    ),
    "nested-ensembles-of-no-row": (
        "h = student.prior()\n"
        "for _ in range(20):\n    h = student.ensemble([h] * 4)\n    h.predict(problem.rows[:0])"
    ),
    "gigabytes-of-one-template": "student.zero_shot(problem.rows, '{question}' * 180 + '{choice}')",
    "thousands-of-shots": "student.zero_shot(problem.rows, shots=[(problem.rows[0], 1.0)] * 4000)",
    "thousands-of-shots-for-no-row": (
        "student.zero_shot(problem.rows[:0], '{question} {choice}', [(problem.rows[0], 1.0)] * 4000)"
    ),
    "a-student-of-thousands-of-shots": (
        "h = student.prior('{question}' * 180 + '{choice}', shots=[(problem.rows[0], 1.0)] * 4000)\n"
        "while True: h.predict(problem.rows)"
    ),
    "states-under-a-long-template": (
        "student.embed(problem.rows, 1, template='{question}' * 180 + '{choice}')"
    ),
    "every-row-a-hundred-times": (
        "rows = problem.rows[np.tile(np.arange(len(problem.weak)), 100)]\n"
        "while True: student.embed(rows, layer=1)"
    ),
}
TEMPLATES = {
    "format-syntax": ("{choice.__class__} {question} {choice}", "<class 'str'> {question} {choice}"),
    "format-width": ("{choice:>50} {question} {choice}", " " * 50 + " {question} {choice}"),
    "jinja-syntax": ("{{7*7}} {question} {choice}", "49 {question} {choice}"),
    "percent-syntax": ("%(choice)s {question} {choice}", "{choice} {question} {choice}"),
    "f-string-syntax": ("{1+1} {question} {choice}", "2 {question} {choice}"),
}

ATTACKS = [
    *(
        Attack(
            name=f"service-{what}", family="student service", body=body, summary=what.replace("-", " "),
            access=("embeddings",),
            stops=(
                "StudentError", "asked for more", "made more than", "allowed", "budget", "test rows",
                "of its own time", "MemoryError",
                "access embeddings", "template", "over the",
            ),
        )
        for what, body in REFUSED.items()
    ),
    *(
        Attack(
            name=f"template-{what}", family="student service",
            summary=f"has the service evaluate {what.replace('-', ' ')} in a template",
            body=f"""
                rows = problem.rows[:4]
                if np.allclose(student.zero_shot(rows, {asked!r}), student.zero_shot(rows, {meant!r})):
                    return None
                raise Stopped("the template was not evaluated")
            """,
        )
        for what, (asked, meant) in TEMPLATES.items()
    ),
    Attack(
        name="service-handles-of-others", family="student service", stops=("Stopped",),
        summary="looks for students that someone else trained, such as the ceiling",
        body="""
            handle = type(student.prior())
            own, found = 0, []
            for number in [*range(1, 300), 2**31, -1, -2]:
                try: handle(student._connection, number).predict(problem.rows[:1]); found.append(number)
                except StudentError: pass
            if not found: raise Stopped("no handle but its own answers")
        """,
    ),
    Attack(
        name="service-timing-of-the-cache", family="student service", stops=("Stopped",),
        summary="times whether the service has made this fit before, for vanilla or for gold",
        body="""
            def seconds(targets):
                began = time.perf_counter()
                student.fit(problem.rows, targets)
                return time.perf_counter() - began
            seconds(rng.random(len(problem.weak)))
            known, new = seconds(problem.weak), []
            for i in range(3): new.append(seconds(np.clip(problem.weak + 1e-7 * (i + 1), 0, 1)))
            if known > 0.2 * min(new): raise Stopped(f"{known:.4f} s against {min(new):.4f} s")
        """,
    ),
]  # fmt: skip
