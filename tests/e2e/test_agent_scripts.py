"""Scripts of agents, and hostile parameters, through the host's own referee and jail."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from warm import forked_services

from w2s_harness.installed.trusted.plugins import Plugins
from w2s_harness.run.plan.selection import Selection
from w2s_harness.run.session.session import Options
from w2s_studies.agents.host.referee import HostReferee, InterruptedRunError
from w2s_studies.agents.tools.workspace import Workspace

CANCEL = threading.Event()
"""Ends what the referee works on."""


@pytest.fixture(scope="module", autouse=True)
def _forked() -> Iterator[None]:
    with forked_services():
        yield


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> tuple[HostReferee, Workspace]:
    """A referee whose references are measured, and a workspace with a file of its own and a shared one."""
    folder = tmp_path_factory.mktemp("scripts")
    selection = Selection(
        tasks="chat", pairs="tiny", seeds="1", limit=120, holdout="feedback", cell_timeout_s=10.0,
        guards="provenance", controls=False,
    )  # fmt: skip
    options = Options(store=folder / "store", slots="1", isolation="auto", cancel=CANCEL)
    referee = HostReferee(selection, options, Plugins)
    referee.references()
    workspace = Workspace(folder / "workspace")
    workspace.write("notes.md", "my notes")
    (workspace.root / "shared" / "told.md").write_text("what others told")
    return referee, workspace


def run(place: tuple[HostReferee, Workspace], text: str) -> tuple[str, str]:
    referee, workspace = place
    found = referee.script(text, workspace.root)
    assert found.seconds > 0
    return found.output, found.error


def test_a_script_works_with_the_training_phase(place):
    output, error = run(
        place,
        "fitted = student.fit(problem.rows, problem.weak)\n"
        "print(problem.kind, len(problem.weak), fitted.predict(problem.rows).shape, problem.test)\n"
        "print((workspace / 'notes.md').read_text())\n",
    )
    assert error == ""
    first, second = output.splitlines()
    kind, n, rest = first.split(" ", 2)
    assert (kind, rest, second) == ("preference", f"({n},) None", "my notes")


def test_its_traceback_shows_its_own_lines(place):
    output, error = run(place, "def f(x):\n    return 1 / x\n\nprint('before')\nf(0)\n")
    assert error == "the script failed"
    assert output.startswith('before\n  File "<script>", line 5, in <module>\n    f(0)\n')
    assert output.count("File ") == 2 and output.rstrip().endswith("ZeroDivisionError: division by zero")


def test_a_script_that_is_stopped_keeps_what_it_printed(place):
    output, error = run(place, "print('before')\nwhile True: pass")
    assert output == "before\n" and "took more than" in error


def test_more_than_a_cells_few_lines_come_back(place):
    output, _ = run(place, "for n in range(500): print(n)")
    assert output.split() == [str(n) for n in range(500)]


@pytest.mark.parametrize(
    "text",
    [
        "print((workspace / 'shared' / 'told.md').read_text())",
        "print(open('/etc/passwd').read())",
        "(workspace / 'new').write_text('x')",
        "(workspace / 'notes.md').write_text('x')",
        "import os; os.symlink('/etc/passwd', workspace / 'link')",
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import subprocess; subprocess.run(['ls'])",
        "print(problem.test.index)",
    ],
)
def test_what_a_script_may_not_do_fails(place, text):
    output, error = run(place, text)
    assert error == "the script failed" and "Error" in output
    assert "what others told" not in output and "root:" not in output
    _, workspace = place
    assert list(workspace.files()) == ["notes.md", "shared/told.md"]
    assert workspace.read("notes.md") == "my notes" and not Path(workspace.root / "link").is_symlink()


BAD = """
from dataclasses import dataclass
from w2s_harness import Method, hookimpl

@dataclass(frozen=True)
class Own(Method):
    \"\"\"No limit.\"\"\"
    name = "own"
    most: float = {default}

    def fit(self, problem, student, rng):
        {body}

@hookimpl
def w2s_methods():
    return [Own]
"""
FAULTS = {
    "a default of the wrong type": ("[]", "return student.fit(problem.rows, problem.weak)"),
    "a syntax error": ("1.0", "return ("),
    "a module that ends the process": ("__import__('os')._exit(3)", "return None"),
    "a student of gigabytes": (
        "1.0", "return student.prior('{{first}}{{second}}' * 110, shots=[(problem.rows[0], 1.0)] * 4000)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", FAULTS)
def test_what_is_wrong_with_a_method_is_the_evaluations_error(place, tmp_path, what):
    """An agent whose evaluation raised would be broken off."""
    referee, _ = place
    default, body = FAULTS[what]
    (tmp_path / "own.py").write_text(
        BAD.format(default=default, body=body).replace("{{", "{").replace("}}", "}")
    )
    found = referee.evaluate(tmp_path / "own.py", {})
    assert found.error and found.pgr is None and "\n" not in found.error, found
    assert str(tmp_path) not in found.error


@pytest.mark.parametrize("default", ["float('inf')", "float('nan')"])
def test_a_default_that_means_no_limit_is_evaluated(place, tmp_path, default):
    referee, _ = place
    body = "return student.fit(problem.rows, problem.weak)"
    (tmp_path / "own.py").write_text(BAD.format(default=default, body=body))
    found = referee.evaluate(tmp_path / "own.py", {})
    assert found.error == "" and found.outcomes is not None and found.label == "own"
    assert referee.label(tmp_path / "own.py", {}) == "own"


def test_a_script_is_ended_when_the_run_is(place):
    """As when the hours are over: its own clock is longer."""
    referee, workspace = place
    timer = threading.Timer(3.0, CANCEL.set)
    timer.start()
    began = time.monotonic()
    try:
        with pytest.raises(InterruptedRunError):
            referee.script("while True: pass", workspace.root)
        assert time.monotonic() - began < 8
        with pytest.raises(InterruptedRunError):
            referee.evaluate(Path(__file__), {})
    finally:
        timer.cancel()
        CANCEL.clear()
    output, error = run(place, "print('the next one works')")
    assert (output.strip(), error) == ("the next one works", "")
