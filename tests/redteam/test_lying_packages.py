"""Hostile packages and descriptions: refused when they are planned, or stopped in their worker."""

from __future__ import annotations

import pytest

from w2s_harness import Attack
from w2s_studies.redteam import suite, trials
from w2s_studies.redteam.outcomes import Outcome
from w2s_studies.redteam.trials import Settings

pytestmark = pytest.mark.heavy
FAMILIES = ("byte code", "import time", "lying packages", "planning")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> dict[str, tuple[Attack, Outcome]]:
    """One run of the command for all of them."""
    chosen = [attack for attack in suite.shipped() if attack.family in FAMILIES]
    settings = Settings(seeds="1", limit=40, guards="none", store=tmp_path_factory.mktemp("store"), slots="2")
    found = trials.run(chosen, settings, lambda text: None)
    return {attack.name: (attack, came) for attack, came in found.attacks}


@pytest.mark.parametrize("name", [a.name for a in suite.shipped() if a.family in FAMILIES])
def test_it_is_stopped_by_what_it_says(outcomes, name):
    attack, came = outcomes[name]
    assert came.outcome == "prevented", came
    assert not attack.stops or any(word in came.by for word in attack.stops), came
