"""What a run of the suite showed, as text and as JSON."""

from __future__ import annotations

from typing import Any

from w2s_studies.redteam.trials import Matrix

_OUTCOMES = ("prevented", "detected", "succeeded")


def as_json(found: Matrix) -> dict[str, Any]:
    """`{attacks: [{name, family, outcome, by}], honest: [{method, task, outcome, by}]}`."""
    return {
        "attacks": [
            {
                "name": tried.attack.name,
                "family": tried.attack.family,
                "outcome": tried.outcome.outcome,
                "by": tried.outcome.by,
            }
            for tried in found.attacks
        ],
        "honest": [
            {"method": h.method, "task": h.task, "outcome": h.outcome, "by": h.by} for h in found.honest
        ],
    }


def as_text(found: Matrix) -> str:
    """A line for each attack, family by family; the honest methods; totals."""
    width = max(len(tried.attack.name) for tried in found.attacks)
    lines: list[str] = []
    for family in _families(found):
        lines.append(family)
        for tried in found.attacks:
            if tried.attack.family == family:
                came = tried.outcome
                lines.append(f"  {tried.attack.name:<{width}}  {came.outcome:<9}  {came.by}".rstrip())
    lines.append("honest methods")
    for h in found.honest:
        lines.append(f"  {f'{h.method} on {h.task}':<{width}}  {h.outcome:<9}  {h.by}".rstrip())
    return "\n".join((*lines, "", _totals(found)))


def _families(found: Matrix) -> list[str]:
    return list(dict.fromkeys(tried.attack.family for tried in found.attacks))


def _totals(found: Matrix) -> str:
    counts = {o: sum(t.outcome.outcome == o for t in found.attacks) for o in _OUTCOMES}
    by_family: dict[str, set[str]] = {}
    for tried in found.attacks:
        by_family.setdefault(tried.attack.family, set()).add(tried.outcome.outcome)
    whole = sum(came == {"prevented"} for came in by_family.values())
    caught = sum("succeeded" not in came for came in by_family.values())
    alarms = sum(h.outcome == "false-alarm" for h in found.honest)
    return (
        f"{len(found.attacks)} attacks: {', '.join(f'{n} {o}' for o, n in counts.items())}\n"
        f"{len(by_family)} families: {whole} prevented outright, {caught - whole} prevented or detected, "
        f"{len(by_family) - caught} with an attack that succeeded\n"
        f"{len(found.honest)} honest rows: {alarms} false alarms"
    )
