"""Weak floor, weak labels and ceiling: what every method of a setting shares.

These stages see gold, so they run on services of their own (role `baseline`) that end before any service
that talks to a worker starts.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from w2s_harness.data.gold import gold_of
from w2s_harness.errors import StoreError
from w2s_harness.experiment.keys import READS, Keys, Role, named_seed
from w2s_harness.experiment.looking import Looks
from w2s_harness.experiment.reading import (
    all_rows,
    finetune_settings,
    model_of,
    probe_settings,
    split_ref,
    trains_by_steps,
)
from w2s_harness.experiment.setting import Setting
from w2s_harness.experiment.slots import Slots
from w2s_harness.experiment.store import Store
from w2s_harness.experiment.tuning import tune, tune_path
from w2s_harness.experiment.units import Unit
from w2s_harness.experiment.vanilla_path import VanillaPath
from w2s_harness.experiment.worlds import OTHER_TEACHER
from w2s_harness.models import control
from w2s_harness.models.client import ServiceClient
from w2s_harness.plan import Plan
from w2s_harness.scoring.accuracy import accuracy, agreement, outcomes
from w2s_harness.scoring.starred import Starred
from w2s_harness.types import Split
from w2s_harness.wire.messages import pack as wire_pack
from w2s_harness.wire.messages import unpack as wire_unpack

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """The shared results of a setting."""

    weak: dict[int, Floats]
    """(n_test,) outcomes of the teacher, by seed; of a judged task against the majority vote."""
    ceiling: dict[int, Floats]
    """(n_test,) outcomes of the ceiling, by baseline seed."""
    weak_label_acc: dict[int, float]
    chosen: dict[str, Any]
    """Settings of teacher and student and the grids that they were chosen from."""
    n_cut: int
    """Rows that were cut to a context, of both models together."""
    cut: Mapping[str, int] = field(default_factory=dict)
    """The same by model."""
    vanilla: Mapping[str, Starred] = field(default_factory=dict)
    """Vanilla at every point of its settings, over the plan's seeds, by solver."""


class Baselines:
    """The baseline stages of all settings of a plan."""

    def __init__(
        self,
        plan: Plan,
        settings: Sequence[Setting],
        store: Store,
        hook: Any,
        cancel: threading.Event,
        slots: int,
    ) -> None:
        self.plan, self.settings, self.store, self.hook = plan, settings, store, hook
        self.cancel, self.n = cancel, slots
        self.busy_s = 0.0
        self.flops = 0.0
        self._lock = threading.Lock()

    def run(self, *, reads_needed: bool, looks: Looks | None = None) -> dict[str, Baseline]:
        """Compute what is missing. `reads_needed`: later stages will read features and weak labels.

        `looks` may hand over a service that has the models in memory already.
        """
        threads = max(pair.threads for pair in self.plan.pairs)

        def start() -> ServiceClient:
            known = None if looks is None else looks.hand_over()
            return known or ServiceClient("baseline", threads=threads)

        with Slots(self.n, start, self.cancel) as slots:
            for name, units in self.stages():
                self._stage(slots, name, units, checked=reads_needed)
        self.busy_s = slots.busy_s
        return {s.id: self._collect(s) for s in self.settings}

    def stages(self) -> list[tuple[str, list[Unit]]]:
        """The units of every stage, in the order in which stages follow each other."""
        return [
            ("features", self._feature_units()),
            ("tune", [u for s in self.settings for u in self._tune_units(s)]),
            ("weak", [self._weak_unit(s, seed) for s in self.settings for seed in self._teachers()]),
            ("ceiling", [self._ceiling_unit(s, n) for s in self.settings for n in self.plan.baseline_seeds]),
            ("vanilla*", [u for s in self.settings for u in VanillaPath(self.plan, s, self.store).units()]),
        ]

    def is_complete(self) -> bool:
        """Whether every baseline is in the store, so that no features are read."""
        return all(self.store.get(u.key) is not None for _, units in self.stages()[1:] for u in units)

    # -- stages -----------------------------------------------------------------------------------------

    def _stage(self, slots: Slots, name: str, units: list[Unit], *, checked: bool = False) -> None:
        """Work off the units whose keys are missing; `checked`: look at the bytes of their files too."""
        self.hook.w2s_stage_start(stage=name, total=len(units))
        missing = []
        for unit in units:
            if self.store.get(unit.key) is None or (checked and not all(map(self.store.path, unit.files))):
                missing.append(unit)
            else:
                self.hook.w2s_stage_progress(stage=name, unit=unit.name, cached=True)

        def done(unit: Unit, _: None) -> None:
            self.hook.w2s_stage_progress(stage=name, unit=unit.name, cached=False)

        slots.map(missing, lambda client, unit: unit.work(client), done)

    def _teachers(self) -> list[int]:
        """The seeds that a teacher is fitted for; one more where counterfactual cells may need another."""
        return [*self._seeds(), OTHER_TEACHER] if self._is_audited else self._seeds()

    @property
    def _is_audited(self) -> bool:
        """Whether counterfactual cells may ask for another teacher, or for where the ceiling errs."""
        return self.plan.counterfactuals == "all"

    def _seeds(self) -> list[int]:
        return sorted({*self.plan.seeds, *self.plan.baseline_seeds})

    def _feature_units(self) -> list[Unit]:
        """One for each (model, split) of the plan, biggest first; none where students are fine-tuned."""
        units: dict[str, tuple[int, Unit]] = {}
        for setting in self.settings:
            if setting.pair.mode != "probe":
                continue
            for order, (role, split) in enumerate(READS):
                unit = self._feature_unit(setting, role, split)
                units.setdefault(unit.key, (order, unit))
        return [unit for _, unit in sorted(units.values(), key=lambda item: item[0])]

    def _feature_unit(self, setting: Setting, role: Role, split: Split) -> Unit:
        keys = Keys(setting)

        def work(client: ServiceClient) -> None:
            message = control.Extract(
                model_of(setting, role), setting.data.kind, setting.data.texts[split].rows
            )
            found = client.extract(message)
            with self._lock:
                self.flops += 2.0 * found.shape.parameters * float(wire_unpack(found.tokens).sum())
            for part in ("likelihoods", "tokens"):
                self.store.put_array(keys.features(role, split, part), wire_unpack(getattr(found, part)))
            facts = {"n_cut": found.n_cut, "shape": msgspec.to_builtins(found.shape)}
            self.store.put(keys.features(role, split, "facts"), facts)
            self.store.put_array(keys.features(role, split, "features"), wire_unpack(found.features))

        files = tuple(keys.features(role, split, part) for part in ("features", "likelihoods", "tokens"))
        return Unit(f"{setting.id} {role} {split}", files[0], work, files)

    def _tune_units(self, setting: Setting) -> list[Unit]:
        """The choice of C; with methods that train by steps, or may, of the solver `path`'s settings too."""
        if setting.pair.mode != "probe":
            return []
        units = [Unit(f"{setting.id} C", Keys(setting).tune(), lambda c: tune(c, setting, self.store))]
        if any(map(trains_by_steps, self.plan.methods)):
            units.append(
                Unit(f"{setting.id} path", Keys(setting).path(), lambda c: tune_path(c, setting, self.store))
            )
        return units

    def _weak_unit(self, setting: Setting, seed: int) -> Unit:
        keys = Keys(setting)
        files = (keys.labels(seed), keys.weak_test(seed))
        return Unit(
            f"{setting.id} s{seed}", keys.weak(seed), lambda client: self._weak(client, setting, seed), files
        )

    def _weak(self, client: ServiceClient, setting: Setting, seed: int) -> None:
        keys = Keys(setting)
        gold = gold_of(setting.data, "train_unlabel")
        targets = [("train_unlabel", len(gold.labels)), ("test", len(setting.test))]
        (labels, floor), n_cut = self._fit(client, setting, "weak", "train_label", seed, targets)  # type: ignore[arg-type]
        self.store.put_array(keys.labels(seed), labels)
        self.store.put_array(keys.weak_test(seed), floor)
        record = {**setting.scored(floor), "n_cut": n_cut}
        record["weak_label_acc"] = accuracy(agreement(outcomes(labels, gold.labels), gold.largest))
        self.store.put(keys.weak(seed), record)

    def _ceiling_unit(self, setting: Setting, seed: int) -> Unit:
        keys = Keys(setting)
        return Unit(
            f"{setting.id} s{seed}",
            keys.ceiling(seed),
            lambda client: self._ceiling(client, setting, seed),
            (keys.ceiling_train(seed),) if self._is_audited else (),
        )

    def _ceiling(self, client: ServiceClient, setting: Setting, seed: int) -> None:
        targets = [("test", len(setting.test))]
        if self._is_audited:
            targets.append(("train_unlabel", len(setting.data.texts["train_unlabel"])))
        (top, *own), n_cut = self._fit(client, setting, "strong", "train_unlabel", seed, targets)  # type: ignore[arg-type]
        for values in own:
            self.store.put_array(Keys(setting).ceiling_train(seed), values)
        self.store.put(Keys(setting).ceiling(seed), {**setting.scored(top), "n_cut": n_cut})

    def _fit(
        self, client: ServiceClient, setting: Setting, role: Role, split: Split, seed: int,
        targets: Sequence[tuple[Split, int]],
    ) -> tuple[list[Floats], int]:  # fmt: skip
        """Train a model on a seed's draw of gold, soft in a judged task, and predict whole splits.

        With the rows of these splits that were cut, where no features were read that say so.
        """
        index = setting.draw(split, seed)
        found = client.fit_predict(
            control.FitPredict(
                model_of(setting, role),
                setting.pair.mode,
                setting.data.kind,
                split_ref(self.store, setting, role, split),
                wire_pack(index, "i8"),
                wire_pack(gold_of(setting.data, split).targets[index]),
                tuple((split_ref(self.store, setting, role, name), all_rows(n)) for name, n in targets),
                probe=probe_settings(self.store, setting, "ceiling" if role == "strong" else role),
                finetune=finetune_settings(setting, role),
                seed=named_seed(setting.root_seed, setting.data.digest, role, seed),
            )
        )
        with self._lock:
            self.flops += found.meter.flops
        return [np.asarray(wire_unpack(values), np.float64) for values in found.values], found.n_cut

    def _kept(self, key: str) -> dict[str, Any]:
        record: dict[str, Any] | None = self.store.get(key)
        if record is None:
            raise StoreError("a baseline is gone from the store; run the same command again")
        return record

    def _collect(self, setting: Setting) -> Baseline:
        keys = Keys(setting)
        weak = {seed: self._kept(keys.weak(seed)) for seed in self._seeds()}
        top = {seed: self._kept(keys.ceiling(seed)) for seed in self.plan.baseline_seeds}
        cut = {"weak": self._n_cut(setting, "weak", weak), "strong": self._n_cut(setting, "strong", top)}
        return Baseline(
            weak={seed: setting.unpacked([r])[0] for seed, r in weak.items()},
            ceiling={seed: setting.unpacked([r])[0] for seed, r in top.items()},
            weak_label_acc={seed: r["weak_label_acc"] for seed, r in weak.items()},
            chosen=self.store.get(keys.tune()) or {},
            n_cut=sum(cut.values()),
            cut=cut,
            vanilla=VanillaPath(self.plan, setting, self.store).starred(),
        )

    def _n_cut(self, setting: Setting, role: Role, fits: Mapping[int, Mapping[str, Any]]) -> int:
        """Rows of all splits of a role that were cut: by its features or its fits."""
        keys = Keys(setting)
        read = [self.store.get(keys.features(r, split, "facts")) for r, split in READS if r == role]
        if setting.pair.mode == "probe":
            return sum(facts["n_cut"] for facts in read if facts)
        return max((int(fit.get("n_cut", 0)) for fit in fits.values()), default=0)
