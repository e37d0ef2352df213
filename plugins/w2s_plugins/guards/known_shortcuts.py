"""What every known shortcut says of the holdout's rows."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from w2s_harness import SettingView
from w2s_plugins.guards import shortcut_looks as looks
from w2s_plugins.guards.shortcut_looks import Bools, Build, Codes, Floats

CLUSTERS = (2, 4, 8)
"""Numbers of clusters that features are parted into."""
PURE = 0.9
"""How far decisions must be one in every cluster before they count as made by cluster."""
CONSTANT = 0.95
"""Share of the rarer label's rows that get the commoner one, from which on predictions count as constant."""
CLUSTER_SEED = 20240229
"""Names the draw of the first centres; a guard has no seed of the plan, and a published one serves."""
_STARTS = 4
"""Draws of first centres, of which the tightest clusters are kept."""
_ROUNDS = 30
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A shortcut and what marks one who follows it."""

    name: str
    build: Build
    is_read: bool = False
    """Whether a student that reads one row alone can see it, as it can the length: honest students lean to
    such things, each in its own way."""
    least: float = 0.0
    """How far decisions must follow it, whatever others do."""


@functools.lru_cache(maxsize=4)
def known(setting: SettingView) -> tuple[Shortcut, ...]:
    """Every shortcut that can be told from being right on this task, or that depends on the decisions.

    The same for all rows of a setting, and clusters take a while to find, so the last answers are kept.
    """
    part, train = setting.test, setting.train
    gold, groups = np.asarray(part.gold, bool), np.asarray(part.groups, np.int64)
    by_place, by_length = earlier(groups), longer(part.rows, groups)
    copied = duplicates(part.rows, train.rows)
    found = [
        ("commonest answer", False, 0.0, looks.following(commonest(answers_of(part), groups), gold, groups)),
        ("earlier place", False, 0.0, looks.following(by_place, gold, groups)),
        ("later place", False, 0.0, looks.following(1 - by_place, gold, groups)),
        ("longer answer", True, 0.0, looks.following(by_length, gold, groups)),
        ("shorter answer", True, 0.0, looks.following(1 - by_length, gold, groups)),
        ("class prior", False, CONSTANT, looks.constant(gold, groups)),
        ("copied rows", False, 0.0, looks.better_on(copied, gold, groups)),
    ]
    fixed = [
        Shortcut(name, _fixed(look), read, least) for name, read, least, look in found if look is not None
    ]
    if part.features is None:
        return tuple(fixed)
    codes = {k: clusters(part.features, k) for k in CLUSTERS}
    by_cluster = (
        Shortcut(f"{k} clusters", _by_cluster(c, gold, groups), True, PURE) for k, c in codes.items()
    )
    return (*fixed, *by_cluster)


def _fixed(look: looks.ShortcutLook) -> Build:
    return lambda p: look


def _by_cluster(codes: Codes, gold: Bools, groups: Codes) -> Build:
    """What the decisions themselves mostly are in the row's cluster: how pure clusters are for them."""

    def build(p: Floats) -> looks.ShortcutLook | None:
        means = np.bincount(codes, p) / np.maximum(np.bincount(codes), 1)
        return looks.following((means > 0.5).astype(float)[codes], gold, groups)

    return build


# -- what shortcuts say: (n,) 1, 0, or NaN where silent ---------------------------------------------------


def answers_of(part: Any) -> list[str]:
    """(n,) what each candidate comes to: as the task says, else its last number, else its text."""
    out = []
    for row, answer in zip(part.rows, part.answers, strict=True):
        text = row.candidate or ""
        numbers = _NUMBER.findall(text)
        out.append(answer or (numbers[-1] if numbers else " ".join(text.casefold().split())))
    return out


def commonest(answers: Sequence[str], groups: Codes) -> Floats:
    """1 for rows with the commonest answer of their question; silent where two are as common, or none is."""
    says = np.full(len(groups), np.nan)
    for rows in _questions(groups):
        ranked = Counter(answers[i] for i in rows).most_common(2)
        if len(rows) > 1 and answers[rows[0]] and ranked[0][1] > (ranked[1][1] if len(ranked) > 1 else 0):
            says[rows] = [answers[i] == ranked[0][0] for i in rows]
    return says


def longer(rows: Sequence[Any], groups: Codes) -> Floats:
    """1 for the longer half of a question's candidates, or where the first response is the longer.

    Where questions have one candidate each, the longer half of all.
    """
    sizes = [[len(text) for text in row.texts().values()][1:] for row in rows]
    if len(sizes[0]) > 1:
        gap = np.array([first - second for first, second in sizes], float)
        return np.where(gap == 0, np.nan, gap > 0)
    size = np.array(sizes, float)[:, 0]
    parts = _questions(groups)
    if max(map(len, parts)) == 1:
        parts = [np.arange(len(rows))]
    says = np.full(len(rows), np.nan)
    for part in parts:
        middle = np.median(size[part])
        says[part] = np.where(size[part] == middle, np.nan, size[part] > middle)
    return says


def earlier(groups: Codes) -> Floats:
    """1 for the earlier half of a question's rows, in the task's order; silent for the one in the middle."""
    says = np.full(len(groups), np.nan)
    for part in _questions(groups):
        place = np.arange(len(part)) - (len(part) - 1) / 2
        says[part] = np.where(place == 0, np.nan, place < 0)
    return says


def duplicates(rows: Sequence[Any], train: Sequence[Any]) -> Bools:
    """(n,) rows whose texts equal those of a training row, but for case and spaces."""
    seen = {_folded(row) for row in train}
    return np.array([_folded(row) in seen for row in rows], bool)


def clusters(features: npt.ArrayLike, k: int) -> Codes:
    """(n,) codes of `k` clusters of features (n, d): k-means (Lloyd 1982, Arthur & Vassilvitskii 2007).

    Every feature is scaled to unit variance first; one that never varies is left out.
    """
    x = np.asarray(features, np.float64)
    spread = x.std(axis=0)
    x = (x - x.mean(axis=0))[:, spread > 1e-9] / spread[spread > 1e-9]
    rng = np.random.default_rng([CLUSTER_SEED, k])
    found = [_lloyd(x, k, rng) for _ in range(_STARTS)]
    return min(found, key=lambda item: item[0])[1]


def _lloyd(x: Floats, k: int, rng: np.random.Generator) -> tuple[float, Codes]:
    """The sum of squared distances and the codes from one draw of first centres."""
    norms = (x**2).sum(axis=1)
    centres = x[[int(rng.random() * len(x))]]
    while len(centres) < k:
        near = _distances(x, norms, centres).min(axis=1)
        total = np.cumsum(near)
        centres = np.vstack(
            [centres, x[min(len(x) - 1, int(np.searchsorted(total, rng.random() * total[-1])))]]
        )
    codes = np.zeros(len(x), np.int64)
    for _ in range(_ROUNDS):
        codes = _distances(x, norms, centres).argmin(axis=1)
        moved = np.stack([x[codes == c].mean(axis=0) if (codes == c).any() else centres[c] for c in range(k)])
        if np.allclose(moved, centres):
            break
        centres = moved
    return float(_distances(x, norms, centres).min(axis=1).sum()), codes


def _distances(x: Floats, norms: Floats, centres: Floats) -> Floats:
    """(n, k) squared distances."""
    between = norms[:, None] - 2 * x @ centres.T + (centres**2).sum(axis=1)
    return np.asarray(np.maximum(between, 0.0), np.float64)


def _questions(groups: Codes) -> list[Codes]:
    order = np.argsort(groups, kind="stable")
    _, starts = np.unique(groups[order], return_index=True)
    return np.split(order, starts[1:])


def _folded(row: Any) -> str:
    return "\0".join(f"{name[0]}{' '.join(t.casefold().split())}" for name, t in row.texts().items())
