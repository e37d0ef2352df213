"""Which rows are taken, always by whole questions: for a split, under a limit, by a seed, of the holdout."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.errors import DataError, UsageError
from w2s_harness.contract.types import SPLITS, HoldoutPart, Split
from w2s_harness.data.rows.checked import Located
from w2s_harness.data.rows.gold import Gold, gold_of, label_of
from w2s_harness.data.rows.texts import TaskData, Texts, fixed

FRACTIONS: Mapping[Split, float] = {"train_label": 0.25, "train_unlabel": 0.25, "test": 0.5}
"""Share of the questions in each split, where the task states none."""

_FEWEST = 8
"""Questions; a quarter of fewer would not be two."""
_DRAWS = 1000


def by_group(
    rows: Sequence[Located], sizes: Mapping[Split, int] | None, name: str
) -> dict[Split, list[Located]]:
    """The rows by split, in their own order: as they state it, or else by whole questions.

    `sizes` are the rows at most in each split (what is over is left out); without them the questions, in
    the order of their hash, are cut at `FRACTIONS`. Raises `DataError`, naming the task `name`, where the
    rows or the questions are too few.
    """
    if rows[0][1].split is not None:
        return {split: [row for row in rows if row[1].split == split] for split in SPLITS}
    groups = Counter(example.group for _, example in rows)
    if len(groups) < _FEWEST:
        what = f"{len(groups)} questions are too few to be split in three (at least {_FEWEST})"
        raise DataError(f"task {name}: {what}. Add questions, or mark the splits.")
    order = _hash_order(groups, "split")
    if sizes is None:
        home = _by_fraction(order)
    else:
        if (total := sum(sizes.values())) > len(rows):
            what = f"the splits ask for {total} rows and there are {len(rows)}"
            raise DataError(f"task {name}: {what}. Lower the sizes.")
        home = _by_size(order, groups, sizes)
    return {split: [row for row in rows if home.get(row[1].group) == split] for split in SPLITS}


def within_limit(rows: Sequence[Located], limit: int, split: Split, name: str) -> list[Located]:
    """At most `limit` of the rows, whole questions only, with both classes and at least two questions.

    Questions are taken in the order of their hash as they fit. Where those lack a class, the first two
    questions (in that order) that fit together and hold both go first. Raises `UsageError` where no two do.
    """
    if len(rows) <= limit:
        return list(rows)
    sizes = Counter(example.group for _, example in rows)
    classes: dict[str, set[bool]] = {group: set() for group in sizes}
    for _, example in rows:
        classes[example.group].add(label_of(example))
    order = [group for group in _hash_order(sizes, "limit") if sizes[group] <= limit]
    kept = _fill([], order, sizes, limit)
    if not _good(kept, classes):
        pairs = (
            p for p in combinations(order, 2) if _good(p, classes) and sizes[p[0]] + sizes[p[1]] <= limit
        )
        pair = next(pairs, None)
        if pair is None:
            what = f"leaves split {split} of task {name} without two questions and both classes"
            raise UsageError(f"--limit {limit}: {what}. Raise it.")
        kept = _fill(pair, order, sizes, limit)
    return [row for row in rows if row[1].group in kept]


def _hash_order(groups: Iterable[str], use: str) -> list[str]:
    key = f"w2s-harness/{use}/1".encode()

    def digest(group: str) -> bytes:
        return hashlib.blake2b(group.encode(), key=key, digest_size=16).digest()

    return sorted(groups, key=lambda group: (digest(group), group))


def _by_fraction(order: Sequence[str]) -> dict[str, Split]:
    home: dict[str, Split] = {}
    start, cumulative = 0, 0.0
    for split in SPLITS:
        cumulative += FRACTIONS[split]
        stop = round(cumulative * len(order))
        home.update(dict.fromkeys(order[start:stop], split))
        start = stop
    return home


def _by_size(order: Sequence[str], counts: Mapping[str, int], sizes: Mapping[Split, int]) -> dict[str, Split]:
    home: dict[str, Split] = {}
    left = dict(sizes)
    for group in order:
        for split in SPLITS:
            if counts[group] <= left[split]:
                home[group] = split
                left[split] -= counts[group]
                break
    return home


def _fill(
    first: Sequence[str], order: Sequence[str], sizes: Mapping[str, int], limit: int
) -> dict[str, None]:
    kept = dict.fromkeys(first)
    room = limit - sum(sizes[group] for group in first)
    for group in order:
        if group not in kept and sizes[group] <= room:
            kept[group] = None
            room -= sizes[group]
    return kept


def _good(groups: Iterable[str], classes: Mapping[str, set[bool]]) -> bool:
    held = [classes[group] for group in groups]
    return len(held) >= 2 and len(set().union(*held)) == 2


# -- of prepared data ---------------------------------------------------------------------------------------


def draw(
    data: TaskData, split: Split, *, root: int, seed: int, name: str, fraction: float = 0.8
) -> npt.NDArray[np.int64]:
    """(m,) sorted row numbers of a random `fraction` of the split's questions, whole questions only.

    The draw is named by (root, seed, name) and the same wherever it is asked for. A draw without both
    classes is drawn again, since nothing can be trained on it. Raises `DataError` where no draw of a
    thousand holds both; `ValueError` for a fraction outside (0, 1].
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"a fraction of {fraction} is not in (0, 1]")
    rng = _generator("draw", root, seed, name)
    groups, gold = data.texts[split].groups, gold_of(data, split).labels
    n_groups = int(groups.max()) + 1
    count = max(1, round(fraction * n_groups))
    for _ in range(_DRAWS):
        index = np.flatnonzero(_some(n_groups, count, rng)[groups]).astype(np.int64)
        labels = gold[index]
        if labels.any() and not labels.all():
            return index
    what = f"no draw of {count} of the {n_groups} questions holds both classes"
    raise DataError(f"split {name}: {what}. Add rows of the rarer class, or raise --limit.")


def cut(data: TaskData, part: HoldoutPart, *, root: int, name: str) -> TaskData:
    """The data with only a part of its holdout; the whole questions of `feedback` and `final` are disjoint.

    The cut is named by the root seed and the data alone, so every plan on them makes the same one. Training
    splits and `digest` stay as they are: a seed trains on the same rows whatever part is scored. Raises
    `DataError` where a part would lack a class or have under two questions.
    """
    if part == "whole":
        return data
    test, gold = data.texts["test"], {split: gold_of(data, split) for split in SPLITS}
    questions = int(test.groups.max()) + 1
    feedback = _some(questions, questions // 2, _generator("holdout", root, data.digest))
    kept = feedback[test.groups] == (part == "feedback")
    labels = gold["test"].labels[kept]
    if len(np.unique(test.groups[kept])) < 2 or labels.all() or not labels.any():
        raise DataError(
            f"task {name}: the {part} half of its holdout lacks a class or has under two questions. "
            "Give it a larger holdout, or raise --limit."
        )
    index = np.flatnonzero(kept)
    texts = {**data.texts, "test": _texts(test, index)}
    votes = gold["test"].votes
    gold["test"] = Gold(fixed(gold["test"].labels[kept]), None if votes is None else votes.only(index))
    return TaskData(data.kind, texts, gold, data.digest, data.answers_digest, part)


def _texts(whole: Texts, index: npt.NDArray[np.intp]) -> Texts:
    """The rows of `index`; questions are numbered anew by first appearance."""
    _, first, codes = np.unique(whole.groups[index], return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(first, kind="stable"), kind="stable")
    return Texts(
        rows=tuple(whole.rows[i] for i in index),
        groups=fixed(order[codes].astype(np.int64)),
        subsets=tuple(whole.subsets[i] for i in index),
        answers=tuple(whole.answers[i] for i in index),
    )


def _some(questions: int, count: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """(questions,) which of them are taken: `count` at random."""
    taken = np.zeros(questions, dtype=np.bool_)
    # sorted uniforms, not Generator.permutation, whose stream may change between numpy versions
    taken[np.argsort(rng.random(questions), kind="stable")[:count]] = True
    return taken


def _generator(use: str, *names: int | str) -> np.random.Generator:
    key = json.dumps([f"w2s-harness/{use}/1", *names])
    return np.random.default_rng(int.from_bytes(hashlib.sha256(key.encode()).digest(), "little"))
