"""What every test stands on: no setting of the machine reaches it, and none fails for how fast it is."""

from __future__ import annotations

import os

import hypothesis
import pytest

# How long an input takes to draw or to try is the machine's doing, and says nothing of what a test judges.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def _no_flags_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """`W2S_TASKS` and the like would change what a command does."""
    for name in os.environ:
        if name.startswith("W2S_") and name != "W2S_SHARED_DATA":
            monkeypatch.delenv(name)
