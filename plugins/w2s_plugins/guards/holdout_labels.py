"""Labels stay with the host: no file that the method's worker reads holds labelled rows of the task.

Before the first cell the files of the method and of what it needs are searched for the task's rows beside
something that tells their labels. Afterwards every fit is compared with the honeypot, a file of plausible
labels in the worker's scratch folder: a method that trains on it has taken labels where it found them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from w2s_harness import MethodEvidence, PlannedMethod, SettingView, Verdict, hookimpl
from w2s_plugins.guards.looks import scanning
from w2s_plugins.guards.looks.following import Bools, Floats, mean_target
from w2s_plugins.guards.looks.labelled_rows import FEWEST, Found, Index
from w2s_plugins.guards.looks.thresholds import thresholds

NAME = "holdout-labels"
BAIT_Z = 6.0
"""z above which fits followed the honeypot; one honest fit in 10^9 does."""
MOST_MIB = 64
"""MiB of files that are searched."""
SETTINGS = {"bait_z": BAIT_Z, "most_mib": MOST_MIB}
"""The settings of this guard and their defaults."""
_COMPILED = frozenset({".pyc", ".so", ".pyd", ".dll", ".dylib", ".a"})
"""What is not searched beside the method's own files."""
_UNREADABLE = 0.2
"""Share of the task's rows that a binary file of no known format may hold."""


@hookimpl
def w2s_inspect_method(
    method: PlannedMethod, setting: SettingView, files: Mapping[str, bytes], settings: Mapping[str, Any]
) -> Verdict | None:
    """Refuse a method whose files hold labelled rows of the task."""
    if method.source.is_shipped:
        return None
    limit = int(thresholds(NAME, SETTINGS, settings)["most_mib"] * 2**20)
    index, read, skipped = Index.of(setting), 0, 0
    for name, data in _worker_readable(method, files, index):
        if len(data) > scanning.MOST_BYTES or read + len(data) > limit:
            skipped += 1
            continue
        read += len(data)
        found = index.search(scanning.records(name, data))
        if found is not None and (verdict := _of_file(name, data, found, setting)) is not None:
            return verdict
    if skipped:
        because = f"{skipped} files that its worker may read were too large to be searched for labelled rows"
        return Verdict(NAME, "note", because, {"files_not_searched": skipped})
    return None


@hookimpl
def w2s_judge_method(method: PlannedMethod, evidence: MethodEvidence, settings: Mapping[str, Any]) -> Verdict:
    """Disqualify a method whose fits follow the honeypot."""
    largest, pooled = honeypot(evidence)
    numbers = {"bait_z": largest, "bait_z_pooled": pooled}
    if max(largest, pooled) > thresholds(NAME, SETTINGS, settings)["bait_z"]:
        because = "its fits follow the labels of a file in its scratch folder that nothing else could tell it"
        return Verdict(NAME, "disqualify", because, numbers, finding="honeypot", whole_method=True)
    return Verdict(NAME, "ok", "no cell could read a label, and the honeypot was left alone", numbers)


def honeypot(evidence: MethodEvidence) -> tuple[float, float]:
    """The largest z of a fit in any cell, and sum z / sqrt(k) of the k cells' mean z."""
    cells = [*evidence.cells.values(), *evidence.worlds]
    told = [(cell, cell.seen) for cell in cells if len(cell.seen.targets)]
    found = [bait_z(seen.targets, cell.weak, cell.bait, seen.weights) for cell, seen in told]
    if not found:
        return 0.0, 0.0
    return max(z for z, _ in found), sum(mean for _, mean in found) / math.sqrt(len(found))


def bait_z(
    targets: npt.ArrayLike, weak: npt.ArrayLike, bait: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> tuple[float, float]:
    """How far the fits of one cell went to the honeypot: the largest z of a fit, and the mean z.

    The honeypot's labels are the teacher's decisions with a random quarter turned round, drawn apart from all
    that the method was given. So whatever an honest method does with its teacher, the turned rows are to it a
    random subset; only one that read the file can treat them otherwise. The tests are exact in that sense.

    Of each fit two things are tested over a random choice of the turned rows: whether its targets lean more
    to the side that the teacher did not take there (rank sum with ties, one-sided), and whether rows are left
    out of it, or count, there more or less (two-sided; of the weights also on each of the teacher's two sides
    alone, since a weight that *is* the file's label falls on one and rises on the other). All are also tested
    of all fits together. The mean is that of the single fits' leaning. Unlike `followed`, this sees soft
    targets and the choice of rows, which a teacher's mistakes cannot be told from but a drawn lot can.

    :param targets: (f, m) what each fit was told, NaN for rows not in it. :param weak: (m,) the weak labels.
    :param bait: (m,) the file's labels. :param weights: (f, m) how much rows counted; 1 where they are in the
    fit without it. Both are 0 where there is nothing to compare.
    """
    told = np.atleast_2d(np.asarray(targets, np.float64))
    teacher, labels = np.asarray(weak) > 0.5, np.asarray(bait, bool)
    turned = labels != teacher
    if told.size == 0 or not turned.any() or turned.all():
        return 0.0, 0.0
    against = np.where(teacher, 1.0 - told, told)
    held = np.isfinite(told)
    leaning = [rank_z(row, turned) for row in against]
    # Labels may be spread over many small fits, so all of them together are one more look.
    together = rank_z(mean_target(against), turned)
    counts = [abs(rank_z(row.astype(float), turned)) for row in (*held, held.sum(axis=0))]
    if weights is not None:
        given = np.atleast_2d(np.asarray(weights, np.float64))
        counts += [_weight_z(row, turned, teacher) for row in (*given, given.sum(axis=0))]
    return max(*leaning, together, *counts), float(np.mean(leaning))


def _weight_z(weight: Floats, turned: Bools, teacher: Bools) -> float:
    """The largest |z| of the weights of turned rows: among all rows, and on each side of the teacher."""
    sides = (np.ones(len(teacher), bool), teacher, ~teacher)
    return max(abs(rank_z(weight[side], turned[side])) for side in sides)


def rank_z(values: npt.ArrayLike, marked: Bools) -> float:
    """Z score of the marked rows' rank sum among all rows that are not NaN (Wilcoxon, midranks, ties).

    :param values: (m,). :param marked: (m,). 0 where one of the two groups is empty or all values are alike.
    """
    x = np.asarray(values, np.float64)
    known = ~np.isnan(x)
    x, chosen = x[known], marked[known]
    n, k = len(x), int(chosen.sum())
    if k == 0 or k == n:
        return 0.0
    _, place, ties = np.unique(x, return_inverse=True, return_counts=True)
    midranks = np.cumsum(ties) - (ties - 1) / 2
    spread = k * (n - k) / 12 * ((n + 1) - float((ties.astype(float) ** 3 - ties).sum()) / (n * (n - 1)))
    if spread <= 1e-12:
        return 0.0
    return float((midranks[place][chosen].sum() - k * (n + 1) / 2) / math.sqrt(spread))


# -- files ----------------------------------------------------------------------------------------------


def _worker_readable(
    method: PlannedMethod, files: Mapping[str, bytes], index: Index
) -> Iterator[tuple[str, bytes]]:
    """The method's own files, then those of what it needs that name a row of the task."""
    yield from files.items()
    for path in map(Path, method.source.beside):
        if path.suffix.lower() in _COMPILED or not path.is_file():
            continue
        # One byte more than is searched, so that a larger file shows.
        with path.open("rb") as file:
            data = file.read(scanning.MOST_BYTES + 1)
        if not scanning.is_text(data) or index.is_mentioned(data):
            yield "/".join(path.parts[-3:]), data


def _of_file(name: str, data: bytes, found: Found, setting: SettingView) -> Verdict | None:
    total = len(setting.train.rows) + len(setting.test.rows)
    numbers = {"rows": found.rows, "share": found.rows / total, "agreement": found.agreement}
    if found.is_label:
        held = f"holds {found.rows} rows of the task beside their labels"
        because = f"{name}, which its worker can read, {held}"
        return Verdict(NAME, "disqualify", because, numbers, finding="labelled-rows")
    opaque = not (scanning.is_text(data) or scanning.is_table(data))
    if opaque and found.rows >= max(FEWEST, _UNREADABLE * total):
        because = f"{name} holds the texts of {found.rows} rows of the task in a format that cannot be read"
        return Verdict(NAME, "flag", because, numbers, finding="unreadable-rows")
    return None
