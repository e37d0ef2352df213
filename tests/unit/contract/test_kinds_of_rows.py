"""What follows from the kind of a task's rows."""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

import w2s_harness
import w2s_plugins
import w2s_tasks
from w2s_harness import Example
from w2s_harness.contract.kinds import KINDS, PREFERENCE, RESPONSES, VERIFY, KindName, kind_of, kind_of_row
from w2s_harness.contract.types import TaskKind
from w2s_harness.contract.worker.wire.row_text import TextRow

ONE = TextRow("2 + 2", candidate="4")
TWO = TextRow("Say hello", first="Hello", second="No")


def test_every_name_has_its_kind():
    assert tuple(kind.name for kind in KINDS) == get_args(KindName)
    assert get_args(TaskKind) == (*get_args(KindName), "judged")
    assert [kind_of(kind.name) for kind in KINDS] == list(KINDS)
    with pytest.raises(ValueError, match="the kind is 'judged', expected verify or preference"):
        kind_of("judged")


def test_a_kind_is_a_value():
    assert len({*KINDS, dataclasses.replace(VERIFY)}) == len(KINDS)
    with pytest.raises(dataclasses.FrozenInstanceError):
        VERIFY.gap = ""  # type: ignore[misc]


def test_the_columns_of_responses_are_those_of_a_row():
    assert {"prompt", *RESPONSES} == set(TextRow.__struct_fields__)
    assert set(RESPONSES) <= {field.name for field in dataclasses.fields(Example)}


@pytest.mark.parametrize(("kind", "row", "said"), [(VERIFY, ONE, ("4",)), (PREFERENCE, TWO, ("Hello", "No"))])
def test_a_row_fits_its_own_kind_alone(kind, row, said):
    assert kind.responses(row) == said
    assert [k for k in KINDS if k.fits(row)] == [kind]
    assert kind_of_row(row) is kind


@pytest.mark.parametrize(
    "row",
    [TextRow("p"), TextRow("p", first="a"), TextRow("p", candidate="a", second="b"), TextRow("p", *"abc")],
)
def test_half_a_row_fits_no_kind(row):
    assert not any(kind.fits(row) for kind in KINDS)


def test_a_pair_is_averaged_over_both_orders_and_a_candidate_has_one():
    margins = [np.array([2.0, -1.0]), np.array([-1.0, 2.0])]
    assert PREFERENCE.averaged(margins).tolist() == [1.5, -1.5]
    assert VERIFY.averaged(margins[:1]) is margins[0]
    assert [len(kind.orders) for kind in KINDS] == [1, 2]
    assert [p.tolist() for p in PREFERENCE.in_orders(np.array([0.25]))] == [[0.25], [0.75]]
    assert len(VERIFY.in_orders(np.array([0.25]))) == 1


def test_a_row_of_two_responses_is_their_difference():
    values = np.array([[1.0, 2.0], [0.5, 4.0]])
    assert PREFERENCE.by_row(values).tolist() == [[0.5, -2.0]]
    assert VERIFY.by_row(values) is values


def test_only_what_can_be_true_has_a_share_of_true_rows():
    assert [kind.stated_share(0.5) for kind in KINDS] == [0.5, None]


def test_a_template_shows_every_response():
    assert VERIFY.suits({"question", "choice"}) and VERIFY.suits({"candidate"})
    assert PREFERENCE.suits({"first", "second"}) and not PREFERENCE.suits({"first", "candidate"})


def test_the_parts_of_a_row():
    assert TWO.texts() == {"prompt": "Say hello", "first": "Hello", "second": "No"}
    assert TWO.swapped() == TextRow("Say hello", first="No", second="Hello")
    assert TWO.showing({"second"}) == TextRow("", second="No")
    assert ONE.showing({"prompt", "candidate"}) == ONE


def compared(tree: ast.AST) -> list[int]:
    """The lines on which something is compared with a kind's name, or matched against it."""
    names = set(get_args(KindName))
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            sides = [node.value]
        else:
            continue
        held = [side.elts if isinstance(side, ast.Tuple | ast.List | ast.Set) else [side] for side in sides]
        if any(isinstance(one, ast.Constant) and one.value in names for part in held for one in part):
            found.append(node.lineno)
    return found


def test_a_comparison_with_a_name_is_seen():
    code = "a == 'verify'\nb in ('x', 'preference')\nmatch c:\n    case 'verify': pass\nd = 'verify'\n"
    assert compared(ast.parse(code)) == [1, 2, 4]


@pytest.mark.parametrize(
    "package", [w2s_harness, w2s_plugins, w2s_tasks], ids=lambda package: package.__name__
)
def test_nobody_compares_the_name_of_a_kind(package):
    root = Path(package.__file__).parent
    found = {
        f"{path.relative_to(root)}:{line}"
        for path in sorted(root.rglob("*.py"))
        if path.name != "kinds.py" or package is not w2s_harness
        for line in compared(ast.parse(path.read_bytes()))
    }
    assert not found, "ask the kind: `kind_of(name)` of w2s_harness.contract.kinds says what follows from it"


def test_the_guide_says_what_the_number_of_each_kind_means():
    guide = (Path(__file__).parents[3] / "docs" / "methods-guide.md").read_text(encoding="utf-8")
    for kind in KINDS:
        assert f'`"{kind.name}"` (P({kind.means}))' in guide
