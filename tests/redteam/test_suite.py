"""Every shipped attack on the jail, inside real workers: it is stopped, and by what it says stops it."""

from __future__ import annotations

import pytest

from w2s_harness import Attack
from w2s_studies.redteam import suite

JAIL = {
    "floods",
    "kernel interfaces",
    "label files",
    "links and special files",
    "network",
    "other processes",
    "protocol messages",
    "starting processes",
    "task packages",
    "writing",
}
"""The families that the jail and the protocol stop by themselves."""


def attacks() -> list[Attack]:
    # Whether a handle is somebody's, only the service knows.
    return [a for a in suite.shipped() if a.family in JAIL and a.stops != ("no handle",)]


@pytest.mark.parametrize("shipped", attacks(), ids=lambda a: a.name)
def test_it_is_stopped_by_what_it_says(attack, level, shipped):
    outcome = attack(shipped, clock_s=1 if "of its own time" in shipped.stops else 10)
    if level < shipped.level:
        pytest.skip(f"only {shipped.level} stops it")
    assert not outcome.succeeded, outcome.printed
    assert any(words in outcome.why for words in shipped.stops), outcome.why


def test_the_parent_still_lives_and_serves_after_all_that(zygote, order):
    with zygote.spawn(order) as worker:
        assert worker.report.level == ("L2" if order.namespaces else "L1")
