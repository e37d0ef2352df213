"""Where a submission stands: among weak supervision, or in the elicitation list."""

from types import SimpleNamespace

import msgspec
import pytest

from w2s_harness.report.document.document import Row, Transfer
from w2s_harness.report.document.provenance import Compute, SourceRecord
from w2s_harness.report.document.records import Own
from w2s_studies.agents.host.board import as_table, listed, weak_supervision


def row(method, task="chat", verdict="weak supervision", **changes):
    fields = {
        "method": method, "parameters": {}, "task": task, "pair": "tiny", "status": "ok", "track": "w2s",
        "rank": (1, 2), "pgr": 0.7, "pgr_ci": (0.6, 0.8), "pgr_ci_pool": (0.5, 0.9), "pgr_sem": 0.01,
        "reason": None, "transfer": Transfer(mean=0.8, per_seed=[]), "access": [], "attempts": 1,
        "isolation": "L2", "verdicts": [], "compute": Compute(fits=1, tokens=1, flops=1.0), "solver": "exact",
        "exposure": "public", "by_subset": {},
        "source": SourceRecord(distribution=None, version=None, sha256=None, editable=False),
        "own": Own(echo=None, decoy=None, draws=1, verdict=verdict, reason="not shown here"),
    }  # fmt: skip
    return Row(**{**fields, **changes})


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        ({"chat", "math"}, None),
        ({"chat"}, "a held-out task"),
        ({"math", "code"}, "the final part"),
        (set(), "the final part"),
    ],
)
def test_a_submission_ranks_with_the_verdict_on_the_final_part_and_on_a_held_out_task(shown, why):
    found = listed(row("m"), shown, "chat")
    if why is None:
        assert found == row("m")
    else:
        assert (found.track, found.rank) == ("elicitation", None)
        assert found.reason == f"elicitation list: it is not shown to be weak supervision on {why}"


def test_the_verdict_counts_by_method_and_task():
    rows = [row("a"), row("a", "math"), row("b"), row("b", "math", "unclear"), row("c", own=None)]
    assert weak_supervision(SimpleNamespace(rows=rows)) == {
        "a": frozenset({"chat", "math"}), "b": frozenset({"chat"}),
    }  # fmt: skip


def test_the_table_draws_a_line_above_the_elicitation_list(board_of):
    moved = listed(row("best", final=0.9), set(), "chat")
    text = as_table(board_of([moved, row("ranked", final=0.5)]))
    _, first, line, last, *_ = text.splitlines()
    assert "ranked" in first and set(line.strip()) == {"-"} and "best" in last


def test_every_column_is_explained(board_of):
    text = as_table(board_of([row("a", final=0.5)]))
    for head in text.splitlines()[0].split():
        assert head == "method" or f"{head}: " in text, head


def test_the_table_fits_a_terminal(board_of):
    made = board_of([row("a-method-with-a-long-name", final=0.5), row("b", final=0.4)])
    assert max(map(len, as_table(made).splitlines())) > 80
    assert max(map(len, as_table(made, 80).splitlines())) <= 80


@pytest.fixture
def board_of():
    def make(rows):
        given = [msgspec.structs.replace(r, feedback=0.6, held_out={"math": 0.4}, optimism=0.0) for r in rows]
        return SimpleNamespace(rows=given)

    return make
