"""Seeds come from the plan: a repeat of one cell must give the same predictions, and attempts are counted.

A method that draws from anything but the `rng` it is given, or that finds in one cell what another one left,
does not repeat. Attempts are what this store has scored on this holdout: an author may have made more.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from w2s_harness import MethodEvidence, PlannedMethod, Verdict, World, hookimpl

NAME = "harness-seeds"
SETTINGS: dict[str, float] = {}
"""This guard has no settings."""


@hookimpl
def w2s_worlds() -> Sequence[World]:
    """The same cell once more."""
    return [World(name="repeat")]


@hookimpl
def w2s_judge_method(method: PlannedMethod, evidence: MethodEvidence) -> Sequence[Verdict]:
    """Whether the repeat is the same, all seeds were run, and how often this holdout was tried.

    A seed whose cell failed needs no guard: it fails its row, which names it.
    """
    numbers = {"seeds": float(len(evidence.cells)), "attempts": float(evidence.attempts)}
    said = [_repeated(evidence, numbers)]
    if left_out := [seed for seed in evidence.seeds if seed not in evidence.cells]:
        names, missing = ", ".join(map(str, left_out)), {"missing": float(len(left_out))}
        because = f"seeds of the plan that were not run for it: {names} (-k or --lf left them out)"
        said.append(Verdict(NAME, "note", because, missing, finding="missing-seeds", label_free=True))
    if evidence.attempts > 1:
        because = f"attempts >= {evidence.attempts}: so many methods and parameters this holdout has scored"
        said.append(Verdict(NAME, "note", because, {"attempts": float(evidence.attempts)}, label_free=True))
    return said


def _repeated(evidence: MethodEvidence, numbers: dict[str, float]) -> Verdict:
    failed = [f for f in evidence.failed if f.world.is_repeat]
    if failed:
        because = f"not reproducible: a repeat of seed {failed[0].seed} failed: {failed[0].error}"
        return Verdict(NAME, "flag", because, numbers, finding="not-reproducible", label_free=True)
    pairs = [
        (world, evidence.cells[world.seed])
        for world in evidence.worlds
        if world.world is not None and world.world.is_repeat and world.seed in evidence.cells
    ]
    if not pairs:
        because = "no cell was run twice, since the plan leaves such runs out (--counterfactuals none)"
        return Verdict(NAME, "note", because, numbers, label_free=True)
    changes = [np.abs(repeat.predictions - actual.predictions) for repeat, actual in pairs]
    share = max(float(np.mean(change > 0)) for change in changes)
    largest = max(float(change.max()) for change in changes)
    numbers = {**numbers, "repeats": float(len(pairs)), "rows_changed": share, "largest_difference": largest}
    if share > 0:
        because = (
            f"not reproducible: a repeat of seed {pairs[0][0].seed} changed {share:.1%} of the predictions"
        )
        return Verdict(NAME, "flag", because, numbers, finding="not-reproducible", label_free=True)
    return Verdict(
        NAME, "ok", "a repeated cell gave the same predictions to the last bit", numbers, label_free=True
    )
