"""Whether predictions follow a shortcut further than accuracy, the teacher and honest methods explain.

A shortcut is something that goes with the label on this task and says nothing of how to judge a row: the
commonest answer of a question, an answer's length or place, the class prior, the source that a cluster of
features betrays, a training row that is the same. A flag only: `teacher-dependence` decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from w2s_harness import CellEvidence, MethodEvidence, PlannedMethod, Verdict, hookimpl
from w2s_plugins.guards.looks.known_shortcuts import Build, Excess, Floats, Shortcut, excess, known
from w2s_plugins.guards.looks.thresholds import thresholds

NAME = "shortcuts"
FINDING = "shortcut"
Z = 4.0
"""One-sided p of 3e-5 for each of a dozen looks, clustered by question."""
MARGIN = 0.3
"""Share of a shortcut's errors that must be followed beyond the furthest honest method, for what one row
alone does not show. Shipped methods on shipped tasks, each against the others: at most .05."""
MARGIN_READ = 0.5
"""The same for what a student reads, length and cluster: honest students lean to these by themselves. Shipped
methods on shipped tasks, each against the others or against `vanilla` alone: at most .34 (`zero-shot`)."""
ALONE = 0.2
"""Added to both where the plan has no honest method and there is only the teacher to compare with."""
LEAST_ROWS = 0.03
"""Share of the holdout's rows that following must move: below it a shortcut cannot move a score either."""
PAYS = 0.55
"""Balanced accuracy of a shortcut from which on following it is of use to anyone."""
MOST_Z = 99.0
"""Larger ones are shown as this."""
SETTINGS = {"z": Z, "margin": MARGIN, "margin_read": MARGIN_READ}
"""The settings of this guard and their defaults."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One shortcut and how far the method follows it beyond the others."""

    name: str
    excess: Excess
    is_flagged: bool


@hookimpl
def w2s_judge_method(method: PlannedMethod, evidence: MethodEvidence, settings: Mapping[str, Any]) -> Verdict:
    """Flag a method whose predictions follow a known shortcut beyond what the plan's others do."""
    limits = thresholds(NAME, SETTINGS, settings)
    findings = compared(evidence, limits)
    if not findings:
        return Verdict(NAME, "ok", "no known shortcut can be told from the right answer on this task")
    worst = max(findings, key=lambda f: (f.is_flagged, f.excess.value))
    numbers = {f"excess {f.name}": f.excess.value for f in findings}
    numbers |= {"worst_excess": worst.excess.value, "worst_z": max(-MOST_Z, min(MOST_Z, worst.excess.z))}
    others = "the honest methods and the teacher" if evidence.honest else "the teacher"
    if not worst.is_flagged:
        return Verdict(NAME, "ok", f"follows no known shortcut further than {others} do", numbers)
    because = (
        f"follows '{worst.name}' where it is wrong, on {worst.excess.value:.0%} more of those rows than "
        f"{others} do (z {numbers['worst_z']:.1f})"
    )
    return Verdict(NAME, "flag", because, numbers, finding=FINDING)


def compared(evidence: MethodEvidence, limits: Mapping[str, float] = SETTINGS) -> list[Finding]:
    """Every shortcut that the task can have, with how far the method follows it beyond the furthest other.

    The others are the teacher on the holdout and, each as its mean over seeds, the honest methods.
    """
    groups = np.asarray(evidence.setting.test.groups, np.int64)
    own = decisions(evidence.cells)
    teacher = np.mean([decided(c.weak_test) for _, c in sorted(evidence.cells.items())], axis=0)
    others = [teacher, *(decisions(cells) for _, cells in sorted(evidence.honest.items()))]
    found = []
    for shortcut in known(evidence.setting):
        beyond = excess(shortcut.build, own, furthest(shortcut.build, others), groups)
        if beyond is not None:
            margin = limits["margin_read" if shortcut.is_read else "margin"]
            needed = margin if evidence.honest else margin + ALONE
            is_large = beyond.value > needed and beyond.rows > LEAST_ROWS and beyond.z > limits["z"]
            found.append(Finding(shortcut.name, beyond, is_large and _pays(shortcut, own, teacher, evidence)))
    return found


def decisions(cells: Mapping[int, CellEvidence]) -> Floats:
    """(n,) the mean decision of a method's cells on every row of the holdout."""
    return np.asarray(np.mean([decided(c.predictions) for _, c in sorted(cells.items())], axis=0), np.float64)


def decided(p: Floats) -> Floats:
    """(n,) 1, 0, or 1/2 for a P of 1/2."""
    return np.asarray(np.where(p == 0.5, 0.5, p > 0.5), np.float64)


def furthest(build: Build, others: list[Floats]) -> Floats | None:
    """Who of the others follows a shortcut furthest; `None` where none follows it at all."""
    values = [look.value(p) if (look := build(p)) is not None else 0.0 for p in others]
    best = int(np.argmax(values))
    return others[best] if values[best] > 0 else None


def _pays(shortcut: Shortcut, own: Floats, teacher: Floats, evidence: MethodEvidence) -> bool:
    """Whether the shortcut is followed far enough, and doing so could raise a score."""
    look = shortcut.build(own)
    if look is None or look.value(own) < shortcut.least:
        return False
    if shortcut.name != "class prior":
        return look.right >= PAYS
    gold = np.asarray(evidence.setting.test.gold, bool)
    return look.right > float(np.where(gold, teacher, 1 - teacher).mean())
