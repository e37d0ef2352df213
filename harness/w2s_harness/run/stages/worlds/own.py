"""The worlds `echo`, `decoy` and `strict`: which there are, what their teacher says, and vanilla in them.

Their weak labels hang on the setting, the seed and the draw alone, so that all methods of a setting are held
against the same ones. A row's own cells see few draws, since each takes a worker. The host's vanilla sees the
same draws and more of them, at a fit each. So it says how far accuracies vary over draws, and how lucky the
draws were that the row's cells got: what vanilla has in them beyond its mean over all is taken off the row's
own difference (a control variate: Hammersley and Handscomb 1964, "Monte Carlo Methods", section 5.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.plan import Counterfactuals
from w2s_harness.contract.types import World
from w2s_harness.run.stages.readouts import ReadMargins, share_true
from w2s_harness.run.stages.service_orders import STUDENT, OneArray, reads, space
from w2s_harness.run.stages.teachers import Teacher, weak_labels
from w2s_harness.run.stages.tuning import tuned
from w2s_harness.run.stages.vanilla import HostCell
from w2s_harness.run.work.results import Result, ResultArray
from w2s_harness.run.work.setting.setting import SettingRef
from w2s_harness.run.work.work import At, Lookup, SettingWork, Work, named_seed
from w2s_harness.scoring.comparisons.own_part import basis, decoy_pair, directions, echo, shared, strict_basis
from w2s_harness.scoring.comparisons.starred import centred

Floats = npt.NDArray[np.float64]

TEACHERS = ("echo", "decoy", "strict")
DRAWS = 8
"""Draws of each world and seed in which vanilla is trained; a pair of decoys is one."""
STRICT_DRAWS = 4
"""Draws of the strict echo, of which every row has one cell."""
_IN_A_CELL = 48
"""Fits of one cell, which has a limit."""


@dataclass(frozen=True)
class OwnLabels(SettingWork[OneArray], kind="own labels", place="host", gives=OneArray):
    """(m,) the weak labels of an echo, strict or not, or a decoy, in the order of the seed's draw."""

    setting: SettingRef
    seed: int
    world: World

    def name(self) -> str:
        """`math/tiny s0 echo-0`."""
        return f"{self.setting.id} s{self.seed} {self.world.name}"

    def needs(self) -> tuple[Work[Result], ...]:
        """The teacher's labels, the readouts and where the rows lie."""
        features = reads(self.setting, ("strong", "train_unlabel"))
        return (Teacher(self.setting, self.seed), ReadMargins(self.setting), *features)

    def run(self, at: At) -> OneArray:
        """Draw them."""
        ref, world = self.setting, self.world
        # a pair of decoys shares its draw, so the sign names nothing
        named = named_seed(ref.root_seed, ref.data, "world", self.seed, world.teacher, str(world.draw))
        weak = weak_labels(at, ref, self.seed)
        return OneArray(ResultArray(own_labels(at, ref, self.seed, world, weak, named)))


@dataclass(frozen=True)
class WorldCalibration(SettingWork[OneArray], kind="own", place="student", gives=OneArray):
    """(W, n_test) what vanilla gets right in many draws of the worlds of one seed, in the mode `probe`."""

    setting: SettingRef
    seed: int
    worlds: tuple[World, ...]

    def needs(self) -> tuple[Work[Result], ...]:
        """The labels of every world."""
        own = [OwnLabels(self.setting, self.seed, world) for world in self.worlds]
        return (*own, *reads(self.setting, *STUDENT), *tuned(self.setting))

    def run(self, at: At) -> OneArray:
        """Train vanilla in each world."""
        setting, right = at.setting(self.setting), []
        for start in range(0, len(self.worlds), _IN_A_CELL):
            with HostCell(at, self.setting, self.seed) as cell:
                for world in self.worlds[start : start + _IN_A_CELL]:
                    told = at.of(OwnLabels(self.setting, self.seed, world)).values.floats
                    right.append(setting.right(cell.fit(told).predictions.floats))
        return OneArray(ResultArray(np.stack(right).astype(np.float32)))


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """Vanilla in the worlds of one setting."""

    worlds: tuple[World, ...]
    """W of them, the same for every seed."""
    outcomes: dict[int, Floats]
    """(W, n_test) what each holdout row counts, by seed."""

    def spread(self, teacher: str) -> float:
        """The standard deviation of accuracy over draws, within seeds."""
        at = self._places(teacher)
        variances = [np.var(x[at].mean(axis=1), ddof=1) for x in self.outcomes.values()]
        return float(np.sqrt(np.mean(variances)))

    def luck(self, teacher: str, seed: int, drawn: Sequence[World]) -> Floats:
        """(n_test,) what vanilla has in the worlds `drawn` beyond its mean over all draws of the seed."""
        known = {(w.teacher, w.draw, w.sign): i for i, w in enumerate(self.worlds)}
        ours = [known[w.teacher, w.draw, w.sign] for w in drawn]
        x = self.outcomes[seed]
        return np.asarray(x[ours].mean(axis=0) - x[self._places(teacher)].mean(axis=0))

    def _places(self, teacher: str) -> list[int]:
        return [i for i, world in enumerate(self.worlds) if world.teacher == teacher]


def calibrated(at: Lookup, ref: SettingRef, seeds: Sequence[int], worlds: tuple[World, ...]) -> Calibrated:
    """What the calibrations of all seeds show."""
    setting = at.setting(ref)
    found = {seed: at.of(WorldCalibration(ref, seed, worlds)).values.floats for seed in seeds}
    return Calibrated(worlds, {seed: setting.agreement(right) for seed, right in found.items()})


def calibrating_worlds(draws: int, how: Counterfactuals) -> tuple[World, ...]:
    """The worlds in which vanilla is trained; none where no cell is asked for its own."""
    if how == "none":
        return ()
    own = [w for draw in range(max(DRAWS, draws)) for w in pair_and_echo(draw)]
    return (*own, *map(strict_echo, range(STRICT_DRAWS if how == "all" else 0)))


def own_worlds(
    draws: int,
    how: Counterfactuals,
    mode: Literal["probe", "finetune"],
    seeds: Sequence[int],
    *names: str | int,
) -> list[tuple[World, int]]:
    """The echoes and pairs of decoys of a row, each with the seed that it runs on.

    All seeds have `draws` of each where students are probes, whatever guards ask for, but with
    `--counterfactuals none`. Where models are trained, `all` is needed for that; `one` is one echo and one
    pair on the seed that `names` name. With `all` that seed has a strict echo too.
    """
    if how == "none":
        return []
    one = seeds[named_seed("own", *names) % len(seeds)]
    if mode == "finetune" and how == "one":
        return [(world, one) for world in pair_and_echo(0)]
    every = [(world, seed) for seed in seeds for draw in range(draws) for world in pair_and_echo(draw)]
    return every if how == "one" else [*every, (strict_echo(0), one)]


def pair_and_echo(draw: int) -> list[World]:
    """An echo and a pair of decoys."""
    return [
        World(name=f"echo-{draw}", teacher="echo", draw=draw),
        World(name=f"decoy-{draw}-plus", teacher="decoy", draw=draw),
        World(name=f"decoy-{draw}-minus", teacher="decoy", draw=draw, sign=-1),
    ]


def strict_echo(draw: int) -> World:
    """An echo that also keeps components and clusters of the student's features."""
    return World(name=f"strict-{draw}", teacher="strict", draw=draw)


def own_labels(at: Lookup, ref: SettingRef, seed: int, world: World, weak: Floats, named: int) -> Floats:
    """(m,) the weak labels of an echo, strict or not, or a decoy.

    :param weak: (m,) the teacher's own of the seed's rows, whatever they are (the gold oracle's are gold).
    :param named: the seed of the world's draw.
    """
    setting = at.setting(ref)
    drawn = setting.draw("train_unlabel", seed)
    # what the untrained student says of the rows, in units of its spread
    margins = at.of(ReadMargins(ref))
    own = margins.train.floats[:, drawn]
    b = basis(centred(own, own, share_true(ref)).T if margins.names else np.empty((len(drawn), 0)))
    groups = setting.data.texts["train_unlabel"].groups[drawn]
    rng = np.random.default_rng(named)
    if world.teacher == "strict":
        b = strict_basis(b, space(at, ref, "train_unlabel")[drawn], rng)
    p = shared(b, weak, groups, rng)
    if world.teacher != "decoy":
        return echo(weak, p, rng)
    plus, minus = decoy_pair(weak, p, directions(space(at, ref, "train_unlabel")[drawn], b), rng)
    return plus if world.sign > 0 else minus
