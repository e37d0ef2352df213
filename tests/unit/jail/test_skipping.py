"""A method that skips: how its worker says so, and what the cell is told."""

from __future__ import annotations

import pytest
from worker_cells import method

from w2s_harness.contract.errors import Skip, WorkerError


def test_a_skip_reaches_the_host_with_its_reason(cell, service):
    body = """
        from w2s_harness import Skip
        student.fit(problem.rows, problem.weak)
        raise Skip("no ladder here")
    """
    with pytest.raises(Skip, match=r"^no ladder here$"):
        cell(method(body))
    assert service.worker.how_it_ended() == "ended with exit status 0"


@pytest.mark.parametrize(
    ("reason", "shown"),
    [("'a\\x1b[31m' * 2", r"a\\x1b\[31ma\\x1b\[31m"), ("''", "the method gave no reason")],
)
def test_a_reason_is_shown_as_it_prints(cell, reason, shown):
    with pytest.raises(Skip, match=f"^{shown}$"):
        cell(method(f"from w2s_harness import Skip; raise Skip({reason})"))


def test_a_long_reason_is_cut(cell):
    with pytest.raises(Skip) as caught:
        cell(method("from w2s_harness import Skip; raise Skip('x' * 10_000)"))
    assert len(str(caught.value)) == 300


def test_skipping_is_for_fit_alone(cell):
    after = """
    class Own:
        def predict(self, rows):
            from w2s_harness import Skip
            raise Skip("too late")
    """
    with pytest.raises(WorkerError, match="Skip: too late"):
        cell(method("return Own()", after=after), access=("inference",), n_test=2)
    with pytest.raises(WorkerError, match="Skip: at once"):
        cell(method("pass", after="from w2s_harness import Skip\nraise Skip('at once')"))


def test_the_weak_reader_and_notes_need_the_access(cell, service):
    for call in (
        "student.generate(problem.rows, '{choice}')",
        "student.zero_shot(problem.rows, reader='weak')",
    ):
        with pytest.raises(WorkerError, match="needs the access generate: put access"):
            cell(method(f"return {call}"))
    assert not service.requests
