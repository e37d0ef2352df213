"""Sanity controls: what must come out of a setting where nothing can be learned, or nothing recovered.

`shuffled` and `random teacher` are vanilla on labels that hold nothing; `weak = strong` puts the weak model
in the strong student's place; the teacher of `gold oracle` is always right: its student is trained on gold
under the student's own C, and on echoes and decoys of gold. docs/controls.md says what each shows. A control
whose student could not be trained is not ok, and says why; it stops no run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.errors import ModelError, WorkerError
from w2s_harness.contract.guards.measures import balanced_accuracy
from w2s_harness.contract.worker.wire.messages import unpack
from w2s_harness.data.rows.gold import gold_of
from w2s_harness.run.stages.readouts import ReadMargins
from w2s_harness.run.stages.service_orders import STUDENT, Role, reads, training
from w2s_harness.run.stages.teachers import Teacher, weak_labels
from w2s_harness.run.stages.tuning import probe_settings, tuned
from w2s_harness.run.stages.vanilla import HostCell
from w2s_harness.run.stages.worlds.own import own_labels, pair_and_echo
from w2s_harness.run.work.results import Result
from w2s_harness.run.work.setting.setting import OnHoldout, SettingRef
from w2s_harness.run.work.work import At, Failure, SettingWork, Work, named_seed
from w2s_harness.scoring.points import accuracy

Floats = npt.NDArray[np.float64]

STAGE = "controls"
SHUFFLED, RANDOM, WEAK_STRONG, ORACLE = "shuffled", "random teacher", "weak = strong", "gold oracle"
DRAWS = 20
"""Draws of `shuffled` and of `random teacher` in `probe`, over all seeds of the plan."""


@dataclass(frozen=True, eq=False)
class NoiseDraws(Result):
    """Vanilla on labels that hold nothing, by draw."""

    accuracies: list[float]
    balanced: list[float]
    """Balanced accuracies."""
    tokens: int
    flops: float


@dataclass(frozen=True, eq=False)
class ControlStudents(Result):
    """Students that were trained on gold, by what each was told."""

    students: dict[str, OnHoldout]
    tokens: int
    flops: float


@dataclass(frozen=True)
class Noise(SettingWork[NoiseDraws], kind=STAGE, place="student", gives=NoiseDraws):
    """A seed's draws of `shuffled` or `random teacher`."""

    setting: SettingRef
    control: str
    seed: int
    draws: int

    def needs(self) -> tuple[Work[Result], ...]:
        """The teacher's labels and the student's features and settings."""
        return (Teacher(self.setting, self.seed), *reads(self.setting, *STUDENT), *tuned(self.setting))

    def run(self, at: At) -> NoiseDraws | Failure:
        """Train vanilla on every draw."""
        ref, setting, fits = self.setting, at.setting(self.setting), []
        weak, labels = weak_labels(at, ref, self.seed), gold_of(setting.data, "test").labels
        try:
            with HostCell(at, ref, self.seed) as cell:
                for draw in range(self.draws):
                    named = named_seed(ref.root_seed, ref.data, self.control, self.seed, draw)
                    rng = np.random.default_rng(named)
                    noise = shuffled(weak, rng) if self.control == SHUFFLED else rng.random(len(weak))
                    fits.append(cell.fit(noise, seed=draw))
        except (WorkerError, ModelError) as bad:
            return Failure(str(bad))
        right = [setting.right(found.predictions.floats) for found in fits]
        return NoiseDraws(
            [accuracy(setting.agreement(each)) for each in right],
            [balanced_accuracy(each, labels) for each in right],
            sum(found.tokens for found in fits),
            float(sum(found.flops for found in fits)),
        )


@dataclass(frozen=True)
class WeakAsStrong(SettingWork[ControlStudents], kind=STAGE, place="gold", gives=ControlStudents):
    """The ceiling of the weak model: as the setting's own ceiling, but for the model."""

    control: ClassVar[str] = WEAK_STRONG
    setting: SettingRef
    seed: int

    def needs(self) -> tuple[Work[Result], ...]:
        """The weak model's features and settings."""
        return (*reads(self.setting, ("weak", "train_unlabel"), ("weak", "test")), *tuned(self.setting))

    def run(self, at: At) -> ControlStudents | Failure:
        """Train on gold."""
        setting = at.setting(self.setting)
        index = setting.draw("train_unlabel", self.seed)
        gold = gold_of(setting.data, "train_unlabel").targets[index]
        return _trained(at, self, "weak", index, {"gold": gold})


@dataclass(frozen=True)
class GoldOracle(SettingWork[ControlStudents], kind=STAGE, place="gold", gives=ControlStudents):
    """Students of a seed that are told gold, an echo and a pair of decoys of gold."""

    control: ClassVar[str] = ORACLE
    setting: SettingRef
    seed: int

    def needs(self) -> tuple[Work[Result], ...]:
        """The readouts and the student's features and settings."""
        return (ReadMargins(self.setting), *reads(self.setting, *STUDENT), *tuned(self.setting))

    def run(self, at: At) -> ControlStudents | Failure:
        """Train on each of them."""
        ref, setting = self.setting, at.setting(self.setting)
        index = setting.draw("train_unlabel", self.seed)
        gold = np.asarray(gold_of(setting.data, "train_unlabel").targets[index], np.float64)
        told = {"gold": gold}
        for world in pair_and_echo(0):
            named = named_seed(ref.root_seed, ref.data, ORACLE, self.seed, world.teacher)
            told[world.name] = own_labels(at, ref, self.seed, world, gold, named)
        return _trained(at, self, "strong", index, told)


def _trained(
    at: At, work: WeakAsStrong | GoldOracle, role: Role, index: npt.NDArray[np.int64], told: dict[str, Floats]
) -> ControlStudents | Failure:
    """A student of a role for each of the labels (m,) that it is told of rows `index` (m,)."""
    ref, setting = work.setting, at.setting(work.setting)
    students, tokens, flops = {}, 0, 0.0
    try:
        for name, targets in told.items():
            asked = training(
                at, ref, role, "train_unlabel", index, targets, ["test"],
                probe=probe_settings(at, ref, role),
                seed=named_seed(ref.root_seed, ref.data, work.control, work.seed),
            )  # fmt: skip
            found = at.client.fit_predict(asked)
            students[name] = setting.scored(unpack(found.values[0]))
            tokens, flops = tokens + found.meter.tokens, flops + found.meter.flops
    except (WorkerError, ModelError) as bad:
        return Failure(str(bad))
    return ControlStudents(students, tokens, flops)


def shuffled(weak: Floats, rng: np.random.Generator) -> Floats:
    """(m,) the weak labels (m,) in a random order."""
    # sorted uniforms, not Generator.permutation, whose stream may change between numpy versions
    return weak[np.argsort(rng.random(len(weak)), kind="stable")]


def noise_names(setting: SettingRef) -> tuple[str, ...]:
    """The controls on labels that hold nothing; one where every draw trains a whole model."""
    return (SHUFFLED, RANDOM) if setting.mode == "probe" else (SHUFFLED,)
