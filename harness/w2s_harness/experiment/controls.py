"""Sanity controls: what must come out of a setting where nothing can be learned, or nothing recovered.

`shuffled` and `random teacher` are vanilla on labels that hold nothing; `weak = strong` puts the weak model
in the strong student's place; the teacher of `gold oracle` is always right. docs/controls.md says what each
shows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from w2s_harness.data.gold import gold_of
from w2s_harness.errors import ModelError, StoreError, WorkerError
from w2s_harness.experiment.baselines import Baseline
from w2s_harness.experiment.control_verdicts import (
    balanced_accuracy,
    failed_control,
    gap_missing,
    noise_control,
    weak_strong_control,
)
from w2s_harness.experiment.gold_oracle import ORACLE, has_readouts, oracle, oracle_control
from w2s_harness.experiment.host_fits import Fitted, HostCell
from w2s_harness.experiment.keys import Keys, named_seed
from w2s_harness.experiment.reading import all_rows, finetune_settings, model_of, probe_settings, split_ref
from w2s_harness.experiment.setting import Setting
from w2s_harness.experiment.slots import Slots
from w2s_harness.experiment.store import Store
from w2s_harness.experiment.worlds import tell
from w2s_harness.models import control
from w2s_harness.models.client import ServiceClient
from w2s_harness.plan import Plan
from w2s_harness.report.records import Control
from w2s_harness.scoring.accuracy import accuracy
from w2s_harness.scoring.starred import Starred
from w2s_harness.wire.messages import pack as wire_pack
from w2s_harness.wire.messages import unpack as wire_unpack

Floats = npt.NDArray[np.float64]
Record = dict[str, Any]

SHUFFLED, RANDOM, WEAK_STRONG = "shuffled", "random teacher", "weak = strong"
DRAWS = 20
"""Draws of `shuffled` and of `random teacher` in `probe`, over all seeds of the plan."""
_STAGE = "controls"


@dataclass(frozen=True, slots=True)
class _Unit:
    """A control's draws of one seed."""

    setting: Setting
    name: str
    seed: int
    draws: int = 1

    @property
    def id(self) -> str:
        """`math/tiny shuffled s0`."""
        return f"{self.setting.id} {self.name} s{self.seed}"

    def places(self) -> list[str]:
        """Where its draws are kept."""
        return [Keys(self.setting).control(self.name, self.seed, draw) for draw in range(self.draws)]


class Controls:
    """The sanity controls of a plan, on services of their own.

    `weak = strong` trains on gold: its services have the role `baseline` and end before those start that
    serve the other two, which see no label but the teacher's and the host's draws.
    """

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
        """What was computed in this run."""
        self._errors: dict[str, str] = {}
        """Why a unit has no result, by its id."""

    def is_complete(self) -> bool:
        """Whether every draw is in the store, so that no features are read; so without controls."""
        return not any(map(self._is_missing, self.units()))

    def units(self) -> list[_Unit]:
        """Every control's draws of every seed; none where the plan has no controls."""
        if not self.plan.controls:
            return []
        return [*self._with_gold(), *self._without_gold()]

    def run(
        self, baselines: Mapping[str, Baseline], readouts: Mapping[str, Starred] = MappingProxyType({})
    ) -> list[Control]:
        """Work off what is missing and judge: setting by setting, always in the same order of names.

        A control whose student could not be trained is not ok, and says why; it stops no run.
        :param baselines: of every setting, by its id. :param readouts: `zero-shot*`, by setting id; without
        it there is no gold oracle.
        """
        units = self.units()
        if not units:
            return []
        self.hook.w2s_stage_start(stage=_STAGE, total=len(units))
        self._work_off("baseline", self._with_gold(), self._gold)
        self._work_off("worker-facing", self._without_gold(), self._noise)
        return [
            judged
            for setting in self.settings
            for judged in self._judged(setting, baselines[setting.id], readouts.get(setting.id))
        ]

    # -- which draws there are --------------------------------------------------------------------------

    def _with_gold(self) -> list[_Unit]:
        weak = [_Unit(s, WEAK_STRONG, seed) for s in self.settings for seed in self.plan.baseline_seeds]
        return weak + [_Unit(s, ORACLE, seed) for s in self.settings for seed in self._oracle_seeds(s)]

    def _oracle_seeds(self, setting: Setting) -> Sequence[int]:
        """Those of the gold oracle: every seed in `probe`, the first alone of a model that is fine-tuned."""
        if self.plan.counterfactuals == "none" or not has_readouts(self.store, setting):
            return ()
        return self.plan.seeds if setting.pair.mode == "probe" else self.plan.seeds[:1]

    def _without_gold(self) -> list[_Unit]:
        return [
            _Unit(setting, name, seed, self._draws(setting))
            for setting in self.settings
            for name in noise_names(setting)
            for seed in self.plan.seeds
        ]

    def _draws(self, setting: Setting) -> int:
        """Draws of one seed: at least `DRAWS` over all seeds; of a model that is fine-tuned two in all."""
        return -(-(DRAWS if setting.pair.mode == "probe" else 2) // len(self.plan.seeds))

    # -- working off ------------------------------------------------------------------------------------

    def _is_missing(self, unit: _Unit) -> bool:
        return any(self.store.get(key) is None for key in unit.places())

    def _work_off(
        self, role: control.Role, units: Sequence[_Unit], work: Callable[[ServiceClient, _Unit], float]
    ) -> None:
        """Work off a role's missing units; its services have ended when this returns."""
        missing = [unit for unit in units if self._is_missing(unit)]
        for unit in units:
            if unit not in missing:
                self.hook.w2s_stage_progress(stage=_STAGE, unit=unit.id, cached=True)

        def attempt(client: ServiceClient, unit: _Unit) -> float | str:
            try:
                return work(client, unit)
            except (WorkerError, ModelError) as bad:
                return str(bad)

        def done(unit: _Unit, found: float | str) -> None:
            if isinstance(found, str):
                self._errors[unit.id] = found
            else:
                self.flops += found
            self.hook.w2s_stage_progress(stage=_STAGE, unit=unit.id, cached=False)

        threads = max(pair.threads for pair in self.plan.pairs)
        with Slots(self.n, lambda: ServiceClient(role, threads=threads), self.cancel) as slots:
            slots.map(missing, attempt, done)
        self.busy_s += slots.busy_s

    def _gold(self, client: ServiceClient, unit: _Unit) -> float:
        """A unit that is trained on gold; its FLOPs."""
        if unit.name == WEAK_STRONG:
            return self._weak_model(client, unit)
        (key,) = unit.places()
        record = oracle(client, self.store, unit.setting, unit.seed)
        self.store.put(key, record)
        return float(record["flops"])

    def _weak_model(self, client: ServiceClient, unit: _Unit) -> float:
        """The ceiling of the weak model: as the setting's own ceiling, but for the model; its FLOPs."""
        setting, store = unit.setting, self.store
        index = setting.draw("train_unlabel", unit.seed)
        found = client.fit_predict(
            control.FitPredict(
                model_of(setting, "weak"),
                setting.pair.mode,
                setting.data.kind,
                split_ref(store, setting, "weak", "train_unlabel"),
                wire_pack(index, "i8"),
                wire_pack(gold_of(setting.data, "train_unlabel").targets[index]),
                ((split_ref(store, setting, "weak", "test"), all_rows(len(setting.test))),),
                probe=probe_settings(store, setting, "weak"),
                finetune=finetune_settings(setting, "weak"),
                seed=named_seed(setting.root_seed, setting.data.digest, WEAK_STRONG, unit.seed),
            )
        )
        (key,) = unit.places()
        store.put(key, setting.scored(wire_unpack(found.values[0])) | _cost(found.meter))
        return found.meter.flops

    def _noise(self, client: ServiceClient, unit: _Unit) -> float:
        """Vanilla on a seed's draws of labels that hold nothing; their FLOPs."""
        spent, setting = 0.0, unit.setting
        weak = tell(self.store, setting, unit.seed, None).weak
        with HostCell(client, self.store, setting, unit.seed) as cell:
            for draw, key in enumerate(unit.places()):
                if self.store.get(key) is not None:
                    continue
                named = named_seed(setting.root_seed, setting.data.digest, unit.name, unit.seed, draw)
                rng = np.random.default_rng(named)
                noise = shuffled(weak, rng) if unit.name == SHUFFLED else rng.random(len(weak))
                found = cell.fit(noise, seed=draw)
                values = setting.right(found.predictions)
                record = {
                    "accuracy": accuracy(setting.agreement(values)),
                    "balanced": balanced_accuracy(values, gold_of(setting.data, "test").labels),
                }
                self.store.put(key, record | _cost(found))
                spent += found.flops
        return spent

    # -- judging ----------------------------------------------------------------------------------------

    def _judged(self, setting: Setting, baseline: Baseline, starred: Starred | None) -> list[Control]:
        out = []
        for name in (*noise_names(setting), WEAK_STRONG, ORACLE):
            units = [u for u in self.units() if u.setting is setting and u.name == name]
            if not units:
                continue
            broken = [self._errors[u.id] for u in units if u.id in self._errors]
            if broken:
                out.append(failed_control(name, setting, broken[0]))
                continue
            records = {key: self._kept(key) for u in units for key in u.places()}
            if name == WEAK_STRONG:
                kept = {u.seed: setting.unpacked([records[u.places()[0]]])[0] for u in units}
                top = {seed: setting.agreement(right) for seed, right in kept.items()}
                weak = {seed: setting.agreement(right) for seed, right in baseline.weak.items()}
                out.append(weak_strong_control(name, setting, weak, top, self.plan.min_gap))
            elif name == ORACLE and starred is not None:
                by_seed = {u.seed: records[u.places()[0]] for u in units}
                why = gap_missing(setting, baseline.weak, baseline.ceiling, self.plan.min_gap)
                out.append(oracle_control(setting, by_seed, starred, why))
            elif name != ORACLE:
                out.append(noise_control(name, setting, list(records.values()), enough=DRAWS))
        return out

    def _kept(self, key: str) -> Record:
        record: Record | None = self.store.get(key)
        if record is None:
            raise StoreError("a control is gone from the store; run the same command again")
        return record


def noise_names(setting: Setting) -> tuple[str, ...]:
    """The controls on labels that hold nothing; one where every draw trains a whole model."""
    return (SHUFFLED, RANDOM) if setting.pair.mode == "probe" else (SHUFFLED,)


def shuffled(weak: Floats, rng: np.random.Generator) -> Floats:
    """(m,) the weak labels (m,) in a random order."""
    # sorted uniforms, not Generator.permutation, whose stream may change between numpy versions
    return weak[np.argsort(rng.random(len(weak)), kind="stable")]


def _cost(spent: Fitted | control.Meter) -> Record:
    return {"tokens": spent.tokens, "flops": spent.flops}
