"""What the methods of a plan share: which works that is, and what they came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from w2s_harness.contract.plan import Plan
from w2s_harness.contract.types import World
from w2s_harness.run.stages import controls, vanilla
from w2s_harness.run.stages.readouts import ReadMargins, ReadoutHeads
from w2s_harness.run.stages.service_orders import READS, Features, Role
from w2s_harness.run.stages.teachers import OTHER_TEACHER, Ceiling, Teacher
from w2s_harness.run.stages.tuning import Tune, tuned
from w2s_harness.run.stages.worlds import own
from w2s_harness.run.work.engine import AnyWork, Bench
from w2s_harness.run.work.setting.setting import Setting
from w2s_harness.scoring.comparisons.starred import Starred

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class SharedWork:
    """The works that all methods of a plan share, in the order in which stages follow each other."""

    plan: Plan
    settings: Sequence[Setting]
    bench: Bench
    reads_features: bool = False
    """Whether somebody beside the works, a guard, reads the features."""

    @property
    def by_steps(self) -> bool:
        """Whether a method of the plan may train by steps."""
        return any(method.may_train_by_steps for method in self.plan.methods)

    def gold(self) -> list[AnyWork]:
        """What comes first, on services that may see gold."""
        return [work for works in self.stages().values() for work in works]

    def stages(self) -> dict[str, list[AnyWork]]:
        """The works of `gold` by stage; the features are among them where they are read."""
        settings, plan, by_steps = self.settings, self.plan, self.by_steps
        # counterfactual cells may need another teacher
        seeds = [*self.seeds(), OTHER_TEACHER] if self._is_audited else self.seeds()
        paths = [(s.ref, solver) for s in settings for solver in vanilla.solvers(s.ref, by_steps=by_steps)]
        return {
            "features": [*self.features()] if self.reads_features else [],
            "tune": [work for s in settings for work in tuned(s.ref, by_steps=by_steps)],
            "weak": [Teacher(s.ref, seed) for s in settings for seed in seeds],
            "ceiling": [self.ceiling(s, seed) for s in settings for seed in plan.baseline_seeds],
            "vanilla*": [vanilla.VanillaPath(*path, seed) for path in paths for seed in plan.seeds],
            ReadMargins.kind: [ReadMargins(s.ref) for s in settings],
        }

    def features(self) -> list[Features]:
        """One for each (model, split) of the plan, biggest first; none where students are fine-tuned."""
        probes = [s for s in self.settings if s.pair.mode == "probe"]
        every = [Features(s.ref, role, split) for role, split in READS for s in probes]
        return list({work.key: work for work in every}.values())

    def golden_controls(self) -> list[AnyWork]:
        """The controls that are trained on gold; after `gold`, which says who has readouts."""
        settings, plan = self.settings if self.plan.controls else (), self.plan
        weak = [controls.WeakAsStrong(s.ref, seed) for s in settings for seed in plan.baseline_seeds]
        return [*weak, *(controls.GoldOracle(s.ref, seed) for s in settings for seed in self.oracle_seeds(s))]

    def oracle_seeds(self, setting: Setting) -> Sequence[int]:
        """Those of the gold oracle: every seed in `probe`, the first alone of a model that is fine-tuned."""
        if self.plan.counterfactuals == "none" or not self.has_readouts(setting):
            return ()
        return self.plan.seeds if setting.pair.mode == "probe" else self.plan.seeds[:1]

    def heads(self) -> list[ReadoutHeads]:
        """The readouts' heads."""
        return [ReadoutHeads(s.ref, seed) for s in self.settings for seed in self.plan.seeds]

    def calibrations(self) -> list[own.WorldCalibration]:
        """Vanilla in the worlds of the settings whose student has readouts; of probes alone."""
        return [
            own.WorldCalibration(s.ref, seed, self.worlds)
            for s in self.settings
            if self.is_calibrated(s)
            for seed in self.plan.seeds
        ]

    def noise(self) -> list[controls.Noise]:
        """The controls on labels that hold nothing."""
        return [
            controls.Noise(s.ref, name, seed, self.noise_draws(s))
            for s in self.settings
            for name in controls.noise_names(s.ref)
            for seed in self.plan.seeds
            if self.plan.controls
        ]

    def noise_draws(self, setting: Setting) -> int:
        """Draws of one seed: at least `DRAWS` over all seeds; of a model that is fine-tuned two in all."""
        return -(-(controls.DRAWS if setting.pair.mode == "probe" else 2) // len(self.plan.seeds))

    @property
    def worlds(self) -> tuple[World, ...]:
        """The worlds in which vanilla is trained."""
        return own.calibrating_worlds(self.plan.own_draws, self.plan.counterfactuals)

    def is_calibrated(self, setting: Setting) -> bool:
        """Whether vanilla is trained in worlds."""
        return bool(self.worlds) and setting.pair.mode == "probe" and self.has_readouts(setting)

    def has_readouts(self, setting: Setting) -> bool:
        """Whether the student has readouts; before it was asked it is taken to have none."""
        known = self.bench.results.get(ReadMargins(setting.ref))
        return known is not None and bool(known.names)

    def ceiling(self, setting: Setting, seed: int) -> Ceiling:
        """A seed's ceiling, with where it errs if counterfactual cells may ask."""
        return Ceiling(setting.ref, seed, with_train=self._is_audited)

    def seeds(self) -> list[int]:
        """The seeds whose teacher is scored."""
        return sorted({*self.plan.seeds, *self.plan.baseline_seeds})

    @property
    def _is_audited(self) -> bool:
        """Whether counterfactual cells may ask for another teacher, or for where the ceiling errs."""
        return self.plan.counterfactuals == "all"


@dataclass(frozen=True, slots=True, eq=False)
class SharedResults:
    """What the shared works of a setting came to."""

    weak: dict[int, Floats]
    """(n_test,) outcomes of the teacher, by seed; of a judged task against the majority vote."""
    ceiling: dict[int, Floats]
    """(n_test,) outcomes of the ceiling, by baseline seed."""
    weak_label_acc: dict[int, float]
    chosen: dict[str, Any]
    """Settings of teacher and student and the grids that they were chosen from."""
    cut: Mapping[str, int] = field(default_factory=dict)
    """Rows that were cut to a context, by model."""
    vanilla: Mapping[str, Starred] = field(default_factory=dict)
    """Vanilla at every point of its settings, over the plan's seeds, by solver."""


def shared_results(work: SharedWork, setting: Setting) -> SharedResults:
    """What they came to. Raises `StoreError` where one is gone."""
    bench, ref = work.bench, setting.ref
    weak = {seed: bench.of(Teacher(ref, seed)) for seed in work.seeds()}
    top = {seed: bench.of(work.ceiling(setting, seed)) for seed in work.plan.baseline_seeds}
    return SharedResults(
        weak={seed: setting.unpacked([found.scored])[0] for seed, found in weak.items()},
        ceiling={seed: setting.unpacked([found.scored])[0] for seed, found in top.items()},
        weak_label_acc={seed: found.weak_label_acc for seed, found in weak.items()},
        chosen=msgspec.to_builtins(bench.of(Tune(ref))) if ref.mode == "probe" else {},
        cut={
            "weak": _n_cut(bench, setting, "weak", [found.n_cut for found in weak.values()]),
            "strong": _n_cut(bench, setting, "strong", [found.n_cut for found in top.values()]),
        },
        vanilla=vanilla.starred(bench, ref, work.plan.seeds, by_steps=work.by_steps),
    )


def _n_cut(bench: Bench, setting: Setting, role: Role, fits: Sequence[int]) -> int:
    """Rows of all splits of a role that were cut: by its features or its fits."""
    if setting.pair.mode != "probe":
        return max(fits, default=0)
    read = [bench.results.facts(Features(setting.ref, r, split)) for r, split in READS if r == role]
    return sum(found.n_cut for found in read if found is not None)
