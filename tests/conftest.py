"""What every test stands on: no setting of the machine reaches it."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def _no_flags_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """`W2S_TASKS` and the like would change what a command does."""
    for name in os.environ:
        if name.startswith("W2S_") and name != "W2S_SHARED_DATA":
            monkeypatch.delenv(name)
