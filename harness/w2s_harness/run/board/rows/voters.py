"""What a leaderboard says of votes: how far they agree, and intervals over who voted and what was asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from w2s_harness.data.rows.gold import gold_of
from w2s_harness.report.document.records import Judged, JudgedRow
from w2s_harness.run.work.setting.setting import Setting
from w2s_harness.scoring.spread import votes
from w2s_harness.scoring.spread.blocks import Clusters
from w2s_harness.scoring.spread.votes import Panel

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Lines:
    """Weak floor and ceiling of a judged setting, vote by vote: (K,) means over the baseline seeds."""

    setting: Setting
    panel: Panel
    weak: Floats
    ceiling: Floats

    @classmethod
    def of(cls, setting: Setting, questions: Clusters, *, weak: Floats, ceiling: Floats) -> Lines | None:
        """From their outcomes (S, n_test) against the majority vote; None where the holdout has labels."""
        votes = gold_of(setting.data, "test").votes
        if votes is None:
            return None
        panel = Panel.of(votes.values, questions, named=bool(votes.voters))
        return cls(setting, panel, _by_vote(setting, panel, weak), _by_vote(setting, panel, ceiling))


def _by_vote(setting: Setting, panel: Panel, right: Floats) -> Floats:
    """(K,) how far each vote agrees with the decisions behind outcomes (S, n_test), a mean over S seeds."""
    share = right.mean(axis=0)
    return panel.agreement(np.where(gold_of(setting.data, "test").labels, share, 1.0 - share))


def row(lines: Lines, right: Floats, pgr: float | None, no_gap: str | None) -> JudgedRow:
    """The intervals of a row with outcomes (S, n_test) against the majority vote.

    That of the PGR is of L = ((t - w) - PGR (c - w)) / gap around the PGR, as in `interval.pgr_interval`,
    with t, w and c the agreement of each vote with row, weak floor and ceiling.
    """
    own = _by_vote(lines.setting, lines.panel, right)
    accuracy = lines.panel.interval(own)
    if pgr is None:
        reason = accuracy.reason or no_gap or "the row has no PGR"
        return JudgedRow(accuracy_ci=accuracy.bounds, pgr_ci=None, reason=reason)
    room = lines.ceiling - lines.weak
    gap = lines.panel.mean(room)
    found = lines.panel.interval((own - lines.weak - pgr * room) / gap)
    bounds = None if found.bounds is None else (pgr + found.bounds[0], pgr + found.bounds[1])
    return JudgedRow(accuracy_ci=accuracy.bounds, pgr_ci=bounds, reason=accuracy.reason or found.reason)


def setting(lines: Lines) -> Judged:
    """What is said of the votes on a setting's holdout."""
    panel, largest = lines.panel, gold_of(lines.setting.data, "test").largest
    weak, ceiling = panel.interval(lines.weak), panel.interval(lines.ceiling)
    agreement = votes.voter_agreement(panel.ones, panel.counts)
    alpha = votes.krippendorff_alpha(panel.ones, panel.counts)
    why = votes.NO_PAIR if agreement is None else votes.ONE_CLASS if alpha is None else weak.reason
    resampled: Literal["voters and questions", "questions"] = (
        "questions" if panel.voters is None else "voters and questions"
    )
    is_open = lines.setting.task.exposure != "private"
    return Judged(
        votes=int(panel.counts.sum()),
        voters=panel.n_voters,
        noise_ceiling=votes.noise_ceiling(panel.ones, panel.counts),
        agreement=agreement,
        alpha=alpha,
        resampled=resampled,
        weak_ci=weak.bounds,
        ceiling_ci=ceiling.bounds,
        reason=why,
        largest=largest.tolist() if is_open and largest is not None else None,
    )
