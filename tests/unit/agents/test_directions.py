"""Directions of agents."""

import pytest

from w2s_harness.contract.errors import UsageError
from w2s_studies.agents.host.asking import read_directions


def test_a_dozen_short_ones_are_shipped():
    shipped = read_directions()
    assert len(set(shipped)) == 12
    assert all(20 < len(text) < 160 for text in shipped)


def test_a_list_of_ones_own(tmp_path):
    file = tmp_path / "d.yaml"
    file.write_text("- look here\n- >\n  and\n  there\n")
    assert read_directions(file) == ["look here", "and there"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "holds no direction"),
        (b"# nothing\n", "holds no direction"),
        (b"[]", "holds no direction"),
        (b"a: b\n", "is no YAML list"),
        (b"just text", "is no YAML list"),
        (b"- good\n- 3\n", "direction 2 is no text: '3'"),
        (b"- good\n- ''\n", "direction 2 is no text"),
        (b"- [a, b]\n", "direction 1 is no text"),
        (b"- " + b"x" * 600, "direction 1 is over 500 characters"),
        (b"- a\n- [b\n", "not YAML"),
        (b"- \xff\xfe\n", "byte 3 is not UTF-8"),
        (b"- " + b"[" * 30_000, "not YAML"),
        (b"- x\n" * 30_000, "over 65536 bytes"),
    ],
)
def test_a_file_that_is_none_is_one_line_that_names_it(tmp_path, body, says):
    file = tmp_path / "d.yaml"
    file.write_bytes(body)
    with pytest.raises(UsageError, match=r"d\.yaml") as bad:
        read_directions(file)
    assert says in str(bad.value)
    assert "\n" not in str(bad.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match=r"gone\.yaml: no such file"):
        read_directions(tmp_path / "gone.yaml")
