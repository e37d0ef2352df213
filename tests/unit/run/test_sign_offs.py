"""Sign-offs: who decided what about which source."""

import json
import os
from dataclasses import replace

import pytest

from w2s_harness.contract.errors import DataError
from w2s_harness.contract.plan import MethodSource, PlannedMethod
from w2s_harness.run.kept.sign_offs import FILE, SignOffs

SOURCE = MethodSource("mine", "mine", None, None, "a" * 64, filename="mine.py")
MINE = PlannedMethod("mine", "mine", SOURCE, {})
CHANGED = replace(MINE, source=replace(SOURCE, sha256="b" * 64))


@pytest.fixture
def place(tmp_path):
    return tmp_path / ".w2s"


def test_the_last_sign_off_of_a_source_holds_and_changed_code_has_none(place):
    signed = SignOffs(place)
    signed.sign(MINE, "reject", "Ann", "reads the sign of the teacher only")
    signed.sign(MINE, "accept", " Bo ", "mended\x1b")
    for found in (signed, SignOffs(place)):
        review = found.of("mine", "a" * 64)
        assert review is not None
        assert (review.decision, review.by, review.reason) == ("accept", "Bo", "mended\x1b")
        assert found.of("mine", "b" * 64) is None and found.of("other", "a" * 64) is None
        assert found.is_accepted(MINE) and not found.is_accepted(CHANGED)
    lines = (place.parent / FILE).read_text().splitlines()
    assert [json.loads(line)["decision"] for line in lines] == ["reject", "accept"]


def test_what_is_shipped_needs_no_sign_off_but_can_be_rejected(place):
    shipped = replace(MINE, source=replace(SOURCE, distribution="w2s-harness", version="0.1.0"))
    signed = SignOffs(place)
    assert signed.is_accepted(shipped)
    signed.sign(shipped, "reject", "Ann", "why")
    assert not signed.is_accepted(shipped)


def test_a_last_line_without_its_end_is_ended_first(place):
    signed = SignOffs(place)
    signed.sign(MINE, "accept", "Ann", "fine")
    file = place.parent / FILE
    file.write_bytes(file.read_bytes().rstrip(b"\n"))
    SignOffs(place).sign(CHANGED, "accept", "Ann", "fine too")
    assert len(file.read_bytes().splitlines()) == 2
    assert SignOffs(place).is_accepted(MINE) and SignOffs(place).is_accepted(CHANGED)


@pytest.mark.parametrize(
    "line",
    ["{}", "not json", '{"decision": "maybe"}', "", "\xff", '{"by": "a", "by": "b"}'],
)
def test_a_broken_line_is_named(place, line):
    SignOffs(place).sign(MINE, "accept", "Ann", "fine")
    with (place.parent / FILE).open("a", encoding="latin-1") as file:
        file.write(line + "\n")
    with pytest.raises(DataError, match=f"{FILE}:2: "):
        SignOffs(place)


def test_a_link_is_not_followed(place, tmp_path):
    (tmp_path / "elsewhere").write_text("")
    (tmp_path / FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="plain file"):
        SignOffs(place)


def test_a_pipe_is_not_waited_for(place):
    os.mkfifo(place.parent / FILE)
    with pytest.raises(DataError, match="not a regular file but a pipe"):
        SignOffs(place)
