"""An agent run from its folder: agents at work, then the board of what they handed in."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from w2s_harness.contract.errors import ExitCode, HarnessError, ModelError
from w2s_harness.jail.showing import visible
from w2s_harness.report import formats
from w2s_harness.report.notation import counted
from w2s_harness.run.kept.uses import in_use
from w2s_harness.run.plan.selection import Options
from w2s_harness.scoring.metered.ledger import Ledger
from w2s_harness.scoring.metered.oracle import Oracle, OracleLimits
from w2s_studies.agents.books import plan as planning
from w2s_studies.agents.books.clock import Clock, Turns
from w2s_studies.agents.books.journal import Journal
from w2s_studies.agents.books.lineage import Lineages
from w2s_studies.agents.books.money import Purse
from w2s_studies.agents.books.plan import AgentPlan
from w2s_studies.agents.host import board
from w2s_studies.agents.host.asking import model_of, plugins_of, selection_of
from w2s_studies.agents.host.crew import Agent, Crew
from w2s_studies.agents.host.referee import Arena, HostReferee, InterruptedRunError
from w2s_studies.agents.models.loop import LanguageAgent
from w2s_studies.agents.science import science
from w2s_studies.agents.search.search import SearchAgent
from w2s_studies.agents.tools.evaluating import Desk
from w2s_studies.agents.tools.forum import Forum
from w2s_studies.agents.tools.tools import AgentTools

Say = Callable[[str], None]


def work(
    folder: Path,
    slots: str,
    say: Say,
    show: Say,
    out: Path | None,
    *,
    finish: bool = False,
    width: int | None = None,
) -> ExitCode:
    """Work an agent run off from where it stands; the same call goes on after a kill.

    :param finish: agents that have not ended are not asked again.
    :param width: columns of the terminal that `show` writes to; None: lines are as long as they come.

    Raises `HarnessError`s for what the user can mend.
    """
    plan = planning.read(folder)
    return AgentRun(folder, plan, slots, say, finish=finish).work(show, out, width)


class AgentRun:
    """One run: its books, its agents, its board."""

    def __init__(self, folder: Path, plan: AgentPlan, slots: str, say: Say, *, finish: bool = False) -> None:
        self.folder, self.plan, self.say = folder, plan, say
        table = planning.prices_of(folder)
        work_left = not finish and not (folder / "done").exists()
        self.model = model_of(plan, table) if work_left else None
        self._work_left = work_left
        self.stop, self.cancel = threading.Event(), threading.Event()
        self.referee = HostReferee(
            Arena(
                selection=selection_of(plan),
                options=Options(
                    store=Path(plan.store), slots=slots, isolation=plan.isolation, cancel=self.cancel
                ),
                plugins=lambda: plugins_of(plan),
                say=lambda text: None,
            )
        )
        self.clock = Clock(self.journal("clock"), plan.hours)
        self.purse = Purse(
            self.journal("money"), table,
            rate=plan.compute_usd_per_hour, budget=plan.budget_usd, each=plan.agent_budget_usd,
        )  # fmt: skip
        self.forum = Forum(folder, plan.names)

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
            spent=lambda: self.purse.spent().usd,
            max_submissions=self.plan.max_submissions,
        )

    def work(self, show: Say, out: Path | None, width: int | None = None) -> ExitCode:
        """Agents, then the board; says what it does."""
        plan = self.plan
        by = "by plain search" if plan.model is None else f"of {plan.model}"
        on = f" on {plan.pair}" if plan.pair else ""
        climb = f"{counted(plan.agents, 'agent')} {by} {'climbs' if plan.agents == 1 else 'climb'}"
        self.say(f"{climb} {plan.task}{on}   run {self.folder}")
        try:
            self.say("baselines of the feedback part")
            for row in self.references.rows:
                self.say(f"  {row.method}: feedback PGR {_two(row.pgr)}")
            assert self.oracle
            if self._work_left:
                # while agents think, no evaluation holds the store
                with in_use(Path(self.plan.store)):
                    self._agents()
            if not (self.folder / "done").exists():
                (self.folder / "done").write_text("agents have stopped\n", encoding="ascii")
            return self._board(show, out, width)
        except (KeyboardInterrupt, InterruptedRunError):
            self.cancel.set()
            self.stop.set()
            self.say(f"interrupted: resume with `w2s-harness agent resume {self.folder}`")
            return ExitCode.INTERRUPTED

    # -- agents -----------------------------------------------------------------------------------------

    def _agents(self) -> None:
        """Until they have stopped for good. Raises `ModelError` where some have only paused."""
        turns, told = Turns(self.plan.names, self.stop), _Told(self.journal("evaluations"), self.say)
        crew = Crew(
            self.plan.names, lambda name: self._agent(name, turns), turns.leave, told,
            clock=self.clock, stop=self.stop, cancel=self.cancel, say=self.say,
        )  # fmt: skip
        crew.work()
        for name, because in sorted(crew.ended.items()):
            self.say(f"{name} ended: {because}")
        for name, bad in sorted(crew.failures.items()):
            self.say(f"{name} broke off: {_named(bad)}")
        if unusable := crew.unusable():
            raise unusable
        if self.model is not None:
            science.ask_missing_families(self.folder, self.model, self.purse)
        if crew.paused and self.clock.left_s() > 0:
            name, why = min(crew.paused.items())
            others = f" and {len(crew.paused) - 1} more" if len(crew.paused) > 1 else ""
            raise ModelError(
                f"{name}{others} paused: {why} `w2s-harness agent resume {self.folder}` goes on; "
                "with --finish it measures what was handed in."
            )

    def _agent(self, name: str, turns: Turns) -> Agent:
        home = self.folder / "agents" / name
        tools = AgentTools(name, self.desk, Journal(home / "answers.jsonl"))
        transcript = Journal(home / "transcript.jsonl")
        if self.model is not None:
            return LanguageAgent(
                name, self.model, tools, transcript, self.plan.direction(name), self.purse, self.stop,
                left_s=self.clock.left_s,
            )  # fmt: skip

        def stopped() -> bool:
            return self.stop.is_set() or not self.purse.can_compute(name)

        return SearchAgent(name, _InTurn(tools, turns, name), self.plan.root_seed, transcript, stopped)

    # -- the board --------------------------------------------------------------------------------------

    def _board(self, show: Say, out: Path | None, width: int | None) -> ExitCode:
        found = board.unique(board.handed_in(self.folder, science.known_families(self.folder)))
        if not found:
            self.say("nothing was handed in, so there is no board")
            return ExitCode.NOTHING_SELECTED
        handed = counted(len(found), "submission")
        self.say(f"{handed}: feedback, final and held-out tasks ({self.plan.held_out_tasks})")
        ledgers = board.Ledgers(
            attempts=self.oracle.attempts, purse=self.purse, head=Ledger(self.folder / "ledger.jsonl").head,
        )  # fmt: skip
        made = board.measure(
                self.referee, self.plan, found, ledgers, out or self.folder / "leaderboard.json"
            )  # fmt: skip
        show(formats.render(made, "text", width))
        show(f"\n{board.as_table(made, width)}")
        show(f"leaderboard  {out or self.folder / 'leaderboard.json'}\n")
        return ExitCode.OK


class _Told:
    """Says what was evaluated since it was called last."""

    def __init__(self, evaluations: Journal, say: Say) -> None:
        self._evaluations, self._say, self._n = evaluations, say, 0

    def __call__(self) -> None:
        lines = self._evaluations.read()
        for line in lines[self._n :]:
            score = visible(line.get("error") or "") or f"feedback PGR {_two(line.get('pgr'))}"
            self._say(f"  {line['n']:3d}  {line['who']:9s} {line['label']}: {score}")
        self._n = len(lines)


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


def _named(bad: Exception) -> str:
    return str(bad) if isinstance(bad, HarnessError) else f"{type(bad).__name__}: {bad}"


def _two(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"
