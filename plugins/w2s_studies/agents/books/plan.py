"""What an agent run was asked to do, as `plan.json` in its folder holds it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from w2s_harness.contract.errors import UsageError
from w2s_harness.data.disk import read_bytes, replace_file, shown, text_of
from w2s_harness.data.reading.strict_json import struct_of
from w2s_harness.jail.host.jail import Choice
from w2s_studies.agents.books.money import Prices, load_prices

MAX_BYTES = 2**22
"""A longer plan or price table is refused."""
_PRICES = "prices.yaml"
_MEND = "It was written by another version, or changed by hand."


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPlan:
    """Everything that decides an agent run, beside what a model answers."""

    format: Literal["w2s-agent-run/1"] = "w2s-agent-run/1"
    agents: int = 4
    model: str | None = None
    """The language model that agents talk through; None for plain search."""
    base_url: str | None = None
    """Of the model's server; None for the SDK's own."""
    directions: tuple[str, ...] = ()
    """What agents are told to look at first, in turn; empty for nothing."""
    task: str = "chat"
    """The one that agents climb; its settings ride on the name."""
    pair: str | None = None
    """None: each task runs on the pair that it is made for."""
    held_out_tasks: str = "math,code"
    beside: str = ""
    """Methods that stand on the board beside vanilla, zero-shot and the agents', such as a person's."""
    seeds: str = "5"
    limit: int | None = None
    root_seed: int = 0
    grant: str = ""
    guards: str = "default"
    plugins: tuple[str, ...] = ()
    """What `-p` was given."""
    cell_timeout_s: float = 60.0
    budget_usd: float | None = None
    agent_budget_usd: float | None = None
    compute_usd_per_hour: float = 0.0
    hours: float = 1.0
    queries_per_agent: int = 20
    queries_per_lineage: int = 20
    queries: int = 60
    """Of the whole group."""
    max_submissions: int = 5
    """Of one agent."""
    isolation: Choice = "auto"
    store: str = ".w2s"

    @property
    def names(self) -> tuple[str, ...]:
        """The agents' names."""
        return tuple(f"agent-{k + 1}" for k in range(self.agents))

    def direction(self, name: str) -> str:
        """What an agent is told to look at first; empty for nothing."""
        return self.directions[self.names.index(name) % len(self.directions)] if self.directions else ""


def write(plan: AgentPlan, folder: Path, own_prices: Path | None = None) -> None:
    """Make the run's folder with its `plan.json` and a copy of the user's price table.

    Raises `UsageError` where it exists and is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            f"{folder} exists. Continue it with `w2s-harness agent resume {folder}`, or give another --dir."
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if own_prices is not None:
        (folder / _PRICES).write_bytes(read_bytes(own_prices, MAX_BYTES, "A price table is short."))
    replace_file(folder / "plan.json", msgspec.json.format(msgspec.json.encode(plan), indent=1))


def read(folder: Path) -> AgentPlan:
    """The plan of an agent run. Raises `UsageError` where there is none, `DataError` for a broken one."""
    path = folder / "plan.json"
    if not path.exists():
        raise UsageError(f"{folder}: no agent run (no plan.json). `w2s-harness agent run` starts one.")
    body = read_bytes(path, MAX_BYTES, _MEND, no_file=_MEND)
    return struct_of(text_of(body, shown(path)), AgentPlan, shown(path), mend=_MEND)


def prices_of(folder: Path) -> Prices:
    """The price table of an agent run: the shipped one, above it what the user gave."""
    own = folder / _PRICES
    return load_prices(own if own.exists() else None)
