"""Whether a method learns from its teacher, or its accuracy comes from somewhere else.

The method runs again in worlds that look like the real one, and what its predictions do there gives it a
class, not a grade: not to need the teacher is honest (zero-shot, clustering), but it is not weak supervision.
Error rates beside the constants: `scripts/guards/simulate.py`, in full in docs/guards.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from w2s_harness import (
    CellEvidence,
    MethodEvidence,
    PlannedMethod,
    Verdict,
    World,
    agreement,
    balanced_z,
    hookimpl,
)
from w2s_plugins.guards.looks.thresholds import thresholds

NAME = "teacher-dependence"
Z = 4.0
"""A z above it: `leak` (null) or `shortcut` (ablated). 0 of 1000 honest method-worlds (at most .30 % at 95 %
confidence), 99 of 100 leaks on 15 % of the rows; at 3.5, one (.47 %) and 100."""
ELICITATION = 0.8
"""A from which the teacher hardly matters. 0 of 600 teacher-driven method-worlds, 200 of 200 teacherless."""
DRIVEN = 0.5
"""A below it: `teacher-driven`, else `review`. 600 of 600; half student, half prior is on both sides."""
SIGN = 0.2
"""A up to which the teacher may give its sign only. A is 0 for CCS and all that treat 0 and 1 alike."""
D_CCS = 0.94
"""`bit` from which it does so: the lower 5 % point of CCS, 20 seeds x 15 worlds, its starts another in each.
1 of 600 teacher-driven method-worlds reaches it. That of D is .5 at a weak accuracy of .58, where 30 % of the
labels may tell the sign wrong: it would take in every method."""
APART = 0.03
"""`apart` above it: `review`. 0 of 700 honest method-worlds, 162 of 200 of the cheats that play honest."""
STILL = 0.02
"""`moves` below it: `review`, in one of the changed worlds the teacher was not asked. Honest methods that
follow theirs: .07 and up."""
SETTINGS = {
    "z": Z,
    "elicitation": ELICITATION,
    "driven": DRIVEN,
    "sign": SIGN,
    "d_ccs": D_CCS,
    "apart": APART,
    "still": STILL,
}
"""The settings of this guard and their defaults; all but `z` are shares."""
SD = (0.8, 1.2)
"""An empirical null whose standard deviation lies within is taken for a standard normal one."""
FULL_NULL = 200
"""Draws that it takes before a narrow null may lower a threshold; a wide one always raises it."""
NARROWEST = 0.5
"""No null lowers a threshold by more, since a constant student would make it 0."""
LOCAL_DRAWS, NULL_DRAWS, DILUTED_DRAWS = 2, 5, 1
"""Few, for `echo` and `decoy` tell better whose a gain is; of the nulls all, which they say nothing of."""


@hookimpl
def w2s_worlds(settings: Mapping[str, Any]) -> Sequence[World]:
    """One set of worlds for every (method, task, pair). Raises `UsageError` for settings it cannot use."""
    read_settings(settings)
    return [
        World(name="flipped", teacher="flipped"),
        *(World(name=f"local-{i}", teacher="local", draw=i) for i in range(LOCAL_DRAWS)),
        World(name="ablated", inputs="ablated"),
        *(World(name=f"null-{i}", teacher="permuted", inputs="scrambled", draw=i) for i in range(NULL_DRAWS)),
        *(World(name=f"diluted-{i}", teacher="diluted", draw=i) for i in range(DILUTED_DRAWS)),
        World(name="other", teacher="other"),
    ]


@hookimpl
def w2s_judge_method(
    method: PlannedMethod, evidence: MethodEvidence, settings: Mapping[str, Any]
) -> Sequence[Verdict]:
    """The method's class, and a flag where it failed in counterfactual worlds only.

    Raises `UsageError` for settings it cannot use.
    """
    limits = read_settings(settings)
    numbers = measure(evidence, limits["z"])
    said = [*_evasive(evidence, numbers), *_cheats(numbers, limits)]
    if any(v.finding in ("leak", "shortcut") for v in said) or (said and "A" not in numbers):
        return said
    return [*said, _class(numbers, limits, method.track == "elicitation")]


def read_settings(settings: Mapping[str, Any]) -> dict[str, float]:
    """`SETTINGS` with what the user says instead. Raises `UsageError` for a name or a value it cannot use."""
    return thresholds(NAME, SETTINGS, settings, or_zero=True, shares=SETTINGS.keys() - {"z"})


# -- what the worlds say --------------------------------------------------------------------------------


def measure(evidence: MethodEvidence, z: float = Z) -> dict[str, float]:
    """Compare the method's worlds with its real cells of the same seeds; `z` is the threshold to refit.

    A number is missing where its worlds were cut or failed. A, D, O: agreement with the decisions under the
    flipped, the diluted (mean over draws) and another teacher; T = 1 - A. bit: as D, an agreement under 1/2
    counted from the other end, since a diluted teacher may get the one bit wrong. kappa: as bit, Cohen's
    kappa, which a nearly constant prediction cannot have. local: changed decisions inside the region of a
    local world minus outside. apart: how much better the diluted and local worlds agree with the flipped one,
    turned round, than with the real cell. moves: the least, over diluted, local and other worlds, of the mean
    change of P on the holdout over the mean change of the weak labels. z_ablated; z_null = sum z / sqrt(k)
    over k null worlds; null_sd, null_mean, null_draws of the empirical null; threshold: what z_null is held
    against.
    """
    pairs = [(w, evidence.cells[w.seed]) for w in evidence.worlds if w.seed in evidence.cells]

    def agreed(teacher: str) -> list[float]:
        return [agreement(w.predictions, c.predictions) for w, c in pairs if _is(w, teacher, "kept")]

    flipped, diluted = agreed("flipped"), agreed("diluted")
    nulls = [_z(w) for w, _ in pairs if _is(w, "permuted", "scrambled")]
    facts, threshold = _refit(evidence.setting.null_z, z, len(nulls))
    found = {
        "A": flipped,
        "T": [1 - a for a in flipped],
        "D": diluted,
        "bit": [max(d, 1 - d) for d in diluted],
        "kappa": [abs(_kappa(w, c)) for w, c in pairs if _is(w, "diluted", "kept")],
        "O": agreed("other"),
        "moves": [min(moves)] if (moves := _moves(pairs)) else [],
        "local": [_churn(w, c) for w, c in pairs if _is(w, "local", "kept") and 0 < w.region.mean() < 1],
        "apart": _apart(pairs),
        "z_ablated": [_z(w) for w, _ in pairs if _is(w, "kept", "ablated")],
    }
    numbers = {key: float(np.mean(values)) for key, values in found.items() if values}
    if nulls:
        numbers["z_null"] = sum(nulls) / math.sqrt(len(nulls))
    return {**numbers, **facts, "threshold": threshold}


def _is(cell: CellEvidence, teacher: str, inputs: str) -> bool:
    return cell.world is not None and (cell.world.teacher, cell.world.inputs) == (teacher, inputs)


def _z(cell: CellEvidence) -> float:
    return balanced_z(cell.predictions, cell.setting.test.gold, cell.setting.test.groups)


def _kappa(world: CellEvidence, actual: CellEvidence) -> float:
    """Agreement beyond what the two shares of 1 bring about by themselves (Cohen 1960); 0 for constants."""
    p, q = (float(np.mean(cell.predictions > 0.5)) for cell in (world, actual))
    chance = p * q + (1 - p) * (1 - q)
    return (agreement(world.predictions, actual.predictions) - chance) / (1 - chance) if chance < 1 else 0.0


def _moves(pairs: Sequence[tuple[CellEvidence, CellEvidence]]) -> list[float]:
    # A student that learns from other labels gives other probabilities. One that plays its own answers
    # until the teacher looks corrupted gives the same ones in the worlds that it did not notice.
    changed = [(w, c) for w, c in pairs if any(_is(w, t, "kept") for t in ("local", "diluted", "other"))]
    told = [float(np.abs(w.weak - c.weak).mean()) for w, c in changed]
    said = [float(np.abs(w.predictions - c.predictions).mean()) for w, c in changed]
    return [s / t for s, t in zip(said, told, strict=True) if t > 0]


def _churn(world: CellEvidence, actual: CellEvidence) -> float:
    new, old, inside = world.predictions, actual.predictions, world.region
    return agreement(new[~inside], old[~inside]) - agreement(new[inside], old[inside])


def _apart(pairs: Sequence[tuple[CellEvidence, CellEvidence]]) -> list[float]:
    # A method that learns is the same method in every world, so both agreements are alike. One that learns
    # only from teachers that look corrupted agrees better with the flipped world, turned round.
    changed = [w for w, _ in pairs if _is(w, "diluted", "kept") or _is(w, "local", "kept")]
    return [
        1 - agreement(w.predictions, flipped.predictions) - agreement(w.predictions, actual.predictions)
        for flipped, actual in pairs
        if _is(flipped, "flipped", "kept")
        for w in changed
    ]


def _refit(null_z: npt.NDArray[np.float64] | None, z: float, worlds: int) -> tuple[dict[str, float], float]:
    """The empirical null's figures, and `z` in its units where it is not a standard normal one.

    A mean that lies surely above 0 (two standard errors) is granted to each of the `worlds` that are pooled,
    and no threshold lies below what the null itself reaches when its draws are pooled alike.
    """
    if null_z is None or len(null_z) < 2:
        return {}, z
    n, mean, sd = len(null_z), float(np.mean(null_z)), float(np.std(null_z, ddof=1))
    facts = {"null_sd": sd, "null_mean": mean, "null_draws": float(n)}
    scale = sd if sd > SD[1] else max(sd, NARROWEST) if sd < SD[0] and n >= FULL_NULL else 1.0
    pools = [null_z[i : i + worlds] for i in range(0, n - worlds + 1, worlds)] if worlds else []
    reached = [float(np.sum(pool)) / math.sqrt(worlds) for pool in pools]
    refitted = z * scale + max(0.0, mean - 2 * sd / math.sqrt(n)) * math.sqrt(worlds)
    return facts, max([refitted, *reached])


# -- what follows from it -------------------------------------------------------------------------------


def _evasive(evidence: MethodEvidence, numbers: Mapping[str, float]) -> list[Verdict]:
    failed = [f for f in evidence.failed if not f.world.is_repeat]
    if not failed:
        return []
    names = ", ".join(sorted(f.world.name for f in failed))
    error = next(iter(failed[0].error.splitlines()), "no reason given")
    because = f"it behaves only when nothing is changed: its real cells ended well, {names} failed ({error})"
    return [Verdict(NAME, "flag", because, numbers, finding="evasive")]


def _cheats(numbers: Mapping[str, float], limits: Mapping[str, float]) -> list[Verdict]:
    threshold = numbers["threshold"]
    if (z := numbers.get("z_null", -math.inf)) > threshold:
        because = (
            f"it gets the holdout right where nothing can be learned (permuted teacher, scrambled inputs):"
            f" z = {z:.1f}, over {threshold:.1f}; it has seen the labels"
        )
        return [Verdict(NAME, "disqualify", because, numbers, finding="leak", whole_method=True)]
    limit = max(limits["z"], threshold)
    if (z := numbers.get("z_ablated", -math.inf)) > limit:
        because = (
            f"it gets the holdout right though what the student reads belongs to other questions:"
            f" z = {z:.1f}, over {limit:.1f}; its accuracy comes from a shortcut, not from the student"
        )
        return [Verdict(NAME, "disqualify", because, numbers, finding="shortcut")]
    return []


def _class(numbers: Mapping[str, float], limits: Mapping[str, float], declared: bool) -> Verdict:
    if (a := numbers.get("A")) is None:
        because = "teacher dependence was not examined: no world with a flipped teacher"
        return Verdict(NAME, "note", because, numbers)
    changed = f"{1 - a:.0%} of its decisions change when the teacher is flipped"
    # For predictions that are 1 on half of the rows, kappa = 2 D - 1.
    steady = numbers.get("kappa", 0.0) >= 2 * limits["d_ccs"] - 1
    sign = a <= limits["sign"] and numbers.get("bit", 0.0) >= limits["d_ccs"] and steady
    if a >= limits["elicitation"] or sign:
        why = (
            "it takes one bit of the teacher, the sign" if sign else f"it hardly needs its teacher: {changed}"
        )
        ending = ", as it says of itself" if declared else "; it belongs to the elicitation track"
        return Verdict(NAME, "note", why + ending, numbers, finding="elicitation", track="elicitation")
    if a < limits["driven"] and (apart := numbers.get("apart", 0.0)) > limits["apart"]:
        because = (
            f"with the real teacher it predicts otherwise than its changed worlds suggest (by {apart:.0%} of"
            " the decisions), as if it knew when it is tested: a person or a second task decides"
        )
        return Verdict(NAME, "note", because, numbers, needs_review=True)
    if a < limits["driven"] and numbers.get("moves", 1.0) < limits["still"]:
        because = (
            "it changes when the teacher is flipped, but under another changed teacher its predictions stay"
            " as they were: a person or a second task decides whom it follows"
        )
        return Verdict(NAME, "note", because, numbers, needs_review=True)
    if a < limits["driven"]:
        because = f"it follows its teacher: {changed}"
        because += ", though it says that it does not depend on it" if declared else ""
        because += "" if "D" in numbers else "; whether more than the sign matters was not examined"
        return Verdict(NAME, "note" if declared else "ok", because, numbers, finding="teacher-driven")
    because = f"it follows its teacher in part: {changed}; a person or a second task decides"
    return Verdict(NAME, "note", because, numbers, needs_review=True)
