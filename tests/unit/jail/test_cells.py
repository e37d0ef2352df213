"""Honest methods in a real worker: what they see, what they may ask, what comes back."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest
from worker_cells import method

from w2s_harness.contract.errors import WorkerError
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.run.cell.worker.conversation import Finished, Predicted

FIT = "return student.fit(problem.rows, problem.weak)"
OWN = """
class Own:
    def __init__(self, values): self.values = values
    def predict(self, rows): return self.values
"""


def test_a_strict_method_returns_a_handle_and_its_worker_ends(cell, service):
    assert cell(method(FIT)) == Finished(1)
    assert service.worker.how_it_ended() == "ended with exit status 0"
    (fit,) = service.requests
    assert wire.unpack(fit.targets).tolist() == [0.1, 0.9, 0.6]


def test_a_method_sees_the_seed_and_nothing_of_the_host(cell, service, monkeypatch):
    monkeypatch.setenv("W2S_SECRET", "gold")
    body = """
        import random
        print(sorted(os.environ), os.getcwd() == os.environ["TMPDIR"], os.listdir("."))
        def is_open(fd):
            try: return bool(os.fstat(fd))
            except OSError: return False
        print([fd for fd in range(256) if is_open(fd)], os.getsid(0) == os.getpid())
        print(rng.integers(1000), np.random.randint(1000), random.randrange(1000), problem.test)
        print([m for m in sys.modules if m.startswith("w2s_harness.") and m.split(".")[1] in
               ("scoring", "experiment", "report", "models", "data", "plan", "cli")], "torch" in sys.modules)
        return student.fit(problem.rows, problem.weak)
    """
    cell(method(body))
    first = service.printed
    cell(method(body))
    assert service.printed == first
    lines = first.splitlines()
    assert lines[0] == (
        "['HOME', 'LANG', 'MKL_NUM_THREADS', 'OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'TMPDIR'] True []"
    )
    # The standard streams and the socket.
    assert lines[1] == "[0, 1, 2, 3] True"
    assert lines[2].endswith(" None")
    assert lines[3] == "[] False"


def test_parameters_arrive_with_their_types(cell, service):
    code = method("print(repr(self.margin), repr(self.soft)); " + FIT).code.decode()
    code = code.replace('name = "m"', 'name = "m"\n    margin: float = 0.25\n    soft: bool = True')
    source = wire.Source("w2s_method_p", "p.py", code.encode())
    cell(source, parameters={"margin": 1, "soft": False})
    assert service.printed.strip() == "1.0 False"
    with pytest.raises(WorkerError, match=r"m: no parameter 'margn' \(did you mean 'margin'\?\)"):
        cell(source, parameters={"margn": 1})
    with pytest.raises(WorkerError, match="m: parameter 'soft' is 3, expected a bool"):
        cell(source, parameters={"soft": 3})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("vanilla", 1),
        ("vanilla_hard", 1),
        ("confident", 1),
        ("logconf", 1),
        ("self_training", 5),
        ("zero_shot", 2),
    ],
)
def test_shipped_methods_run_in_a_worker_as_modules(cell, service, name, expected):
    service_answer = service.__call__

    def serve(request):
        if isinstance(request, wire.ZeroShotMargins):
            service.requests.append(request)
            return wire.Values(wire.pack(np.arange(3.0)))
        return service_answer(request)

    service.__class__ = type("Answering", (service.__class__,), {"__call__": lambda self, r: serve(r)})
    source = wire.Source(f"w2s_plugins.methods.{name}")
    assert cell(source, name=name.replace("_", "-")) == Finished(expected)


def test_an_inference_method_predicts_shuffled_handles_after_fit(cell, service):
    after = """
    class Own:
        def __init__(self, handle, student): self.handle, self.student = handle, student
        def predict(self, rows):
            assert len(rows) == 4
            return self.handle.predict(rows[::-1])[::-1] + 0 * self.student.embed(rows)[:, 0]
    """
    source = method(f"return Own({FIT.removeprefix('return ')}, student)", after=after)
    outcome = cell(source, access=("inference", "embeddings"), n_test=4)
    assert isinstance(outcome, Predicted) and outcome.values.tolist() == [0.0, 0.1, 0.2, 0.3]
    assert [r.rows.phase for r in service.requests] == ["train", "test", "test"]


def test_an_inference_method_may_still_return_a_student(cell):
    assert cell(method(FIT), access=("inference",), n_test=4) == Finished(1)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        ("self.student.fit(rows, [.5] * 4)", "only embed test rows"),
        ("self.student.fit(self.train, [.5] * 3)", "only embed test rows"),
        ("self.handle.predict(self.train)", "only embed test rows"),
        ("self.student.zero_shot(rows)", "only embed test rows"),
        ("self.student.budget", "only embed test rows"),
        ("self.student.embed(rows)", "needs the access embeddings"),
    ],
)
def test_after_fit_nothing_that_could_learn_is_served(cell, service, call, what):
    after = f"""
    class Own:
        def __init__(self, *given): self.handle, self.student, self.train = given
        def predict(self, rows): return {call}
    """
    source = method("return Own(student.fit(problem.rows, problem.weak), student, problem.rows)", after=after)
    with pytest.raises(WorkerError, match=what):
        cell(source, access=("inference",), n_test=4)
    assert len(service.requests) == 1


def test_test_rows_are_there_while_fitting_with_transductive(cell, service):
    body = "print(student.fit(problem.rows, problem.weak).predict(problem.test))\n" + FIT
    assert cell(method(body), access=("transductive",), n_test=2) == Finished(3)
    assert service.printed == "[0.  0.1]\n"


def test_forged_test_rows_are_refused(cell, service):
    forged = """
        from w2s_harness import Rows
        return student.fit(Rows.first(2, "verify", "test"), [0, 1])
    """
    with pytest.raises(WorkerError, match="need the access transductive"):
        cell(method(forged))
    assert service.requests == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("[.5, .5]", r"returned shape \(2,\) for 3 rows"),
        ("[[.5], [.5], [.5]]", r"returned shape \(3, 1\) for 3 rows"),
        ("[.5, float('nan'), .5]", "1 values that are NaN or infinite"),
        ("[.5, 2, .5]", "values from 0.5 to 2"),
        ("[.5, -1e-9, .5]", "values from -1e-09 to 0.5"),
        ("None", r"m: predict\(\) returned None, expected an array"),
        ("'abc'", "m: predict.. did not return numbers"),
        ("[1, [2]]", "m: predict.. did not return numbers"),
    ],
)
def test_predictions_are_checked_by_the_host(cell, values, message):
    with pytest.raises(WorkerError, match=message):
        cell(method(f"return Own({values})", after=OWN), access=("inference",), n_test=3)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("pass", r"^m: fit\(\) returned None, expected a student. Return the result of student.fit\(...\).$"),
        ("return 3", r"m: fit\(\) returned an object of type int, expected a student"),
        ("return Own([.5])", 'put access = \\("inference",\\) into the class'),
    ],
)
def test_what_fit_may_not_return(cell, body, message):
    with pytest.raises(WorkerError, match=message):
        cell(method(body, after=OWN))


def test_an_exception_shows_type_message_and_own_frames_only(cell):
    after = """
    def inner(x):
        return np.linalg.inv(x)
    """
    with pytest.raises(WorkerError) as caught:
        cell(method("return inner(np.zeros((2, 2)))", after=after))
    text = str(caught.value)
    assert text.startswith("LinAlgError: Singular matrix (mine.py:")
    assert "in fit: return inner(np.zeros((2, 2)))" in text and "in inner: return np.linalg.inv(x)" in text
    assert "worker.py" not in text and "_linalg.py" not in text and "/home/me" not in text


def test_an_exceptions_text_is_capped_and_printable(cell):
    with pytest.raises(WorkerError) as caught:
        cell(method(r"raise ValueError('\x1b[31mred\x00\u202e\n' + 'x' * 100_000)"))
    text = str(caught.value)
    assert text.startswith(r"ValueError: \x1b[31mred\x00\u202e\x0axxx")
    assert len(text) <= 2000 and text.isprintable()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def f(:\n", r"SyntaxError: .*mine.py:1: def f\(:"),
        ("import nosuchmodule\n", "ModuleNotFoundError: No module named 'nosuchmodule'.*mine.py:1"),
        ("x = 1\n", "has no w2s_methods"),
        ("def w2s_methods(): return []\n", "lacks its decorator"),
        (
            "from w2s_harness import hookimpl\n@hookimpl\ndef w2s_method(): return []\n",
            "did you mean 'w2s_methods'",
        ),
        (
            "from w2s_harness import hookimpl\n@hookimpl\ndef w2s_tasks(): return []\n",
            "no other hook, not 'w2s_tasks'",
        ),
        ("from w2s_harness import hookimpl\n@hookimpl\ndef w2s_methods(): return []\n", "returned no method"),
        (
            "from w2s_harness import hookimpl\n@hookimpl\ndef w2s_methods(): return [3]\n",
            "returned 3, expected classes",
        ),
        ("from w2s_harness import hookimpl\n@hookimpl\ndef w2s_methods(a): return []\n", "w2s_methods"),
    ],
)
def test_a_module_that_offers_no_method_says_why(cell, code, message):
    with pytest.raises(WorkerError, match=message):
        cell(wire.Source("w2s_method_mine", "mine.py", textwrap.dedent(code).encode()))


def test_an_unknown_method_name_names_those_there_are(cell):
    with pytest.raises(WorkerError, match="offers no method 'n', only m"):
        cell(method(FIT), name="n")


def test_a_refusal_is_the_methods_to_handle_and_a_fatal_one_ends_the_cell(cell, service):
    class Refusing(type(service)):
        fatal = False

        def __call__(self, request):
            super().__call__(request)
            return (
                wire.Refused("no more fits", fatal=self.fatal) if len(self.requests) == 1 else wire.Handled(9)
            )

    service.__class__ = Refusing
    body = f"""
        from w2s_harness import StudentError
        try:
            {FIT}
        except StudentError as no:
            print("told:", no)
        {FIT}
    """
    assert cell(method(body)) == Finished(9)
    assert service.printed == "told: no more fits\n"
    service.requests.clear()
    Refusing.fatal = True
    with pytest.raises(WorkerError, match=r"^no more fits$"):
        cell(method(body))
    assert len(service.requests) == 1
