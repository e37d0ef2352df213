"""How a dossier says a number."""

from __future__ import annotations

from w2s_harness.contract.plan.plan import Value
from w2s_harness.report.notation import MISSING


def percent(share: float | None) -> str:
    """`34 %`; one digit under 10 %, so that a few rows do not read as none."""
    if share is None:
        return MISSING
    value = 100 * share
    return f"{value:.0f} %" if value == 0 or abs(value) >= 10 else f"{value:.1f} %"


def points(difference: float | None) -> str:
    """A difference of accuracies: `+1.2 points`."""
    return MISSING if difference is None else f"{100 * difference:+.1f} points"


def amount(difference: float) -> str:
    """The size of a difference, where a verb says which way it goes: `1.2 points`."""
    return points(abs(difference)).removeprefix("+")


def valued(value: Value) -> str:
    """A parameter's value as it is typed."""
    return str(value).lower() if isinstance(value, bool) else str(value)
