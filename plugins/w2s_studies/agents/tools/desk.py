"""What all agents of a run share: who measures, who answers, where it is written down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from w2s_harness.scoring.metered.oracle import Oracle
from w2s_studies.agents.books.journal import Journal
from w2s_studies.agents.books.lineage import Lineages
from w2s_studies.agents.tools.contract import Referee
from w2s_studies.agents.tools.forum import Forum


class RefusedError(Exception):
    """The agent asked for what cannot be; one sentence that it is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What all agents of a run share, and where the host writes down what they did."""

    folder: Path
    referee: Referee
    oracle: Oracle
    lineages: Lineages
    forum: Forum
    evaluations: Journal
    clock: Callable[[], float]
    """Seconds that agents have worked."""
    charge: Callable[[str, float], None]
    """Charges an agent for seconds of the host's machine."""
    spent: Callable[[], float] = lambda: 0.0
    """US dollars that all agents have spent."""
    max_submissions: int = 5
    """Of one agent."""
