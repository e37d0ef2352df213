"""The works of one plan, in the order in which they can be worked off, and what they come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from w2s_harness.contract.plan import Plan
from w2s_harness.run.board.assemble import RunResults, unjudged
from w2s_harness.run.board.control_verdicts import judged_controls
from w2s_harness.run.board.rows.scored import Beside, wanted
from w2s_harness.run.board.shared import SharedWork, shared_results
from w2s_harness.run.judge.cells import CellProgress, Cells, Log, StageProgress
from w2s_harness.run.judge.guarding import Guards
from w2s_harness.run.stages.readouts import zero_shot_starred
from w2s_harness.run.stages.vanilla import members, together
from w2s_harness.run.stages.worlds.own import calibrated
from w2s_harness.run.work.engine import Bench, Engine
from w2s_harness.run.work.setting.setting import Setting


@dataclass(eq=False)
class PlanWork:
    """A plan on an engine; its parts are called in the order in which they stand here."""

    plan: Plan
    settings: Sequence[Setting]
    bench: Bench
    guards: Guards
    hook: Any
    """The life-cycle hooks that are told of it."""
    shared: SharedWork = field(init=False)
    cells: Cells = field(init=False)
    stages: StageProgress = field(init=False)

    def __post_init__(self) -> None:
        self.cells = Cells(self.plan, self.settings, self.bench, self.guards)
        reads = self.guards.has_judges
        self.shared = SharedWork(self.plan, self.settings, self.bench, reads_features=reads)
        self.stages = StageProgress(self.hook)

    def run_gold(self, engine: Engine) -> None:
        """What comes before any service that may serve a worker."""
        engine.run(self.shared.gold(), self.stages)
        if controls := self.shared.golden_controls():
            engine.run(controls, self.stages)

    def run_shared(self, engine: Engine) -> None:
        """What else the methods share."""
        engine.run([*self.shared.heads(), *self.shared.calibrations(), *self.shared.noise()], self.stages)

    def run_cells(self, engine: Engine, log: Log, *, stop_first: bool, reverse: bool) -> None:
        """The cells."""
        self.cells.run(engine, CellProgress(self.hook, log, stop_first=stop_first), reverse=reverse)

    def scores(self) -> RunResults:
        """What the cells came to, without what they are compared with."""
        shared = {s.id: shared_results(self.shared, s) for s in self.settings}
        return RunResults(plan=self.plan, settings=self.settings, shared=shared, work=self.cells)

    def results(self) -> RunResults:
        """What all of it came to."""
        found, bench, seeds = self.scores(), self.bench, self.plan.seeds
        stars = {s.id: zero_shot_starred(bench, s.ref, seeds) for s in self.settings}
        readouts = {name: star for name, star in stars.items() if star is not None}
        controls = judged_controls(self.shared, found.shared, readouts)
        in_worlds = {
            s.id: calibrated(bench, s.ref, seeds, self.shared.worlds)
            for s in self.settings
            if self.shared.is_calibrated(s)
        }
        return replace(found, controls=controls, readouts=readouts, calibrated=in_worlds)

    def beside(self, engine: Engine, found: RunResults) -> Beside:
        """The vanilla students that the rows are compared with beside the plan's own.

        A setting one of whose students could not be trained has none: it takes a comparison from its rows and
        must not take the run.
        """
        refs, seeds = {s.id: s.ref for s in self.settings}, self.plan.seeds
        asked = sorted(wanted(unjudged(found)))
        works = [
            (name, work)
            for name, solver, m in asked
            for seed in seeds
            for work in members(refs[name], solver, seed, m)
        ]
        if works:
            engine.run([work for _, work in works], self.stages)
        bad = {name for name, work in works if self.bench.results.failure(work)}
        outcomes = {
            (name, solver, m): {seed: together(self.bench, refs[name], solver, seed, m) for seed in seeds}
            for name, solver, m in asked
            if name not in bad
        }
        return Beside(outcomes, zero_shot=found.readouts)
