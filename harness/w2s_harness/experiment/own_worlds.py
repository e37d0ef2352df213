"""The worlds `echo`, `decoy` and `strict`: which cells there are, and what their teacher says.

Their weak labels hang on the setting, the seed and the draw alone, so that all methods of a setting are held
against the same ones; they are made once and kept in the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from w2s_harness.experiment.keys import Keys, named_seed
from w2s_harness.experiment.readouts import margins_of, share_true
from w2s_harness.experiment.setting import Setting
from w2s_harness.experiment.store import Store
from w2s_harness.plan import Counterfactuals
from w2s_harness.scoring.own import basis, decoy_pair, directions, echo, shared, strict_basis
from w2s_harness.scoring.readouts import centred
from w2s_harness.types import World

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

TEACHERS = ("echo", "decoy", "strict")


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


def own_labels(
    store: Store, setting: Setting, seed: int, world: World, weak: Floats, space: Floats, named: int
) -> Floats:
    """(m,) the weak labels of an echo, strict or not, or a decoy.

    :param weak: (m,) the teacher's own of the seed's rows, whatever they are (the gold oracle's are gold).
    :param space: (m, d) where these rows lie. :param named: the seed of the world's draw.
    Raises `StoreError` where the readouts are gone from the store.
    """
    drawn = setting.draw("train_unlabel", seed)
    b = basis(_readouts(store, setting, drawn))
    groups = setting.data.texts["train_unlabel"].groups[drawn]
    rng = np.random.default_rng(named)
    if world.teacher == "strict":
        return echo(weak, shared(strict_basis(b, space, rng), weak, groups, rng), rng)
    p = shared(b, weak, groups, rng)
    if world.teacher == "echo":
        return echo(weak, p, rng)
    plus, minus = decoy_pair(weak, p, directions(space, b), rng)
    return plus if world.sign > 0 else minus


def _readouts(store: Store, setting: Setting, drawn: Codes) -> Floats:
    """(m, T) what the untrained student says of the rows, in units of its spread."""
    margins = margins_of(store, setting)
    if margins is None:
        return np.empty((len(drawn), 0))
    own = margins.train[:, drawn]
    return centred(own, own, share_true(setting)).T


def kept_labels(setting: Setting, seed: int, named: int, world: World) -> str:
    """Where a world's weak labels are kept; `named` is the seed of its draw."""
    return Keys(setting).own_labels(seed, named, world.teacher, world.sign)
