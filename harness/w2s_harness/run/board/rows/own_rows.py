"""What is the teacher's own in every row of a setting, from its echo and decoy cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from w2s_harness.contract.types import Verdict, World
from w2s_harness.report.document import records
from w2s_harness.run.board.rows.rows import Tally
from w2s_harness.run.cell.cell_result import Ended
from w2s_harness.run.stages.worlds.own import TEACHERS, Calibrated
from w2s_harness.scoring.comparisons import own_part
from w2s_harness.scoring.comparisons.own_part import WorldCells
from w2s_harness.scoring.comparisons.starred import Starred

NO_READOUT = (
    "the student has no zero-shot readout, so what it knew before training is not known and nothing can be "
    "told from it"
)
DRIVEN = 0.5
"""Share of changes under a flipped teacher above which a row follows its teacher, in its sign at least."""
ONE_SEED = (
    "echo and decoy cells of one seed: an interval needs two (more seeds; in finetune --counterfactuals all)"
)
FAILED = "an echo or decoy cell failed"


def with_own(
    tallies: Sequence[Tally],
    worlds: Mapping[tuple[str, str], Sequence[Ended]],
    starred: Starred | None,
    calibrated: Calibrated | None = None,
) -> list[Tally]:
    """The tallies of one setting, each with what is the teacher's own in it.

    :param worlds: the echo and decoy cells, by (setting id, method id). :param starred: `zero-shot*`, None
    of a student without readouts. :param calibrated: vanilla in many draws; None where students are
    fine-tuned, and then the rows' own draws say how much one is worth.
    """
    asked = [
        worlds.get((tally.reference.setting.id, tally.method.id), ()) if tally.is_whole else ()
        for tally in tallies
    ]
    cells = [
        _cells(tally, ended, calibrated) if ended else None
        for tally, ended in zip(tallies, asked, strict=True)
    ]
    draws = {
        teacher: calibrated.spread(teacher)
        if calibrated is not None
        else own_part.pooled([own_part.draws_variance(found[teacher].accuracies) for found in cells if found])
        for teacher in ("echo", "decoy")
    }
    out = []
    for tally, ended, found in zip(tallies, asked, cells, strict=True):
        if found is not None:
            own = _own(tally, found, starred, draws)
            tally = replace(tally, own=own, verdicts=settled(tally.verdicts, own))
        elif ended:
            failed = records.Own(echo=None, decoy=None, draws=0, verdict=None, reason=FAILED)
            tally = replace(tally, own=failed)
        out.append(tally)
    return out


def _own(
    tally: Tally, found: Mapping[str, WorldCells], starred: Starred | None, draws: Mapping[str, float]
) -> records.Own:
    clusters = tally.reference.clusters
    echo, decoy = (found[teacher].size(clusters, draws[teacher]) for teacher in ("echo", "decoy"))
    word, more, reason = None, None, None
    if starred is None:
        reason = NO_READOUT
    else:
        seeds = found["echo"].seeds
        best = np.stack([starred.best.outcomes[seed] for seed in seeds])
        above = own_part.size(seeds, found["echo"].real - best, clusters)
        word, more = own_part.verdict(echo, decoy, above)
        reason = ONE_SEED if word is None else None
    gap = tally.reference.base.gap if tally.reference.no_gap is None else None
    return records.Own(
        echo=_part(echo, gap),
        decoy=_part(decoy, gap),
        draws=found["echo"].accuracies.shape[1],
        verdict=word,
        seeds_more=more,
        strict=float(found["strict"].difference()[0].mean()) if "strict" in found else None,
        reason=reason,
    )


def _part(size: own_part.Size, gap: float | None) -> records.OwnPart:
    bounds = size.bounds
    return records.OwnPart(
        accuracy=size.accuracy,
        ci=bounds,
        pgr=None if gap is None else size.accuracy / gap,
        pgr_ci=None if gap is None or bounds is None else (bounds[0] / gap, bounds[1] / gap),
    )


def _cells(
    tally: Tally, ended: Sequence[Ended], calibrated: Calibrated | None
) -> dict[str, WorldCells] | None:
    """The cells by world; None where one of them failed."""
    if not all(e.is_well for e in ended):
        return None
    setting = tally.reference.setting
    out: dict[str, WorldCells] = {}
    rows = {e.seed: i for i, e in enumerate(tally.cells)}
    real = tally.outcomes
    for teacher in TEACHERS:
        by_seed: dict[int, list[tuple[World, Ended]]] = {}
        for e in ended:
            if (world := e.work.world) is not None and world.teacher == teacher:
                by_seed.setdefault(e.seed, []).append((world, e))
        for found in by_seed.values():
            found.sort(key=lambda each: each[0].draw)
        seeds = tuple(seed for seed in rows if seed in by_seed)
        if not seeds and teacher == "strict":
            continue
        if not seeds:
            return None
        fakes = [setting.agreement(setting.unpacked([e.well.scored for _, e in by_seed[s]])) for s in seeds]
        members = 2 if teacher == "decoy" else 1
        out[teacher] = WorldCells(
            seeds=seeds,
            real=real[[rows[s] for s in seeds]],
            fake=np.stack([f.mean(0) for f in fakes]),
            accuracies=np.stack([f.mean(1).reshape(-1, members) for f in fakes]),
            luck=None
            if calibrated is None
            else np.stack([calibrated.luck(teacher, s, [world for world, _ in by_seed[s]]) for s in seeds]),
        )
    return out


def settled(verdicts: Sequence[Verdict], own: records.Own) -> list[Verdict]:
    """What the guards said, where echo and decoy were measured: they decide whom a row follows.

    A guard's note on that (it holds how much changes under a flipped teacher) sends no row to another track
    because of one bit, and asks for a review only where echo and decoy are unclear.
    """
    word, out = own.verdict, []
    for said in verdicts:
        changed = said.teacher_dependence
        is_asked = said.level == "note" and changed is not None and word not in (None, "elicitation")
        one_bit = said.track == "elicitation" and changed is not None and changed > DRIVEN
        if is_asked and (one_bit or said.needs_review):
            if word == "unclear":
                because = f"{said.because}; echo and decoy do not tell, so a person or a second task decides"
                said = replace(said, needs_review=True, track=None, because=because)
            else:
                because = f"{said.because}; echo and decoy say: {word}"
                said = replace(said, finding="", needs_review=False, track=None, because=because)
        out.append(said)
    return out
