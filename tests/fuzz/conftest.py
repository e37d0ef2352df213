"""How many inputs each fuzz test makes: a few hundred with every change, ten thousand in the heavy tier."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings

FEW = 300
MANY = 10_000


@pytest.fixture(params=[pytest.param(FEW, id="few"), pytest.param(MANY, id="many", marks=pytest.mark.heavy)])
def count(request: pytest.FixtureRequest) -> int:
    """Inputs of one test."""
    return int(request.param)


@pytest.fixture
def drawn(count: int) -> Any:
    """Settings under which hypothesis draws some hundreds of examples more, the same ones every time."""
    return settings(
        max_examples=count // 5,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
