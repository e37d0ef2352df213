"""What echo and decoy say of a guard's verdicts."""

from __future__ import annotations

import numpy as np
import pytest

from w2s_harness.contract.types import Verdict, World
from w2s_harness.report.document.records import Own
from w2s_harness.run.board.rows.own_rows import settled
from w2s_harness.run.stages.worlds.own import Calibrated
from w2s_harness.scoring.comparisons.own_part import WorldCells


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


def test_the_luck_of_a_draw_is_taken_off_as_far_as_the_row_moves_with_vanilla():
    rng = np.random.default_rng(1)
    lucky = rng.random(8) * 0.3 + 0.4
    worlds = tuple(World(name=f"echo-{i}", teacher="echo", draw=i) for i in range(8))
    drawn = {s: (rng.random((8, 400)) < lucky[:, None]).astype(float) for s in range(5)}
    found = Calibrated(worlds, drawn)
    luck = np.stack([found.luck("echo", s, found.worlds[:1]) for s in found.outcomes])
    fake = np.stack([x[0] for x in found.outcomes.values()])
    mean = np.stack([x.mean(0) for x in found.outcomes.values()])
    real = (rng.random(fake.shape) < 0.8).astype(float)

    def cells(real, fake):
        return WorldCells(tuple(found.outcomes), real, fake, fake.mean(1).reshape(-1, 1, 1), luck)

    difference, factor = cells(real, fake).difference()
    assert factor == pytest.approx(1.0, abs=0.05)
    assert difference.mean() == pytest.approx((real - mean).mean(), abs=0.003), "as over all eight draws"
    assert abs((real - fake).mean() - (real - mean).mean()) > 0.003, "the draw itself was a lucky one"
    still, factor = cells(real, real).difference()
    assert factor == 0.0 and not still.any()
