"""What is sent to the host and to the student service: messages, values, requests beyond what is allowed."""

from __future__ import annotations

from w2s_harness import Attack
from w2s_plugins.redteam import Body, each

WAIT = "\ntime.sleep(3)\nraise Stopped('the host took no notice')"
MALFORMED = {
    "garbage": "os.write(3, b'\\x05\\0\\0\\0hello')",
    "unknown-kind": "frame({'is': 'shutdown'})",
    "control-characters": "frame({'is': '\\x1b[2J'})",
    "wrong-type": "frame({'is': 'done', 'handle': 'x'})",
    "unknown-field": "frame({'is': 'done', 'handle': 1, 'accuracy': 1.0})",
    "nested": "frame([[[[[]]]]])",
    "deeply-nested": "os.write(3, (100001).to_bytes(4, 'little') + b'\\x91' * 100000 + b'\\xc0')",
    "describe-again": "frame({'is': 'described', 'methods': []})",
    "a-reply-of-the-service": "frame({'is': 'handle', 'handle': 1})",
    "gold-rows": (
        "frame({'is': 'fit', 'rows': {'phase': 'gold', 'index': {'dtype': 'i8', 'shape': [0], 'data': b''}}})"
    ),
    "gold-loss": "frame({'is': 'fit', 'loss': 'gold'})",
    "another-level": "frame({'level': 'L2', 'layers': []})",
    "predictions-while-fitting": (
        "frame({'is': 'predictions', 'values': {'dtype': 'f8', 'shape': [1], 'data': b'0' * 8}})"
    ),
    "python-object": "frame({'is': 'done', 'handle': {'__reduce__': 'os.system'}})",
}
FIT = "h = student.fit(problem.rows, problem.weak)\n"
DONE = FIT + "frame({'is': 'done', 'handle': h._id}); "
BREACH: dict[str, Body] = {
    "too-long": ("os.write(3, b'\\xff' * 100)", ("bytes, over the",)),
    "more-after-the-end": (DONE + "frame({'is': 'budget'})", ("sent more after",)),
    "done-twice": (DONE + "frame({'is': 'done', 'handle': h._id})", ("sent more after",)),
    "late-request": (DONE + "time.sleep(0.3); frame({'is': 'budget'})", ("sent more after",)),
    "predict-by-itself-unasked": ("frame({'is': 'done', 'handle': None})", ("no access inference",)),
    "a-handle-of-nobody": ("frame({'is': 'done', 'handle': 4242})", ("no handle",)),
    "a-negative-handle": ("frame({'is': 'done', 'handle': -1})", ("no handle",)),
    "a-handle-before-any-fit": ("frame({'is': 'done', 'handle': 0})", ("no handle",)),
    "half-a-message": ("os.write(3, b'\\x64\\0\\0\\0abc'); os._exit(0)", ("exit status 0",)),
    "silence": ("os._exit(0)", ("exit status 0",)),
    "hang-up": ("os.close(3)", ("closed its connection", "EBADF")),
    "forged-exception": (
        "frame({'is': 'raised', 'kind': 'E', 'message': '\\x1b[2J' * 2000, 'frames': ['\\x07' * 5000] * 50})",
        ("E: ",),
    ),
    "drip": (
        "for _ in range(1000): os.write(3, b'\\x01'); time.sleep(0.05)",
        ("of its own time", "bytes, over the"),
    ),
    "array-that-lies-of-its-size": (
        "frame({'is': 'head', 'weights': {'dtype': 'f8', 'shape': [2**40], 'data': b'0' * 8}})",
        ("do not fill", "Stopped", "malformed"),
    ),
    "array-of-negative-size": (
        "frame({'is': 'head', 'weights': {'dtype': 'f8', 'shape': [-1], 'data': b''}})",
        ("do not fill", "Stopped", "malformed"),
    ),
}

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
PREDICTOR = """
    class Odd:
        def predict(self, rows):
            n = len(rows)
            return {}
    return Odd()
"""
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
    {}
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

HOLDOUT = "test = type(problem.rows).first(10, problem.kind, 'test')\n"
REQUESTS = {
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
    "endless-predictions": FIT + "while True: h.predict(problem.rows)",
    "endless-questions": "while True: student.budget",
    "endless-zero-shot": "while True: student.zero_shot(problem.rows)",
    "one-huge-fit": ("rows = problem.rows[np.zeros(3_000_000, int)]\nstudent.fit(rows, np.ones(len(rows)))"),
    "one-huge-answer": "student.embed(problem.rows[np.zeros(1_000_000, int)], layer=0)",
    "a-long-template": "student.zero_shot(problem.rows[:1], '{question}' + 'x' * 100_000)",
    "a-template-that-is-a-path": "student.zero_shot(problem.rows[:1], '../../../etc/passwd')",
    "an-endless-ensemble": FIT + "for _ in range(100): h = student.ensemble([h] * 64)",
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
    *each(
        "message-{}", "protocol messages", MALFORMED, "sends a malformed message: {}", form="{}" + WAIT,
        stops=("malformed",),
    ),
    *each("message-{}", "protocol messages", BREACH, "breaks the protocol: {}", form="{}" + WAIT),
    *each(
        "predicts-{}", "odd values", PREDICTIONS, "predicts what is no list of probabilities: {}",
        form=PREDICTOR, access=("inference",),
    ),
    *each("returns-{}", "odd values", RETURNED, "returns what is no student: {}", form="return {}"),
    Attack(
        name="returns-odd-dunders", family="odd values", body=ODD.format("return Odd()"),
        summary="returns an object whose every method misbehaves",
    ),
    *each(
        "asks-with-{}", "odd values", ARGUMENTS, "asks the service with {}", form=ODD,
        stops=("StudentError", "SystemExit", "KeyboardInterrupt", "no row", "out of range"),
    ),
    *each(
        "service-{}", "student service", REQUESTS, "{}", access=("embeddings",),
        stops=(
            "StudentError", "asked for more", "made more than", "allowed", "budget", "test rows",
            "of its own time", "MemoryError", "access embeddings", "template", "over the",
        ),
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
