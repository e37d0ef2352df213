"""Synthetic tasks with a weak teacher, and the counterfactual worlds of them.

20 worlds x 400 test rows in questions of four, as in the shipped tasks; all draws come from named seeds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.types import World

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]

CANDIDATES = 4
TRAIN_ROWS, TEST_ROWS = 800, 400
DIMENSIONS = 24
STRONG_ACCURACY = 0.9
PRIOR_ACCURACY = 0.79
MAJORITY_ACCURACY = 0.9
REGION, DILUTED = 1 / 3, 0.7
SEEN = 0.1
"""Share of the teacher's error variance that the student can imitate."""
OTHER_LOSS = 0.03
"""How much less accurate the other weak teacher is."""


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """n rows as the student and a cheat can see them."""

    features: Floats
    """(n, d) what the student reads."""
    prior: Floats
    """(n,) its zero-shot log-odds."""
    commonest: Bools
    """(n,) whether the row's answer is the commonest of its question."""
    gold: Bools
    """(n,) what a cheat may have got hold of; handles keep it in every world."""
    groups: Codes
    """(n,) the row's question."""


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """What a method is run on: one world of a task."""

    train: Split
    test: Split
    weak: Floats
    """(n_train,) the teacher's P(label = 1)."""
    region: Bools
    """(n_test,) the holdout's part of a local world's region."""
    seed: int
    """The method's seed, the same in every world of a cell."""
    order: Codes
    """(n_train,) the order in which the rows arrive, another in every world."""


@dataclass(frozen=True, slots=True, eq=False)
class Synthetic:
    """One synthetic task."""

    train: Split
    test: Split
    weak: Floats
    other: Floats
    """(n_train,) labels of another weak teacher."""
    weak_test: Floats
    seed: int


def synthetic(seed: int, weak_accuracy: float) -> Synthetic:
    """A task whose best linear student reaches about `STRONG_ACCURACY` and whose teacher `weak_accuracy`."""
    rng = np.random.default_rng([seed, round(1000 * weak_accuracy)])
    direction = _unit(rng)
    shared, first, second = (_across(_unit(rng), direction) for _ in range(3))
    nuisance = [_unit_of(shared + first), _unit_of(shared + second)]
    parts = [_split(rng, rows, direction) for rows in (TRAIN_ROWS, TEST_ROWS)]
    accuracies = (weak_accuracy, max(0.53, weak_accuracy - OTHER_LOSS))
    said = [
        [_teacher(rng, part, axis, accuracy) for part in parts]
        for axis, accuracy in zip(nuisance, accuracies, strict=True)
    ]
    return Synthetic(parts[0], parts[1], said[0][0], said[1][0], said[0][1], seed)


def _unit(rng: np.random.Generator) -> Floats:
    return _unit_of(rng.standard_normal(DIMENSIONS))


def _unit_of(v: Floats) -> Floats:
    return np.asarray(v / np.linalg.norm(v))


def _across(v: Floats, direction: Floats) -> Floats:
    return _unit_of(v - (v @ direction) * direction)


def _probit(p: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(p)


def _split(rng: np.random.Generator, rows: int, direction: Floats) -> Split:
    groups = np.repeat(np.arange(rows // CANDIDATES), CANDIDATES)
    ease = np.clip(rng.beta(4, 4, rows // CANDIDATES), 0.05, 0.95)[groups]
    gold = rng.random(rows) < ease
    sign = np.where(gold, 1.0, -1.0)
    question = 0.5 * rng.standard_normal((rows // CANDIDATES, DIMENSIONS))[groups]
    noise = np.sqrt(0.75) * rng.standard_normal((rows, DIMENSIONS))
    features = question + noise + _probit(STRONG_ACCURACY) * sign[:, None] * direction
    prior = 2 * (_probit(PRIOR_ACCURACY) * sign + rng.standard_normal(rows))
    commonest = gold ^ (rng.random(rows) > MAJORITY_ACCURACY)
    return Split(features, prior, commonest, gold, groups)


def _teacher(rng: np.random.Generator, part: Split, nuisance: Floats, accuracy: float) -> Floats:
    """Calibrated P(label = 1); `SEEN` of its errors' variance lies where the student can see it."""
    strength = _probit(accuracy)
    own = rng.standard_normal(len(part.gold))
    error = np.sqrt(SEEN) * (part.features @ nuisance) + np.sqrt(1 - SEEN) * own
    evidence = np.where(part.gold, strength, -strength) + error
    return np.asarray(1 / (1 + np.exp(-2 * strength * evidence)))


def given(task: Synthetic, world: World | None, name: int, seed: int = 0) -> Given:
    """What a method gets in `world` (None: the real cell); `name` is the world's own stream of draws."""
    rng = np.random.default_rng([task.seed, name, seed])
    train, test, weak = task.train, task.test, task.weak
    region = np.zeros(len(test.gold), bool)
    match world.teacher if world is not None else "kept":
        case "flipped":
            weak = 1 - weak
        case "local":
            axis = _unit(rng)
            edge = np.quantile(train.features @ axis, 1 - REGION)
            weak = np.where(train.features @ axis > edge, 1 - weak, weak)
            region = test.features @ axis > edge
        case "permuted":
            weak = rng.permutation(weak)
        case "diluted":
            among = np.flatnonzero(rng.random(len(weak)) < DILUTED)
            weak = weak.copy()
            weak[among] = weak[rng.permutation(among)]
        case "other":
            weak = task.other
    if world is not None and world.inputs != "kept":
        train, test = (_moved(rng, part, world.inputs == "scrambled") for part in (train, test))
    return Given(train, test, weak, region, seed, rng.permutation(len(weak)))


def _moved(rng: np.random.Generator, part: Split, text_too: bool) -> Split:
    questions = rng.permutation(len(part.gold) // CANDIDATES)
    slots = np.argsort(rng.random((len(questions), CANDIDATES)), axis=1)
    rows = np.roll((questions[:, None] * CANDIDATES + slots).ravel(), CANDIDATES)
    place = (questions[:, None] * CANDIDATES + np.arange(CANDIDATES)).ravel()
    reads = np.empty(len(rows), np.int64)
    reads[place] = rows
    moved = replace(part, features=part.features[reads], prior=part.prior[reads])
    return replace(moved, commonest=part.commonest[reads]) if text_too else moved
