"""An agent run from its folder: agents side by side, each in a thread of its own, then the board."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

from w2s_harness.contract.errors import ExitCode, HarnessError, ModelError, UsageError
from w2s_harness.jail.showing import visible
from w2s_harness.report import formats
from w2s_harness.report.notation import counted
from w2s_harness.run.kept.uses import in_use
from w2s_harness.run.plan.selection import Options
from w2s_harness.scoring.metered.ledger import Ledger
from w2s_harness.scoring.metered.oracle import Oracle, OracleLimits
from w2s_studies.agents.books import plan as planning
from w2s_studies.agents.books.journal import Journal
from w2s_studies.agents.books.money import Clock, Purse
from w2s_studies.agents.host import board
from w2s_studies.agents.host.asking import model_of, plugins_of, selection_of
from w2s_studies.agents.host.referee import HostReferee, InterruptedRunError
from w2s_studies.agents.models.loop import LanguageAgent
from w2s_studies.agents.science import science
from w2s_studies.agents.search import SearchAgent
from w2s_studies.agents.tools.evaluating import Desk, Lineages
from w2s_studies.agents.tools.tools import AgentTools
from w2s_studies.agents.tools.workspace import Forum

_TICK_S = 2.0
LAST_S = 20.0
"""So long the requests at hand may go on when the time is over or after an interrupt."""


class Agent(Protocol):
    """Anything that works until it has done what it can."""

    def run(self) -> object:
        """Until it ends by itself; what ended it, where it says so."""
        ...


class Crew:
    """The agents of a run at work.

    :param make: an agent by its name, which goes on from where its transcript ends. :param over: told the
        name of each that has ended. :param tick: called every few seconds. :param stop: ends them between two
        requests. :param cancel: ends the request at hand, after an interrupt and `LAST_S` seconds after the
        time is over; it is taken back when all have ended.
    """

    def __init__(
        self,
        names: Sequence[str],
        make: Callable[[str], Agent],
        over: Callable[[str], None],
        tick: Callable[[], None],
        *,
        clock: Clock,
        stop: threading.Event,
        cancel: threading.Event,
        say: Callable[[str], None],
    ) -> None:
        self._names, self._make, self._over, self._tick = names, make, over, tick
        self._clock, self._stop, self._cancel, self._say = clock, stop, cancel, say
        self.ended: dict[str, str] = {}
        """Why each that says so has ended, by name."""
        self.failures: dict[str, HarnessError | Exception] = {}
        """What broke an agent off for good, by name."""
        self._over_since: float | None = None
        self.paused: dict[str, ModelError] = {}
        """Those whose model did not answer; they go on when the run is resumed."""

    def work(self) -> None:
        """Until all have ended or the time is over. Raises `KeyboardInterrupt` after they were stopped."""
        threads = [
            threading.Thread(target=self._one, args=(name,), name=name, daemon=True) for name in self._names
        ]
        for thread in threads:
            thread.start()
        try:
            self._wait(threads)
            # the board is still to be made
            self._cancel.clear()
        finally:
            self._stop.set()

    def unusable(self) -> UsageError | None:
        """What no agent could begin with; None where one could."""
        found = [bad for bad in self.failures.values() if isinstance(bad, UsageError)]
        return found[0] if len(found) == len(self._names) else None

    def _wait(self, threads: list[threading.Thread]) -> None:
        try:
            while any(thread.is_alive() for thread in threads):
                for thread in threads:
                    thread.join(timeout=_TICK_S / len(threads))
                self._clock.tick()
                self._end_in_time()
                self._tick()
        except KeyboardInterrupt:
            self._stop.set()
            self._cancel.set()
            for thread in threads:
                thread.join(timeout=LAST_S)
            raise

    def _end_in_time(self) -> None:
        """Let agents begin nothing more when the time is over, and soon end what they began."""
        if self._clock.left_s() > 0:
            return
        now = time.monotonic()
        if not self._stop.is_set():
            self._say("the time is over")
            self._stop.set()
        self._over_since = now if self._over_since is None else self._over_since
        if now - self._over_since >= LAST_S and not self._cancel.is_set():
            self._cancel.set()

    def _one(self, name: str) -> None:
        """An agent's life; what goes wrong ends this agent alone."""
        try:
            because = self._make(name).run()
            if isinstance(because, str):
                self.ended[name] = because
        except InterruptedRunError:
            pass
        except ModelError as bad:
            self.paused[name] = bad
        except Exception as bad:  # noqa: BLE001 (boundary: an agent's thread)
            self.failures[name] = bad
        finally:
            self._over(name)


class Turns:
    """A round of agents that are programs, so that a run is the same every time.

    `with turns.of(name)` waits until it is that name's turn and passes it on.

    :param names: in the order of the round. :param stop: ends all waiting.
    """

    def __init__(self, names: Sequence[str], stop: threading.Event) -> None:
        self._names = list(names)
        self._at = 0
        self._stop = stop
        self._changed = threading.Condition()

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """A context in which it is the turn of `name`, or all is to stop."""
        with self._changed:
            while not self._stop.is_set() and self._names[self._at] != name:
                self._changed.wait(timeout=0.2)
        try:
            yield
        finally:
            with self._changed:
                if self._names:
                    self._at = (self._at + 1) % len(self._names)
                self._changed.notify_all()

    def leave(self, name: str) -> None:
        """Take a name out of the round."""
        with self._changed:
            index = self._names.index(name)
            self._names.remove(name)
            if index < self._at:
                self._at -= 1
            self._at = self._at % len(self._names) if self._names else 0
            self._changed.notify_all()


Say = Callable[[str], None]


class AgentRun:
    """One run from where it stands: its books, its agents, its board; the same again goes on after a kill.

    :param finish: agents that have not ended are not asked again.

    Raises `HarnessError`s for what the user can mend.
    """

    def __init__(self, folder: Path, slots: str, say: Say, *, finish: bool) -> None:
        self.folder, self.say = folder, say
        self.plan = plan = planning.read(folder)
        table = planning.prices_of(folder)
        self._done, self._ledger = folder / "done", Ledger(folder / "ledger.jsonl")
        self._work_left = not finish and not self._done.exists()
        self.model = model_of(plan, table) if self._work_left else None
        self.stop, self.cancel = threading.Event(), threading.Event()
        options = Options(store=Path(plan.store), slots=slots, isolation=plan.isolation, cancel=self.cancel)
        self.referee = HostReferee(selection_of(plan), options, lambda: plugins_of(plan))
        self.clock = Clock(self.journal("clock"), plan.hours)
        self.purse = Purse(
            self.journal("money"), table,
            rate=plan.compute_usd_per_hour, budget=plan.budget_usd, each=plan.agent_budget_usd,
        )  # fmt: skip

    def journal(self, name: str) -> Journal:
        """A book of the run's."""
        return Journal(self.folder / f"{name}.jsonl")

    def work(self, show: Say, out: Path | None, width: int | None) -> ExitCode:
        """Agents, then the board; says what it does.

        :param width: columns of the terminal that `show` writes to; None: lines are as long as they come.
        """
        plan = self.plan
        by = "by plain search" if plan.model is None else f"of {plan.model}"
        on = f" on {plan.pair}" if plan.pair else ""
        climb = f"{counted(plan.agents, 'agent')} {by} {'climbs' if plan.agents == 1 else 'climb'}"
        self.say(f"{climb} {plan.task}{on}   run {self.folder}")
        try:
            self.say("baselines of the feedback part")
            references = self.referee.references()
            for row in references.rows:
                self.say(f"  {row.method}: feedback PGR {_two(row.pgr)}")
            limits = OracleLimits(plan.queries_per_agent, plan.queries_per_lineage, plan.queries)
            (setting,) = references.settings
            weak, ceiling = setting.weak.mean, setting.ceiling.mean
            assert weak is not None and ceiling is not None
            oracle = Oracle(self._ledger, weak, ceiling, limits)
            if self._work_left:
                # while agents think, no evaluation holds the store
                with in_use(Path(plan.store)):
                    self._agents(oracle)
            if not self._done.exists():
                self._done.write_text("agents have stopped\n", encoding="ascii")
            return self._board(oracle, show, out or self.folder / "leaderboard.json", width)
        except (KeyboardInterrupt, InterruptedRunError):
            self.cancel.set()
            self.stop.set()
            self.say(f"interrupted: resume with `w2s-harness agent resume {self.folder}`")
            return ExitCode.INTERRUPTED

    # -- agents -----------------------------------------------------------------------------------------

    def _agents(self, oracle: Oracle) -> None:
        """Until they have stopped for good. Raises `ModelError` where some have only paused."""
        desk = Desk(
            folder=self.folder,
            referee=self.referee,
            oracle=oracle,
            lineages=Lineages(self.journal("lineages")),
            forum=Forum(self.folder, self.plan.names),
            evaluations=self.journal("evaluations"),
            clock=self.clock.used_s,
            charge=self.purse.compute,
            spent=lambda: self.purse.spent().usd,
            max_submissions=self.plan.max_submissions,
        )
        turns, told = Turns(self.plan.names, self.stop), _Told(self.journal("evaluations"), self.say)
        crew = Crew(
            self.plan.names, lambda name: self._agent(name, desk, turns), turns.leave, told,
            clock=self.clock, stop=self.stop, cancel=self.cancel, say=self.say,
        )  # fmt: skip
        crew.work()
        for name, because in sorted(crew.ended.items()):
            self.say(f"{name} ended: {because}")
        for name, bad in sorted(crew.failures.items()):
            said = str(bad) if isinstance(bad, HarnessError) else f"{type(bad).__name__}: {bad}"
            self.say(f"{name} broke off: {said}")
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

    def _agent(self, name: str, desk: Desk, turns: Turns) -> Agent:
        home = self.folder / "agents" / name
        tools = AgentTools(name, desk, Journal(home / "answers.jsonl"))
        transcript = Journal(home / "transcript.jsonl")
        if self.model is not None:
            return LanguageAgent(
                name, self.model, tools, transcript, self.plan.direction(name), self.purse, self.stop,
                left_s=self.clock.left_s,
            )  # fmt: skip

        def stopped() -> bool:
            return self.stop.is_set() or not self.purse.can_compute(name)

        turn = partial(turns.of, name)
        return SearchAgent(name, tools, self.plan.root_seed, transcript, stopped, turn)

    # -- the board --------------------------------------------------------------------------------------

    def _board(self, oracle: Oracle, show: Say, out: Path, width: int | None) -> ExitCode:
        found = board.unique(board.handed_in(self.folder, science.known_families(self.folder)))
        if not found:
            self.say("nothing was handed in, so there is no board")
            return ExitCode.NOTHING_SELECTED
        handed = counted(len(found), "submission")
        self.say(f"{handed}: feedback, final and held-out tasks ({self.plan.held_out_tasks})")
        made = board.measure(self.referee, self.plan, found, oracle, self.purse, self._ledger.head, out)
        show(formats.render(made, "text", width))
        show(f"\n{board.as_table(made, width)}")
        show(f"leaderboard  {out}\n")
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


def _two(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"
