"""The table of access rights: each row is explained, opens something, and is refused in the same words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from w2s_harness import Rows, StudentError
from w2s_harness.contract import hookspecs
from w2s_harness.contract.access import (
    BEYOND_DEFAULT,
    COLUMNS,
    DEFAULT_GRANTS,
    NAMES,
    NOT_FOR_AGENTS,
    RIGHTS,
    beyond,
    columns_of,
    for_column,
    opens,
    refusal,
)
from w2s_harness.contract.types import ABILITIES
from w2s_harness.contract.worker.handles import Shown
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.run.plan.planning import grants_of

DOCS = Path(__file__).parents[3] / "docs"
ROWS = wire.RowsRef("train", wire.pack([0], "i8"))
REQUESTS = (
    wire.Embed(ROWS),
    wire.Generate(ROWS, "{question}"),
    wire.ZeroShotMargins(ROWS, reader="weak"),
    wire.ZeroShotMargins(ROWS),
    wire.Fit(ROWS, wire.pack([0.5])),
    wire.Budget(),
)

every = pytest.mark.parametrize("right", RIGHTS, ids=lambda right: right.name)


@every
def test_the_guide_has_each_right_in_its_words(right):
    assert f"| `{right.name}` | {right.gives} |" in (DOCS / "methods-guide.md").read_text("utf-8")


@every
def test_each_right_opens_something_that_no_other_opens(right):
    assert right.columns or right.calls or right.test_rows != "never"
    others = [other for other in RIGHTS if other is not right]
    assert not set(right.columns) & {c for other in others for c in other.columns}
    assert not set(right.calls) & {c for other in others for c in other.calls}
    assert right.test_rows == "never" or right.test_rows not in [other.test_rows for other in others]


@every
def test_each_call_is_a_request_and_is_refused_without_its_right(right):
    named = [call for call in map(wire.call_of, REQUESTS) if call in right.calls]
    assert named == list(right.calls)
    for call in named:
        without = (
            f'{call} needs the access {right.name}: put access = ("{right.name}",) into the method\'s class'
        )
        assert refusal([n for n in NAMES if n != right.name], call) == without
        assert refusal([right.name], call) is None and opens([right.name], call)


@every
def test_each_column_is_released_with_its_right_alone(right):
    assert columns_of([right.name]) == set(right.columns)
    assert {for_column(column) for column in right.columns} <= {right.name}


@pytest.mark.parametrize(("name", "what"), [("groups", "group"), ("groups", "conflicts"), ("text", "text")])
def test_rows_say_how_to_ask_for_what_was_not_released(name, what):
    rows = Rows("verify", "train", np.arange(2), None, Shown())
    asked = (
        f'rows.{what} needs the access {name}: put access = ("{name}",) into the method\'s class and run with'
    )
    with pytest.raises(StudentError) as bad:
        getattr(rows, what)
    assert str(bad.value) == f"{asked} --grant {name}"


@every
def test_each_right_can_be_granted_and_withheld(right):
    assert right.name in grants_of(right.name) and right.name not in grants_of(f"no:{right.name}")
    assert (right.name in grants_of("")) == right.by_default == (right.name in DEFAULT_GRANTS)


@every
def test_a_pair_must_be_able_to_do_what_a_right_asks_of_it(right):
    assert not right.ability or right.ability in ABILITIES
    assert beyond([right.name], ABILITIES) == ""
    assert beyond([right.name], ()) == right.unable and bool(right.unable) == bool(right.ability)


def test_what_others_need_no_right_for():
    assert all(opens((), wire.call_of(request)) for request in REQUESTS[3:])


def test_flags_and_hooks_name_what_the_table_has():
    assert BEYOND_DEFAULT == "inference,transductive,groups,text,generate,no:embeddings"
    assert BEYOND_DEFAULT in (DOCS / "cli.md").read_text("utf-8")
    assert NOT_FOR_AGENTS == ("inference", "transductive")
    assert all(f"`{column}`" in (hookspecs.w2s_filter_release.__doc__ or "") for column in COLUMNS)
