"""People and agents in one table."""

import msgspec
import pytest

from w2s_harness.contract.errors import UsageError
from w2s_harness.report.document.provenance import Author, Cost
from w2s_harness.report.views.authors import by_author


@pytest.fixture
def mixed(board):
    """The board with one row of math by a person, another by an agent."""
    first, second, *others = [row for row in board.rows if row.task == "math"]
    rest = [*others, *(row for row in board.rows if row.task != "math")]
    person = Author(kind="human", who="Ada", hours=12.5)
    agent = Author(kind="agent", who="agent-1", hours=1.0, lines=40)
    return msgspec.structs.replace(
        board,
        rows=[
            msgspec.structs.replace(first, author=person, cost=Cost(usd=900.0)),
            msgspec.structs.replace(second, author=agent, cost=Cost(usd=3.25, tokens_usd=3.25)),
            *rest,
        ],
    )


def test_rows_stand_by_who_wrote_them(mixed):
    told = by_author(mixed, "text")
    people, agents, rest = told.index("people:"), told.index("agents:"), told.index("no work named:")
    assert people < told.index("Ada") < agents < told.index("agent-1") < rest
    (ada,) = [line for line in told.splitlines() if "Ada" in line]
    assert "12.50" in ada and "900.00" in ada
    (agent,) = [line for line in told.splitlines() if "agent-1" in line]
    assert "3.25" in agent and " 40 " in agent


def test_markdown_has_a_cell_for_each_column(mixed):
    rows = [line for line in by_author(mixed, "md").splitlines() if line.startswith("|")]
    assert len({line.count("|") - line.count("\\|") for line in rows}) == 1
    assert any(line.startswith("| people | ") and "| Ada |" in line for line in rows)


@pytest.mark.parametrize("width", [80, 100])
def test_lines_fit_the_terminal(mixed, width):
    assert max(map(len, by_author(mixed, "text").splitlines())) > width
    assert max(map(len, by_author(mixed, "text", width).splitlines())) <= width


@pytest.mark.parametrize("view", ["text", "md"])
def test_what_authors_cost_is_explained(mixed, view):
    told = by_author(mixed, view)
    for head in ("by", "95 % CI", "lines", "attempts"):
        assert f"{head}: " in told, head
    assert "hours, USD: " in told


def test_other_formats_are_refused(mixed):
    with pytest.raises(UsageError, match="formats text and md, not csv"):
        by_author(mixed, "csv")
