"""An agent run from its folder: agents at work, then the board of what they handed in."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from w2s_harness.agent import board, prices, submitting
from w2s_harness.agent import plan as planning
from w2s_harness.agent.clock import Clock
from w2s_harness.agent.desk import Desk
from w2s_harness.agent.forum import Forum
from w2s_harness.agent.journal import Journal
from w2s_harness.agent.lineage import Lineages
from w2s_harness.agent.money import Purse
from w2s_harness.agent.plan import AgentPlan
from w2s_harness.agent.referee import Arena, HostReferee, InterruptedRunError
from w2s_harness.agent.search import SearchAgent
from w2s_harness.agent.tools import AgentTools
from w2s_harness.agent.turns import Turns
from w2s_harness.discovery.plugins import Plugins
from w2s_harness.errors import ExitCode, HarnessError
from w2s_harness.experiment.selection import Selection
from w2s_harness.experiment.session import Options
from w2s_harness.report import agents, tables
from w2s_harness.scoring.ledger import Ledger
from w2s_harness.scoring.oracle import Oracle, OracleLimits

Say = Callable[[str], None]
_TICK_S = 2.0


def work(folder: Path, slots: str, say: Say, show: Say, out: Path | None) -> ExitCode:
    """Work an agent run off from where it stands; the same call goes on after a kill.

    Raises `HarnessError`s for what the user can mend.
    """
    plan = planning.read(folder)
    return AgentRun(folder, plan, slots, say).work(show, out)


class AgentRun:
    """One run: its books, its agents, its board."""

    def __init__(self, folder: Path, plan: AgentPlan, slots: str, say: Say) -> None:
        self.folder, self.plan, self.say = folder, plan, say
        self.stop, self.cancel = threading.Event(), threading.Event()
        self.referee = HostReferee(
            Arena(
                selection=_selection(plan),
                options=Options(
                    store=Path(plan.store), slots=slots, isolation=plan.isolation, cancel=self.cancel
                ),
                plugins=lambda: _plugins(plan),
                say=lambda text: None,
            )
        )
        self.clock = Clock(self.journal("clock"), plan.hours)
        self.purse = Purse(
            self.journal("money"), prices.load(),
            rate=plan.compute_usd_per_hour, budget=plan.budget_usd, each=plan.agent_budget_usd,
        )  # fmt: skip
        self.forum = Forum(folder, plan.names)
        self.failures: dict[str, str] = {}
        """What ended an agent that did not end by itself, by name."""

    def journal(self, name: str) -> Journal:
        """A book of the run's."""
        return Journal(self.folder / f"{name}.jsonl")

    @cached_property
    def oracle(self) -> Oracle:
        """Over the feedback part's weak floor and ceiling, which are measured first."""
        limits = OracleLimits(
            self.plan.queries_per_agent, self.plan.queries_per_lineage, self.plan.queries
        )  # fmt: skip
        setting = self.references.settings[0]
        return Oracle(Ledger(self.folder / "ledger.jsonl"), setting.weak.mean, setting.ceiling.mean, limits)

    @cached_property
    def references(self) -> Any:
        """The board of vanilla and zero-shot on the feedback part."""
        return self.referee.references()

    @cached_property
    def lineages(self) -> Lineages:
        """Known again on resume."""
        return Lineages(self.journal("lineages"))

    @cached_property
    def desk(self) -> Desk:
        """What all agents share."""
        return Desk(
            folder=self.folder,
            referee=self.referee,
            oracle=self.oracle,
            lineages=self.lineages,
            forum=self.forum,
            evaluations=self.journal("evaluations"),
            clock=self.clock.used_s,
            charge=self.purse.compute,
            max_submissions=self.plan.max_submissions,
        )

    def work(self, show: Say, out: Path | None) -> ExitCode:
        """Agents, then the board; says what it does."""
        plan = self.plan
        self.say(f"{plan.agents} agents by plain search climb {plan.task} on {plan.pair}   run {self.folder}")
        try:
            self.say("baselines of the feedback part")
            for row in self.references.rows:
                self.say(f"  {row.method}: feedback PGR {_two(row.pgr)}")
            assert self.oracle
            if not (self.folder / "done").exists():
                self._agents()
                (self.folder / "done").write_text("agents have stopped\n", encoding="ascii")
            return self._board(show, out)
        except (KeyboardInterrupt, InterruptedRunError):
            self.cancel.set()
            self.stop.set()
            self.say(f"interrupted: `w2s-harness agent resume {self.folder}` goes on from here")
            return ExitCode.INTERRUPTED

    # -- agents -----------------------------------------------------------------------------------------

    def _agents(self) -> None:
        turns = Turns(self.plan.names, self.stop)
        threads = [
            threading.Thread(target=self._one, args=(name, turns), name=name, daemon=True)
            for name in self.plan.names
        ]
        for thread in threads:
            thread.start()
        try:
            self._wait(threads)
        finally:
            self.stop.set()
        for name, why in sorted(self.failures.items()):
            self.say(f"{name} ended early: {why}")

    def _wait(self, threads: list[threading.Thread]) -> None:
        """Until all have ended or the time is over; then they may end the request at hand."""
        told = 0
        try:
            while any(thread.is_alive() for thread in threads):
                for thread in threads:
                    thread.join(timeout=_TICK_S / len(threads))
                self.clock.tick()
                if self.clock.left_s() <= 0 and not self.stop.is_set():
                    self.say("the time is over")
                    self.stop.set()
                told = self._tell(told)
        except KeyboardInterrupt:
            self.stop.set()
            self.cancel.set()
            for thread in threads:
                thread.join(timeout=20.0)
            raise

    def _tell(self, told: int) -> int:
        """Say what was evaluated since; how many there were."""
        lines = self.journal("evaluations").read()
        for line in lines[told:]:
            score = line.get("error") or f"feedback PGR {_two(line.get('pgr'))}"
            self.say(f"  {line['n']:3d}  {line['who']:9s} {line['label']}: {score}")
        return len(lines)

    def _one(self, name: str, turns: Turns) -> None:
        """An agent's life, in its thread; what goes wrong ends this agent alone."""
        try:
            self._agent(name, turns).run()
        except InterruptedRunError:
            pass
        except HarnessError as bad:
            self.failures[name] = str(bad)
        except Exception as bad:  # noqa: BLE001 (boundary: an agent's thread)
            self.failures[name] = f"{type(bad).__name__}: {bad}"
        finally:
            turns.leave(name)

    def _agent(self, name: str, turns: Turns) -> SearchAgent:
        home = self.folder / "agents" / name
        tools = AgentTools(name, self.desk, Journal(home / "answers.jsonl"))

        def stopped() -> bool:
            return self.stop.is_set() or not self.purse.can_compute(name)

        transcript = Journal(home / "transcript.jsonl")
        return SearchAgent(name, _InTurn(tools, turns, name), self.plan.root_seed, transcript, stopped)

    # -- the board --------------------------------------------------------------------------------------

    def _board(self, show: Say, out: Path | None) -> ExitCode:
        found = board.unique(submitting.submissions(self.folder))
        if not found:
            self.say("nothing was handed in, so there is no board")
            return ExitCode.NOTHING_SELECTED
        self.say(f"{len(found)} submissions: feedback, final and held-out tasks ({self.plan.held_out_tasks})")
        ledgers = board.Ledgers(
            attempts=self.oracle.attempts, cost=lambda one: submitting.cost(one, self.purse)
        )  # fmt: skip
        made = board.measure(
                self.referee, self.plan, found, ledgers, out or self.folder / "leaderboard.json"
            )  # fmt: skip
        show(tables.render(made, "text"))
        show(f"\n{agents.text(made)}")
        show(f"leaderboard  {out or self.folder / 'leaderboard.json'}\n")
        return ExitCode.OK


class _InTurn:
    """A toolbox whose evaluations wait for their agent's turn."""

    def __init__(self, tools: AgentTools, turns: Turns, name: str) -> None:
        self._tools, self._turns, self._name = tools, turns, name

    @property
    def schemas(self) -> Any:
        """Of the tools behind it."""
        return self._tools.schemas

    def call(self, name: str, arguments: Any, call_id: str) -> Any:
        """The tool's answer, in turn."""
        with self._turns.of(self._name):
            return self._tools.call(name, arguments, call_id)


def _selection(plan: AgentPlan) -> Selection:
    return Selection(
        tasks=plan.task, pairs=plan.pair, seeds=plan.seeds, limit=plan.limit, root_seed=plan.root_seed,
        grant=plan.grant, guards=plan.guards, cell_timeout_s=plan.cell_timeout_s, holdout="feedback",
        controls=False,
    )  # fmt: skip


def _plugins(plan: AgentPlan) -> Plugins:
    plugins = Plugins()
    for spec in plan.plugins:
        plugins.switch(spec)
    return plugins


def _two(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"
