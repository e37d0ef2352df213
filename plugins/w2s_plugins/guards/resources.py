"""What a method cost beside vanilla of the same plan, how often it was refused, and how much it printed.

Limits end a cell by themselves; this guard notes what stayed within them and is out of the ordinary. Time and
memory it leaves to the limits: a verdict on them would differ from run to run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from w2s_harness import MethodEvidence, PlannedMethod, Verdict, hookimpl
from w2s_plugins.guards.looks.thresholds import thresholds

NAME = "resources"
TIMES_VANILLA = 20
"""FLOPs over vanilla's, mean over seeds, above which the cost is noted."""
REFUSED = 10
"""Refused requests of one cell above which they are noted."""
PRINTED = 4096
"""Characters in the last lines of a cell's output above which they are noted."""
SETTINGS = {"times_vanilla": TIMES_VANILLA, "refused": REFUSED, "printed": PRINTED}
"""The settings of this guard and their defaults."""


@hookimpl
def w2s_judge_method(
    method: PlannedMethod, evidence: MethodEvidence, settings: Mapping[str, Any]
) -> Sequence[Verdict]:
    """Notes on compute, refusals and output; never a disqualification."""
    limits = thresholds(NAME, SETTINGS, settings, or_zero=True)
    cells = [evidence.cells[seed] for seed in sorted(evidence.cells)]
    times = _times_vanilla(evidence)
    refused = max(cell.seen.refused for cell in cells)
    printed = max(len(cell.seen.output) for cell in cells)
    numbers = {"refused": float(refused), "printed": float(printed)}
    numbers |= {} if times is None else {"times_vanilla": times}
    found = []
    if times is not None and times > limits["times_vanilla"]:
        found.append(f"it used {times:.0f} times the FLOPs of vanilla")
    if refused > limits["refused"]:
        found.append(f"{refused} requests of one cell were refused")
    if printed > limits["printed"]:
        found.append(f"the last lines that a cell printed hold {printed} characters")
    if found:
        return [Verdict(NAME, "note", because, numbers, label_free=True) for because in found]
    beside = "no vanilla to compare with" if times is None else f"{times:.1f} times the FLOPs of vanilla"
    return [Verdict(NAME, "ok", f"within its limits: {beside}", numbers, label_free=True)]


def _times_vanilla(evidence: MethodEvidence) -> float | None:
    """Mean FLOPs over vanilla's on the seeds of both; None without vanilla or where it cost nothing."""
    vanilla = evidence.honest.get("vanilla", {})
    seeds = sorted(set(vanilla) & set(evidence.cells))
    base = math.fsum(vanilla[seed].compute["flops"] for seed in seeds)
    used = math.fsum(evidence.cells[seed].compute["flops"] for seed in seeds)
    return used / base if base > 0 else None
