"""Which rows go into which split, and which of them a limit keeps: by whole questions, by hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from w2s_harness.contract.errors import DataError, UsageError
from w2s_harness.contract.types import SPLITS, Split
from w2s_harness.data.rows.checked import Located
from w2s_harness.data.rows.gold import label_of

FRACTIONS: Mapping[Split, float] = {"train_label": 0.25, "train_unlabel": 0.25, "test": 0.5}
"""Share of the questions in each split, where the task states none."""

_FEWEST = 8
"""Questions; a quarter of fewer would not be two."""


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
    groups = _counts(rows)
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
    sizes = _counts(rows)
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


def _counts(rows: Iterable[Located]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for _, example in rows:
        counts[example.group] = counts.get(example.group, 0) + 1
    return counts


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
