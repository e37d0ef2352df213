"""The host's side of an agent run: guarded runs of agents' methods, and their scripts in the jail."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from w2s_harness.contract.access import NOT_FOR_AGENTS
from w2s_harness.contract.errors import HarnessError, PluginError, StoreError
from w2s_harness.contract.plan import VANILLA, ZERO_SHOT, MethodSource, PlannedMethod, Value
from w2s_harness.installed.trusted.plugins import Plugins
from w2s_harness.jail.showing import said
from w2s_harness.report.document import document
from w2s_harness.run.cell.cell_result import CellFailure, CellResult
from w2s_harness.run.cell.method_cell import CellRun
from w2s_harness.run.judge.cells import Cells, StageProgress
from w2s_harness.run.judge.guarding import Guards
from w2s_harness.run.kept import secret
from w2s_harness.run.plan.selection import Options, Selection
from w2s_harness.run.session import session
from w2s_harness.run.session.workshop import Workshop, workshop
from w2s_harness.run.work.engine import Hand
from w2s_harness.run.work.setting.preparing import prepare_settings
from w2s_harness.students.service.client import ServiceClient, memory_share
from w2s_studies.agents.tools.contract import FAILED, Evaluation, ScriptResult, wrapped
from w2s_studies.agents.tools.contract import NAME as SCRIPT
from w2s_studies.agents.tools.workspace import SHARED

if TYPE_CHECKING:
    from w2s_harness.run.board.assemble import RunResults

BESIDE = (VANILLA, ZERO_SHOT)
"""What runs beside every method of an agent: the reference, and what needs no teacher."""
_POLL_S = 0.1


class InterruptedRunError(Exception):
    """The run was stopped while an agent's request was worked on; the request is done again on resume."""


_PASSES = (InterruptedRunError, StoreError)
"""What says nothing of the agent's code: the run was stopped, the disk is full."""


class HostReferee:
    """Works one request off at a time, whoever asks; each uses every job slot.

    :param selection: of the feedback part: one task, one pair, the plan's seeds; its methods are replaced.
    :param plugins: trusted ones, made anew for each run.
    """

    def __init__(self, selection: Selection, options: Options, plugins: Callable[[], Plugins]) -> None:
        self.selection, self._options, self._plugins = selection, options, plugins
        self._lock = threading.Lock()

    def references(self) -> document.Leaderboard:
        """The board of `BESIDE` on the feedback part; it fills the store with what all share."""
        return self.board(self.selection, ())[0]

    def board(self, selection: Selection, methods: Sequence[str]) -> tuple[document.Leaderboard, RunResults]:
        """A whole run of `methods` (words of `--methods`) beside `BESIDE`.

        Raises what `session.run` raises, `InterruptedRunError` where it was stopped.
        """
        wanted = replace(selection, methods=",".join((*BESIDE, *methods)))
        done = session.run(wanted, self._options, session.Listeners(self._plugins(), _unheard, _unheard))
        if done.board is None or done.results is None:
            raise InterruptedRunError
        return done.board, done.results

    def evaluate(self, file: Path, parameters: Mapping[str, Value]) -> Evaluation:
        """A full guarded run on the feedback part; what the method did wrong is the evaluation's `error`."""
        began = time.monotonic()
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        named = Evaluation(label=file.stem, sha256=digest, parameters=dict(parameters))
        with self._lock:
            self._go_on()
            try:
                board, results = self.board(self.selection, [spelled(file, parameters)])
            except _PASSES:
                raise
            except Exception as bad:  # noqa: BLE001 (boundary: an agent's method)
                self._go_on()
                return replace(named, error=_own(said(bad), file), seconds=time.monotonic() - began)
        named = replace(named, seconds=time.monotonic() - began)
        rows = [row for row in board.rows if row.method not in BESIDE]
        if len(rows) != 1:
            return replace(named, error=f"the file offers {len(rows)} methods. Offer one.")
        found = _measured(named, rows[0], results)
        return replace(found, error=_own(found.error, file))

    def _go_on(self) -> None:
        """Raise `InterruptedRunError` where the run was stopped while the request waited or was worked on."""
        if self._options.cancel.is_set():
            raise InterruptedRunError

    def label(self, file: Path, parameters: Mapping[str, Value]) -> str:
        """The method's label, as a worker that loads it says. Raises `HarnessError` where none loads."""
        wanted = replace(self.selection, methods=spelled(file, parameters))
        try:
            with self._lock, self._workshop() as shop:
                self._go_on()
                methods = shop.plan(wanted).methods
        except (*_PASSES, HarnessError):
            raise
        except Exception as bad:
            raise PluginError(said(bad)) from bad
        if len(methods) != 1:
            raise PluginError(f"the file offers {len(methods)} methods. Offer one.")
        if methods[0].error:
            raise PluginError(methods[0].error)
        return methods[0].id

    def script(self, text: str, workspace: Path) -> ScriptResult:
        """Run Python in the jail of methods; it may read the agent's workspace and write to its scratch.

        It does not see what others shared: what an agent has read of that is known from its tools.
        """
        began = time.monotonic()
        with self._lock:
            self._go_on()
            try:
                found = self._script(wrapped(text, str(workspace.resolve())), workspace)
            except _PASSES:
                raise
            except Exception as bad:  # noqa: BLE001 (boundary: an agent's script)
                found = CellFailure(_own(said(bad), workspace))
            self._go_on()
        why = ""
        if isinstance(found, CellFailure) and (not found.skipped or found.why == FAILED):
            why = found.why
        return ScriptResult(found.output, why, time.monotonic() - began)

    def _workshop(self) -> AbstractContextManager[Workshop]:
        store, isolation = self._options.store, self._options.isolation
        timeout_s = self.selection.cell_timeout_s
        return workshop(store, self._plugins(), _unheard, isolation=isolation, timeout_s=timeout_s)

    def _script(self, code: bytes, workspace: Path) -> CellResult | CellFailure:
        source = MethodSource(
            name=SCRIPT,
            module=f"w2s_method_{SCRIPT}",
            distribution=None,
            version=None,
            sha256=hashlib.sha256(code).hexdigest(),
            reads=(str(workspace.resolve()),),
            code=code,
            filename=f"{SCRIPT}.py",
        )
        with self._workshop() as shop:
            shop.jail.close_off([str(workspace / SHARED)])
            plan = shop.plan(replace(self.selection, methods=BESIDE[0]))
            access = tuple(sorted(plan.grants.difference(NOT_FOR_AGENTS)))
            method = PlannedMethod(SCRIPT, SCRIPT, source, {}, access=access)
            hidden = secret.of_store(shop.store)
            plan = replace(plan, methods=(method,), seeds=plan.seeds[:1], secret=hidden)
            shop.close_off(plan)
            # a script is no method: it is run whatever was kept, and nothing is kept
            settings, cancel = prepare_settings(plan, shop.store), self._options.cancel
            bench = shop.bench(settings, cancel)
            (cell,) = Cells(plan, settings, bench, Guards(shop.plugins)).real
            assert isinstance(cell, CellRun)
            with shop.engine(bench, 1, plan) as engine:
                engine.run(cell.needs(), StageProgress(shop.plugins.hook))
            threads = max(pair.threads for pair in plan.pairs)
            memory = memory_share(1)
            with (
                ServiceClient("worker-facing", threads=threads, memory_bytes=memory) as client,
                ended_by(cancel, client.kill),
            ):
                return replace(cell, output_lines=None).run(Hand(bench, client))


@contextmanager
def ended_by(cancel: threading.Event, end: Callable[[], None]) -> Iterator[None]:
    """Call `end` as soon as `cancel` is set inside: a service at work on a long request sees no event."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_POLL_S):
            if cancel.is_set():
                end()
                return

    watcher = threading.Thread(target=watch, name="ended-by", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def spelled(file: Path, parameters: Mapping[str, Value]) -> str:
    """A method file and its parameters as a word of `--methods`."""
    values = {k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in sorted(parameters.items())}
    return ":".join([str(file), *(f"{key}={value}" for key, value in values.items())])


def _measured(named: Evaluation, row: document.Row, results: RunResults) -> Evaluation:
    """An evaluation with what its run came to."""
    cells = [e for e in results.ended() if e.work.cell.method.partition("[")[0] == row.method]
    ran = replace(
        named,
        label=document.label(row),
        verdicts=[msgspec.structs.asdict(v) for v in row.verdicts],
        output="\n".join(e.outcome.output for e in cells if e.outcome.output),
        flops=row.compute.flops,
    )
    if row.status not in ("ok", "no-gap"):
        return replace(ran, error=_why(row))
    (here,) = results.settings
    values = here.unpacked([e.well.scored for e in cells])
    return replace(
        ran,
        pgr=row.pgr,
        accuracy=row.transfer.mean,
        outcomes=values,
        groups=np.asarray(here.test.groups),
        predictions=hashlib.sha256(values.tobytes()).hexdigest(),
        teacher=row.teacher_dependence,
    )


def _unheard(text: str) -> None:
    """Where what a run says goes: agents ask for a run every few minutes."""


def _why(row: document.Row) -> str:
    """Why a row has no score: of a verdict no more than which guard spoke, of a cell what it said."""
    if row.status == "disqualified":
        guards = sorted({v.guard for v in row.verdicts if v.level == "disqualify"})
        return f"disqualified by {', '.join(guards)}"
    return f"{row.status}: {row.reason}"


def _own(text: str, file: Path) -> str:
    """An error as the agent may read it: its file by name alone."""
    return text.replace(str(file), file.name)
