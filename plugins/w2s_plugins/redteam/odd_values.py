"""NaN, wrong shapes and objects with odd dunders, where predictions or a student are expected."""

from __future__ import annotations

from w2s_harness import Attack

PREDICTIONS = {
    "nan": "np.full(n, np.nan)",
    "infinite": "np.full(n, np.inf)",
    "above-one": "np.full(n, 1.5)",
    "below-zero": "np.full(n, -0.5)",
    "too-few": "np.full(n - 1, 0.5)",
    "too-many": "np.full(n + 1, 0.5)",
    "none-at-all": "np.zeros(0)",
    "a-column": "np.full((n, 1), 0.5)",
    "a-number": "0.5",
    "none": "None",
    "text": "['1'] * n + ['x']",
    "objects": "np.array([object()] * n)",
    "masked": "np.ma.masked_all(n)",
}
RETURNED = {
    "a-number": "7",
    "a-student-of-its-own": (
        "type('Handle', (), {'_id': 0, 'predict': lambda self, rows: np.ones(len(rows))})()"
    ),
    "a-student-that-is-text": "type(student.fit(problem.rows, problem.weak))(student._connection, 'x')",
    "a-student-that-is-nan": (
        "type(student.fit(problem.rows, problem.weak))(student._connection, float('nan'))"
    ),
    "a-huge-number": "type(student.fit(problem.rows, problem.weak))(student._connection, 10**30)",
    "the-class-itself": "type(student.fit(problem.rows, problem.weak))",
}
ODD = """
    class Odd:
        def __array__(self, *a, **k): raise SystemExit(0)
        def __len__(self): return 2**40
        def __iter__(self): return iter([0.5] * 10)
        def __getattr__(self, name): raise KeyboardInterrupt
        def __eq__(self, other): return True
        def __hash__(self): return 0
        def __class_getitem__(cls, x): return cls
    {use}
"""
ARGUMENTS = {
    "targets": "student.fit(problem.rows, Odd())",
    "nan-targets": "student.fit(problem.rows, np.full(len(problem.rows), np.nan))",
    "targets-out-of-range": "student.fit(problem.rows, np.full(len(problem.rows), 2.0))",
    "negative-weight": "student.fit(problem.rows, problem.weak, weight=-np.ones(len(problem.rows)))",
    "endless-epochs": "student.fit(problem.rows, problem.weak, epochs=1e12)",
    "nan-learning-rate": "student.fit(problem.rows, problem.weak, lr=float('nan'))",
    "short-head": "student.head(np.ones(3))",
    "nan-head": "student.head(np.full(student.features, np.nan))",
    "rows-out-of-range": ("rows = problem.rows[:1]; rows._index[:] = 10**9; student.fit(rows, np.ones(1))"),
    "negative-rows": "rows = problem.rows[:1]; rows._index[:] = -5; student.fit(rows, np.ones(1))",
}

ATTACKS = [
    *(
        Attack(
            name=f"predicts-{what}", family="odd values", access=("inference",),
            summary=f"predicts what is no list of probabilities: {what.replace('-', ' ')}",
            body=f"""
                class Odd:
                    def predict(self, rows):
                        n = len(rows)
                        return {value}
                return Odd()
            """,
        )
        for what, value in PREDICTIONS.items()
    ),
    *(
        Attack(
            name=f"returns-{what}", family="odd values", body=f"return {value}",
            summary=f"returns what is no student: {what.replace('-', ' ')}",
        )
        for what, value in RETURNED.items()
    ),
    Attack(
        name="returns-odd-dunders", family="odd values", body=ODD.format(use="return Odd()"),
        summary="returns an object whose every method misbehaves",
    ),
    *(
        Attack(
            name=f"asks-with-{what}", family="odd values", body=ODD.format(use=use),
            stops=("StudentError", "SystemExit", "KeyboardInterrupt", "no row", "out of range"),
            summary=f"asks the service with {what.replace('-', ' ')}",
        )
        for what, use in ARGUMENTS.items()
    ),
]  # fmt: skip
