"""Plain evolutionary search through the tools of an agent: the control for language models."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict

from w2s_harness.report.notation import counted
from w2s_harness.run.work.work import named_seed
from w2s_studies.agents.books.journal import Journal
from w2s_studies.agents.search.grammar import Genome, crossed, mutated, random_genome, source
from w2s_studies.agents.tools.contract import Toolbox, ToolResult

ELITE = 4
"""Of the best so far, from which the next one is made."""
EXPLORE = 0.25
"""Share of new genomes that are drawn afresh."""
HANDED_IN = 3
"""Methods that one search hands in at most."""


class SearchAgent:
    """Writes methods of the grammar, evaluates them, hands in the best; no model, no key.

    It may use only what a language model may: the same tools, oracle and budget. All of its draws hang on
    `seed`, its name and what the tools answered, so a run that is resumed decides the same again.
    """

    def __init__(
        self,
        who: str,
        toolbox: Toolbox,
        seed: int,
        transcript: Journal,
        stop: Callable[[], bool],
        turn: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """`turn`: entered around each call of a tool."""
        self.who, self._toolbox, self._stop, self._turn = who, toolbox, stop, turn
        self._rng = random.Random(named_seed("search", seed, who))
        self._transcript = transcript
        self._replayed = len(transcript.read())
        self._calls = 0
        self._tried: list[tuple[Genome, float | None]] = []
        """With the PGR that the oracle told; None where it was not better than the best by the step."""

    def run(self) -> None:
        """Until no query is left or it is told to stop; then it hands in."""
        seen: set[Genome] = set()
        while not self._stop():
            genome = self._next(seen)
            seen.add(genome)
            path = f"{genome.name}.py"
            self._call("write_file", {"path": path, "text": source(genome)})
            answer = self._call("evaluate", {"method_file": path, "family": genome.family})
            if "left" not in answer.facts:
                break
            self._tried.append((genome, answer.facts["pgr"]))
            if answer.facts["improved"]:
                text = f"{asdict(genome)} was told PGR {answer.facts['pgr']:.2f} on feedback."
                self._call("share_finding", {"kind": "result", "title": genome.name, "text": text})
            if answer.facts["left"] == 0:
                break
        self._hand_in()

    def _next(self, seen: set[Genome]) -> Genome:
        """A genome that was not tried."""
        for _ in range(200):
            genome = self._proposed()
            if genome not in seen:
                return genome
        return genome

    def _proposed(self) -> Genome:
        rng, elite = self._rng, self._elite()
        if not self._tried:
            return Genome() if rng.random() < 0.5 else random_genome(rng)
        if not elite or rng.random() < EXPLORE:
            return random_genome(rng)
        one = rng.choice(elite)
        if len(elite) > 1 and rng.random() < 0.4:
            return crossed(one, rng.choice(elite), rng)
        return mutated(one, rng)

    def _elite(self) -> list[Genome]:
        """What was told to be better, best first: the oracle is silent about the rest."""
        told = [(pgr, genome) for genome, pgr in self._tried if pgr is not None]
        return [genome for _, genome in sorted(told, key=lambda one: -one[0])[:ELITE]]

    def _hand_in(self) -> None:
        """The best, then the best of other families."""
        families: set[str] = set()
        for genome in self._elite():
            if genome.family in families or len(families) == HANDED_IN:
                continue
            families.add(genome.family)
            what = f"filter {genome.filter}, relabel {genome.relabel}, loss {genome.loss}, {genome.ensemble}"
            self._call(
                "submit",
                {
                    "method_file": f"{genome.name}.py",
                    "title": what,
                    "summary": f"Found by plain search after {counted(len(self._tried), 'evaluation')}.",
                    "family": genome.family,
                },
            )

    def _call(self, name: str, arguments: dict[str, object]) -> ToolResult:
        """A tool's answer; the call is written down before it is acted on."""
        self._calls += 1
        call_id = f"{self.who}/{self._calls}"
        if self._calls > self._replayed:
            self._transcript.append({"call": call_id, "tool": name, "arguments": arguments})
        with self._turn():
            return self._toolbox.call(name, arguments, call_id)
