"""The family of an idea whose author did not say: one cheap call of the model for each line of descent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from w2s_harness.contract.errors import ModelError
from w2s_harness.contract.studies.dialogue import AgentModel, BrokenReplyError
from w2s_studies.agents.books.journal import Journal
from w2s_studies.agents.books.money import BudgetReachedError, Purse
from w2s_studies.agents.models import prompts
from w2s_studies.agents.tools.contract import FAMILIES

_FILE = "families.jsonl"
_CHARACTERS = 6000
"""Of a source that the model is shown."""
_TOKENS = 16


def known(folder: Path) -> dict[str, str]:
    """The families that were asked for, by lineage."""
    return {line["lineage"]: line["family"] for line in Journal(folder / _FILE).read()}


def ask_missing(folder: Path, model: AgentModel, purse: Purse) -> None:
    """Ask for every lineage that has none, at its author's cost, until a budget or the model ends it."""
    told, journal = known(folder), Journal(folder / _FILE)
    lines = Journal(folder / "evaluations.jsonl").read()
    said = {line["lineage"] for line in lines if line["family"]}
    for line in lines:
        lineage = line["lineage"]
        if lineage in told or lineage in said:
            continue
        try:
            family = _asked(_source(folder, line), line["who"], model, purse)
        except (BudgetReachedError, ModelError):
            return
        journal.append({"lineage": lineage, "who": line["who"], "n": line["n"], "family": family})
        told[lineage] = family


def _source(folder: Path, line: dict[str, Any]) -> str:
    (file,) = (folder / "evaluations" / f"{line['n']:04d}").glob("*.py")
    return file.read_text(encoding="utf-8")[:_CHARACTERS]


def _asked(source: str, who: str, model: AgentModel, purse: Purse) -> str:
    """The model's answer; `other` for one that is none of the eleven."""
    sent = len(source.encode()) + len(prompts.FAMILY) + 256
    reservation = purse.reserve(who, model.name, sent, _TOKENS)
    try:
        message = {"role": "user", "content": [{"type": "text", "text": source or "(empty)"}]}
        reply = model.reply(system=prompts.FAMILY, messages=[message], tools=(), max_tokens=_TOKENS)
    except ModelError as bad:
        (purse.lose if isinstance(bad, BrokenReplyError) else purse.release)(reservation)
        raise
    purse.settle(reservation, model.name, reply.usage)
    text = "".join(block["text"] for block in reply.content if block["type"] == "text")
    word = text.strip().strip(".'\"`").lower()
    return word if word in FAMILIES else "other"
