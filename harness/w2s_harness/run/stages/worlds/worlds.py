"""What a worker is given in a cell, real or counterfactual; only the host knows which it is.

Every draw is named by the plan's root seed, the data, the world and the seed, and for code that w2s-harness
does not ship by a secret too. Echoes and decoys are the exception: all rows are held against the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.plan import Cell
from w2s_harness.contract.types import Split, World
from w2s_harness.data.rows.texts import order_key, release_order
from w2s_harness.run.stages.service_orders import space
from w2s_harness.run.stages.teachers import OTHER_TEACHER, Ceiling, Teacher, canary, weak_labels
from w2s_harness.run.stages.worlds.own import TEACHERS, OwnLabels
from w2s_harness.run.work.results import Result
from w2s_harness.run.work.setting.setting import SettingRef
from w2s_harness.run.work.work import Lookup, Work, named_seed

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

DILUTED = 0.7
"""Share of rows among which a diluted teacher's labels are shuffled."""
REGION = 1 / 3
"""Share of the space in which a local world flips the teacher."""
BAIT_WRONG = 0.25
"""Share of the honeypot's labels that are not the teacher's decision."""
GRID = 1e-4
"""Weak labels are released to code that w2s-harness does not ship by this, with a jitter below it."""


@dataclass(frozen=True, slots=True, eq=False)
class PhaseRows:
    """One phase of a cell: n rows that handles stand for, in the order of `gold`, and what stands there."""

    reads: Codes
    """(n,) rows of the split whose text the student reads."""
    shows: Codes
    """(n,) rows of the split whose text and groups a worker may be sent."""
    order: Codes
    """(n,) the worker's row p is position `order[p]`."""


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What a world makes of the teacher; m training rows in the order of the seed's draw."""

    drawn: Codes
    """(m,) the rows of train_unlabel that the seed trains on."""
    weak: Floats
    """(m,) the weak labels as the worker is told them."""
    changed: Bools
    """(m,) where they are not the teacher's own."""
    region: Bools
    """(n_test,) the holdout's part of a local world's region."""
    bait: Bools
    """(m,) the labels in the honeypot."""


@dataclass(frozen=True, slots=True, eq=False)
class Staged:
    """All that a world decides of a cell."""

    told: Told
    train: PhaseRows
    """Its positions are those of `told`."""
    test: PhaseRows


def tell(at: Lookup, ref: SettingRef, seed: int, world: World | None, secret: str = "") -> Told:
    """The teacher of a cell in `world`; `secret` as `secret.of_method` gives it.

    Raises `StoreError` where the result of a need is gone.
    """
    setting = at.setting(ref)
    drawn, own = setting.draw("train_unlabel", seed), weak_labels(at, ref, seed)
    weak, changed, region = own, np.zeros(len(drawn), bool), np.zeros(len(setting.test), bool)
    if world is not None and world.teacher != "kept":
        weak, changed, region = _told(at, ref, seed, world, drawn, own, secret)
    if secret:
        weak = blurred(weak, np.random.default_rng(_seed(ref, seed, "blur", _name(world), secret)))
    rng = np.random.default_rng(_seed(ref, seed, "bait", _name(world), secret))
    bait = (weak > 0.5) ^ (rng.random(len(weak)) < BAIT_WRONG)
    return Told(drawn=drawn, weak=weak, changed=changed, region=region, bait=bait)


def told_by(ref: SettingRef, seed: int, world: World | None) -> tuple[Work[Result], ...]:
    """What `tell` and `stage` need."""
    own: tuple[Work[Result], ...] = (Teacher(ref, seed),)
    if world is None:
        return own
    if world.teacher == "other":
        return (*own, Teacher(ref, OTHER_TEACHER))
    if world.teacher == "canary":
        return (*own, Ceiling(ref, seed, with_train=True))
    return (*own, OwnLabels(ref, seed, world)) if world.teacher in TEACHERS else own


def blurred(weak: Floats, rng: np.random.Generator) -> Floats:
    """(n,) weak labels rounded to `GRID` and moved by less than half of it, never to the other side of 1/2.

    Their exact digits would name the world and the seed.
    """
    moved = np.round(weak / GRID) * GRID + (rng.random(len(weak)) - 0.5) * GRID
    off = np.where(weak > 0.5, np.maximum(np.abs(moved - 0.5), GRID / 1000), -np.abs(moved - 0.5))
    return np.clip(np.where(weak == 0.5, 0.5, 0.5 + off), 0.0, 1.0)


def stage(at: Lookup, ref: SettingRef, cell: Cell, world: World | None, secret: str = "") -> Staged:
    """What the cell's worker is given in `world`. Raises `StoreError` as `tell`."""
    told = tell(at, ref, cell.seed, world, secret)
    key = order_key(ref.root_seed, cell.id, _name(world), secret)
    texts = at.setting(ref).data.texts

    def phase(split: Split, index: Codes) -> PhaseRows:
        reads, shows = rows_of(at, ref, split, index, cell.seed, world, secret)
        return PhaseRows(reads, shows, release_order(texts[split], shows, key=key))

    test = phase("test", np.arange(len(texts["test"])))
    return Staged(told=told, train=phase("train_unlabel", told.drawn), test=test)


def _name(world: World | None) -> str:
    # A repeat must be the real cell over again, its order included.
    return "actual" if world is None or world.is_repeat else f"{world.name}/{world.draw}"


def _seed(ref: SettingRef, seed: int, *names: str) -> int:
    """Code that is shipped has no secret, and an empty name names nothing."""
    return named_seed(ref.root_seed, ref.data, "world", seed, *filter(None, names))


# -- what the rows are ----------------------------------------------------------------------------------


def rows_of(
    at: Lookup, ref: SettingRef, split: Split, index: Codes, seed: int, world: World | None, secret: str = ""
) -> tuple[Codes, Codes]:
    """(n,) rows that the student reads and (n,) rows that a worker is shown in the place of `index` (n,)."""
    inputs = "kept" if world is None else world.inputs
    if inputs == "kept":
        return index, index
    rng = np.random.default_rng(_seed(ref, seed, _name(world), split, secret))
    groups = at.setting(ref).data.texts[split].groups[index]
    reads = index[other_questions(groups, rng)]
    return reads, reads if inputs == "scrambled" else index


def other_questions(groups: npt.ArrayLike, rng: np.random.Generator) -> Codes:
    """(n,) a permutation that gives every row's place to a row of another question, as far as there are any.

    Questions are put in a random order and rows within them too; then all move on by the size of the largest.
    """
    codes = np.asarray(groups)
    _, compact, sizes = np.unique(codes, return_inverse=True, return_counts=True)
    # sorted uniforms, not Generator.permutation, whose stream may change between numpy versions
    place = rng.random(len(sizes))
    order = np.lexsort((rng.random(len(codes)), place[compact]))
    out = np.empty(len(codes), np.int64)
    out[order] = np.roll(order, int(sizes.max()))
    return out


# -- what the teacher says ------------------------------------------------------------------------------


def _told(
    at: Lookup, ref: SettingRef, seed: int, world: World, drawn: Codes, own: Floats, secret: str
) -> tuple[Floats, Bools, Bools]:
    """The weak labels (m,), where they differ, and the holdout's part of the region (`local`).

    :param drawn: (m,) rows of train_unlabel. :param own: (m,) the real weak labels.
    """
    test_region = np.zeros(len(at.setting(ref).test), bool)
    rng = np.random.default_rng(_seed(ref, seed, world.teacher, str(world.draw), secret))
    match world.teacher:
        case "local":
            region, test_region = _region(at, ref, drawn, rng)
            weak = np.where(region, 1 - own, own)
        case "permuted":
            weak = own[np.argsort(rng.random(len(own)), kind="stable")]
        case "diluted":
            among = np.flatnonzero(rng.random(len(own)) < DILUTED)
            weak = own.copy()
            weak[among] = own[among[np.argsort(rng.random(len(among)), kind="stable")]]
        case "other":
            weak = at.of(Teacher(ref, OTHER_TEACHER)).labels.floats[drawn]
        case "canary":
            weak, missed = canary(at, ref, seed, drawn, own)
            return weak, missed, test_region
        case "echo" | "decoy" | "strict":
            weak = at.of(OwnLabels(ref, seed, world)).values.floats
        case _:
            weak = 1 - own
    return weak, weak != own, test_region


def _region(at: Lookup, ref: SettingRef, drawn: Codes, rng: np.random.Generator) -> tuple[Bools, Bools]:
    train, test = (space(at, ref, name) for name in ("train_unlabel", "test"))
    train = train[drawn]
    scale = np.where((spread := train.std(0)) > 0, spread, 1.0)
    direction = rng.standard_normal(train.shape[1]) / scale
    along = (train - train.mean(0)) @ direction
    edge = float(np.quantile(along, 1 - REGION))
    return along > edge, (test - train.mean(0)) @ direction > edge


# -- which worlds, and on which seeds -------------------------------------------------------------------


def spread(worlds: Sequence[World], seeds: Sequence[int], *names: str | int) -> list[tuple[World, int]]:
    """Every world, by name, with the seed that it runs on.

    The draws of one kind go round the seeds, from a start that `names` and the kind key. So a world's seed
    hangs on nothing but itself: not on which other guards ask for worlds.
    """
    out = []
    for world in sorted(worlds, key=lambda world: world.name):
        first = named_seed("spread", *names, world.teacher, world.inputs)
        out.append((world, seeds[(first + world.draw) % len(seeds)]))
    return out


def cut(worlds: Sequence[World], how: str) -> list[World]:
    """What `--counterfactuals` leaves: `all`, `none`, or `one` draw of what needs no baseline of its own."""
    if how == "all":
        return list(worlds)
    kept = [w for w in worlds if w.draw == 0 and w.teacher not in ("local", "other", "canary")]
    return kept if how == "one" else []
