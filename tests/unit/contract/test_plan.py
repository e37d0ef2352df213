from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from w2s_harness.contract.errors import UsageError
from w2s_harness.contract.plan import label
from w2s_harness.run.plan.specs import Spec, folder_id, parse_seeds, parse_specs, parse_value


def test_names_carry_parameters():
    found = parse_specs("vanilla, confident:margin=.3:soft=true ,./mine.py,")
    assert found == [
        Spec("vanilla"),
        Spec("confident", {"margin": ".3", "soft": "true"}),
        Spec("./mine.py"),
    ]


def test_one_method_of_a_file_with_parameters():
    assert parse_specs("./m.py::small:by=.5") == [Spec("./m.py::small", {"by": ".5"})]
    assert parse_specs("./m.py::small") == [Spec("./m.py::small")]


@pytest.mark.parametrize("text", ["a:b", "a:=1", "a:x=1:x=2", "./m.py::", "./m.py:::x=1"])
def test_a_broken_parameter_is_refused(text):
    with pytest.raises(UsageError, match=r"written|twice"):
        parse_specs(text)


def test_a_value_may_hold_an_equals_sign():
    assert parse_specs("a:x=b=c")[0].parameters == {"x": "b=c"}


def test_globs_match_known_names_only():
    spec = Spec("van*")
    assert spec.is_glob and not Spec("vanilla").is_glob
    assert spec.matches(["zero", "vanilla-hard", "vanilla"]) == ["vanilla", "vanilla-hard"]


@pytest.mark.parametrize(
    ("text", "seeds"), [("5", (0, 1, 2, 3, 4)), ("1", (0,)), ("0,1,7", (0, 1, 7)), ("3,", (3,))]
)
def test_seeds_are_a_count_or_a_list(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("20240501", "20240501 is a count of seeds, and at most 1,000 can be run; did you mean 20240501, "),
        ("0-4", r"give a count \(5\) or a list \(0,1,7\); did you mean 0,1,2,3,4\?"),
        ("2..3", r"did you mean 2,3\?"),
        ("1_000", "give a count"),
        ("9" * 5000, "--seeds 9{57}...: give a count"),
        (f"{2**63},", "each under 2"),
        (",".join(map(str, range(1001))), "at most 1,000 seeds"),
        ("3,4,3", "the seed 3 is given twice"),
    ],
)
def test_what_was_taken_for_seeds_says_what_is_meant(text, said):
    with pytest.raises(UsageError, match=said):
        parse_seeds(text)


def test_the_largest_count_and_a_date_as_one_seed():
    assert len(parse_seeds("1000")) == 1000 and parse_seeds("20240501,") == (20240501,)


@pytest.mark.parametrize("text", ["0", "-1", "a", "", "1,1", "0,-2", "1.5", ","])
def test_other_seeds_are_refused(text):
    with pytest.raises(UsageError, match="--seeds"):
        parse_seeds(text)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        (".3", "float", 0.3),
        ("0x10", "int", 16),
        ("Yes", "bool", True),
        ("no", "bool", False),
        ("1", "str", "1"),
    ],
)
def test_a_value_is_read_as_its_kind(text, kind, value):
    found = parse_value(text, kind, "here")
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(("text", "kind"), [("x", "float"), ("1.5", "int"), ("maybe", "bool")])
def test_a_value_of_another_kind_says_where(text, kind):
    with pytest.raises(UsageError, match=f"here: '{text}' is not"):
        parse_value(text, kind, "here")


def test_a_label_holds_what_was_changed_sorted():
    assert label("confident", {}) == "confident"
    assert (
        label("confident", {"soft": True, "margin": 0.3, "k": 3, "a": "x"})
        == "confident[a=x,k=3,margin=0.3,soft=true]"
    )


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_labels_of_different_numbers_differ(first, second):
    assume(first != second)
    assert label("m", {"x": first}) != label("m", {"x": second})


def test_a_folder_and_a_file_give_the_task_its_id(tmp_path):
    (tmp_path / "words.v2").mkdir()
    (tmp_path / "arith.yaml").write_text("")
    assert folder_id(tmp_path / "words.v2") == "words.v2"
    assert folder_id(tmp_path / "words.v2" / "..") == tmp_path.name
    assert folder_id(tmp_path / "arith.yaml") == "arith"
    assert folder_id(Path("gone/m.py")) == "m.py"
