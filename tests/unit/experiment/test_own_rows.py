"""What echo and decoy say of a guard's verdicts."""

from __future__ import annotations

import pytest

from w2s_harness.experiment.own_rows import settled
from w2s_harness.report.records import Own
from w2s_harness.types import Verdict


def own(word):
    return Own(echo=None, decoy=None, draws=1, verdict=word, reason="made up")


def said(finding, a, track=None, level="note"):
    return Verdict(
        "teacher-dependence", level, "so it is", {"A": a, "T": 1 - a}, finding=finding, track=track
    )


@pytest.mark.parametrize(
    ("verdict", "word", "finding", "track"),
    [
        (said("elicitation", 0.1, "elicitation"), "weak supervision", "", None),
        (said("elicitation", 0.1, "elicitation"), "unclear", "review", None),
        (said("elicitation", 0.1, "elicitation"), "elicitation", "elicitation", "elicitation"),
        (said("elicitation", 0.9, "elicitation"), "unclear", "elicitation", "elicitation"),
        (said("review", 0.3), "weak supervision", "", None),
        (said("review", 0.3), "unclear", "review", None),
        (said("review", 0.3), None, "review", None),
        (said("teacher-driven", 0.3, level="ok"), "unclear", "teacher-driven", None),
    ],
)
def test_own_decides_whom_a_row_follows(verdict, word, finding, track):
    (found,) = settled([verdict], own(word))
    assert (found.finding, found.track) == (finding, track)


def test_verdicts_of_other_guards_stand():
    leak = Verdict("teacher-dependence", "disqualify", "leak", {"A": 0.1}, finding="leak")
    other = Verdict("memorisation", "note", "look", {}, finding="review")
    assert settled([leak, other], own("weak supervision")) == [leak, other]
