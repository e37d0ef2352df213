"""Vanilla students beside the plan's own: `vanilla@C`, and vanilla by a solver that no row of it used.

`vanilla@C` is what vanilla reaches when it may spend as much compute as a row did: the mean log-odds of m
vanilla students. Under the solver `exact`, which knows no chance, a member is trained on a bag: as many
questions as the seed's draw has, drawn from it with replacement (Breiman 1996, "Bagging predictors"), each
row weighted by how often its question was drawn. Rows that a bag left out are not read, so that m members
cost at most m times vanilla, save for some steps of their solves; the penalty is that of so many rows. Under
`path` and in `finetune` the members are vanilla itself and vanilla under seeds of their own. A member is
named by setting, solver, seed and number alone: a smaller ensemble is the start of a larger one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.errors import ModelError, WorkerError
from w2s_harness.run.stages.features import STUDENT, reads
from w2s_harness.run.stages.teachers import Teacher, weak_labels
from w2s_harness.run.stages.tuning import tuned
from w2s_harness.run.stages.vanilla.host_cell import Fitted, HostCell
from w2s_harness.run.work.result import Result, ResultArray
from w2s_harness.run.work.seeds import named_seed
from w2s_harness.run.work.setting.setting_ref import SettingRef
from w2s_harness.run.work.work import At, Failure, Lookup, Place, SettingWork, Work
from w2s_harness.scoring.points.accuracy import Outcomes
from w2s_harness.students.probe.targets import logit

Floats = npt.NDArray[np.float64]

AT_COMPUTE = "vanilla@C"
"""The reference of `vs_compute`: an ensemble of vanilla students of at most the row's compute."""
_EDGE = 1e-15


@dataclass(frozen=True, eq=False)
class MemberValues(Result):
    """What a member says and cost."""

    tokens: int
    flops: float
    values: ResultArray
    """(n_test,) P(label = 1)."""


@dataclass(frozen=True)
class VanillaMember(SettingWork[MemberValues]):
    """One vanilla student of a seed."""

    kind: ClassVar[str] = AT_COMPUTE
    place: ClassVar[Place] = "student"
    gives: ClassVar[type[Result]] = MemberValues

    setting: SettingRef
    solver: str
    seed: int
    number: int
    """0 is vanilla itself, which is no bag."""

    def name(self) -> str:
        """`math/tiny exact s0 3`."""
        return f"{self.setting.id} {self.solver} s{self.seed} {self.number}"

    def needs(self) -> tuple[Work[Result], ...]:
        """The teacher's labels and the student's features and settings."""
        settings = tuned(self.setting, by_steps=self.solver == "path")
        return (Teacher(self.setting, self.seed), *reads(self.setting, *STUDENT), *settings)

    def run(self, at: At) -> MemberValues | Failure:
        """Train it. One that cannot be trained takes a comparison from its rows and must not take the run."""
        weak = weak_labels(at, self.setting, self.seed)
        try:
            with HostCell(at, self.setting, self.seed, by_steps=self.solver == "path") as cell:
                found = self._student(at, cell, weak)
        except (WorkerError, ModelError) as bad:
            return Failure(str(bad))
        return MemberValues(found.tokens, found.flops, ResultArray(found.predictions))

    def _student(self, at: At, cell: HostCell, weak: Floats) -> Fitted:
        ref, is_path = self.setting, self.solver == "path"
        if self.number == 0:
            return cell.fit(weak, by_path=is_path)
        named = named_seed(ref.root_seed, ref.data, AT_COMPUTE, self.solver, self.seed, self.number)
        if self.solver != "exact":
            return cell.fit(weak, seed=named % 2**31, by_path=is_path)
        setting = at.setting(ref)
        groups = setting.data.texts["train_unlabel"].groups[setting.draw("train_unlabel", self.seed)]
        times = bag(groups, np.random.default_rng(named))
        rows = np.flatnonzero(times)
        return cell.fit(weak[rows], rows=rows, weight=times[rows].astype(np.float64))


def members(setting: SettingRef, solver: str, seed: int, m: int) -> list[VanillaMember]:
    """The members of an ensemble of m; one is vanilla itself."""
    numbers = range(1, m + 1) if solver == "exact" and m > 1 else range(m)
    return [VanillaMember(setting, solver, seed, number) for number in numbers]


def together(at: Lookup, setting: SettingRef, solver: str, seed: int, m: int) -> Outcomes:
    """(n_test,) outcomes of the mean log-odds of a seed's m members."""
    found = [at.of(member).values.floats for member in members(setting, solver, seed, m)]
    mean = np.mean([logit(p, _EDGE) for p in found], axis=0)
    decided = np.where(mean == 0, 0.5, (mean > 0).astype(np.float64))
    here = at.setting(setting)
    return here.agreement(here.right(decided))


def bag(groups: npt.ArrayLike, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """(n,) how often each row's question was drawn, in as many draws with replacement as there are questions.

    :param groups: (n,) codes of questions.
    """
    _, codes = np.unique(np.asarray(groups), return_inverse=True)
    q = int(codes.max()) + 1
    # floor of uniforms, not Generator.integers, whose stream may change between numpy versions
    drawn = np.minimum((rng.random(q) * q).astype(np.int64), q - 1)
    return np.bincount(drawn, minlength=q)[codes]
