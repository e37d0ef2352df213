"""What agents handed in, from the run's books."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from w2s_harness.agent.board import Submission
from w2s_harness.agent.forum import one_line
from w2s_harness.agent.journal import Journal
from w2s_harness.agent.money import Purse
from w2s_harness.report.provenance import Cost


def submissions(folder: Path, families: Mapping[str, str] | None = None) -> list[Submission]:
    """In the order in which they were handed in. Raises `DataError` for a broken book.

    :param families: of lineages, for those whose author did not say.
    """
    return [
        Submission(
            n=line["n"],
            who=line["who"],
            file=folder / line["file"],
            sha256=line["sha256"],
            parameters=line["params"],
            title=one_line(line["title"]),
            lineage=line["lineage"],
            family=line["family"] or (families or {}).get(line["lineage"], ""),
            lines=line["lines"],
            read=line["read"],
            at_s=line["at_s"],
        )
        for line in Journal(folder / "submissions.jsonl").read()
    ]


def cost(one: Submission, purse: Purse) -> Cost:
    """What a submission's author spent in the whole run: tokens, lost calls among them, and compute."""
    spent = purse.spent(one.who)
    return Cost(
        usd=spent.usd,
        tokens_usd=spent.tokens_usd + spent.lost_usd,
        compute_usd=spent.compute_usd,
        agent_hours=one.at_s / 3600,
    )
