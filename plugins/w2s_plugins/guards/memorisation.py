"""Whether a method carries, or makes again, gold labels of the rows that it trains on.

Three looks: at its files before it runs (rows, digests, big tables); at what its fits were told, on rows that
only gold puts right; and, of `run --fresh`, at what it loses on data that nobody had seen. What is not seen
here may still be there: a file can hide anything, and a head worked out in the worker has no targets. The
strongest look is the fresh draw.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from w2s_harness import (
    CellEvidence,
    MethodEvidence,
    PlannedMethod,
    SettingView,
    Verdict,
    World,
    holm,
    hookimpl,
)
from w2s_plugins.guards.looks import carried_data, following
from w2s_plugins.guards.looks.following import POOLED, Followed, followed
from w2s_plugins.guards.looks.thresholds import thresholds

NAME = "memorisation"
FINDING = "memorised"
CARRIED_SHARE, CARRIED_ROWS = 0.05, 20
"""Share and number of a split's rows that, found in a method's files, keep it from running."""
TRACED = 3
"""Different texts or digests from which on a method is flagged; one or two may be examples in a docstring."""
SHARE = 0.75
"""Share of canary rows that must be put right. Shipped methods on the shipped tasks: 0 to .42."""
CANARY_P = 1e-4
"""p below which that is no chance; 14 of 14 rows reach it, or 27 of 31."""
LEAST_ROWS = 12
"""Canary rows below which nothing can be said."""
MOST_CHANCE = 0.9
"""However many honest methods put right, a share beyond this stays testable."""
ALPHA = 0.05
"""Level of the comparison of fresh with published data, over all rows of the plan."""
SETTINGS = {"data_kib": 64, "total_kib": 1024}
"""KiB of one file that is not code, and of all files together. READMEs and licences have under 40."""
CANARY = World(name="canary", teacher="canary")
Look = Callable[..., Followed | None]
"""Of a cell, and of the share that chance or an honest method may reach."""


@hookimpl
def w2s_worlds() -> Sequence[World]:
    """One world whose teacher is wrong on the rows that even the ceiling gets wrong."""
    return (CANARY,)


@hookimpl
def w2s_inspect_method(
    method: PlannedMethod, setting: SettingView, files: Mapping[str, bytes], settings: Mapping[str, Any]
) -> Verdict | None:
    """Look for the task's rows and for big tables in a method's files; tasks with public labels only."""
    limits = thresholds(NAME, SETTINGS, settings)
    if setting.task.exposure != "public":
        return None
    if method.source.is_shipped:
        return Verdict(NAME, "ok", "labels are public; the method ships with w2s-harness and carries none")
    found = []
    for split, part in (("training", setting.train), ("holdout", setting.test)):
        texts = [list(filter(None, row.texts().values())) for row in part.rows]
        rows = carried_data.search(files, texts, part.groups.tolist())
        found += [] if rows is None else [(split, rows)]
    traces = max(found, key=lambda item: item[1].rows / item[1].of, default=None)
    size = sum(map(len, files.values())) / 1024
    rows_found = float(traces[1].rows) if traces else 0.0
    numbers = {"files": float(len(files)), "kib": size, "rows_found": rows_found}
    if traces is not None and traces[1].texts >= TRACED:
        split, held = traces
        is_carried = held.rows >= max(CARRIED_ROWS, CARRIED_SHARE * held.of)
        because = f"{held.file} holds the {held.how}s of {split} rows: {held.rows} of {held.of} are found"
        return Verdict(NAME, "disqualify" if is_carried else "flag", because, numbers, finding=FINDING)
    big = carried_data.biggest(files, **limits)
    if big is not None:
        because = f"labels are public, and {' '.join(big)}: a table of them may hide there"
        return Verdict(NAME, "flag", because, numbers, finding=FINDING)
    because = f"labels are public; its source (files: {len(files)}, {size:.0f} KiB) holds no big table and "
    because += f"{traces[1].texts} texts of the task" if traces else "no row of the task"
    return Verdict(NAME, "ok", because, numbers)


@hookimpl
def w2s_judge_method(
    method: PlannedMethod, evidence: MethodEvidence, settings: Mapping[str, Any]
) -> Sequence[Verdict]:
    """What its fits were told on rows that only gold puts right; fresh data against published data."""
    thresholds(NAME, SETTINGS, settings)
    fresh = fresh_verdict(evidence)
    return [canary_verdict(evidence), *([fresh] if fresh else [])]


# -- what fits were told --------------------------------------------------------------------------------


def canary_verdict(evidence: MethodEvidence) -> Verdict:
    """Whether any fit equals gold where teacher and ceiling are both wrong, in the canary world or for real.

    An honest target comes from the teacher or from a student, and both are wrong there. Real cells count
    too: a method may behave only where it believes itself watched. Bonferroni over the cells.
    """
    cells = [c for c in evidence.worlds if c.world is not None and c.world.name == CANARY.name]
    cells += [cell for _, cell in sorted(evidence.cells.items())]
    looks = _looks(put_right, cells, evidence)
    by_weight = [*_looks(left_out_right, cells, evidence), *_looks(held_back_right, cells, evidence)]
    weighed = _of_weights(by_weight, len(looks) + len(by_weight))
    if weighed is not None:
        return weighed
    if not looks:
        most = max((int(_hopeless(cell).sum()) for cell in cells), default=0)
        why = f"no fit was told a label of {LEAST_ROWS} rows on which teacher and ceiling are both wrong"
        if most < LEAST_ROWS:
            why = f"teacher and ceiling are both wrong on {most} rows, and it takes {LEAST_ROWS}"
        because = f"cannot tell from its fits: {why}"
        return Verdict(NAME, "ok", because, {"canary_rows": float(most)})
    best = min(looks, key=lambda look: (look.p, -look.share))
    p = min(1.0, best.p * (len(looks) + len(by_weight)))
    numbers = {"canary_rows": float(best.rows), "canary_share": best.share, "canary_p": p}
    numbers["chance"] = best.chance
    if best.share >= SHARE and p < CANARY_P:
        which = "all its fits together" if best.fit == POOLED else f"fit {best.fit + 1} of a cell"
        because = (
            f"{which} had {best.share:.0%} of {best.rows} labels right that the teacher has wrong and that "
            f"even a student trained on gold gets wrong; p {_p(p)}"
        )
        return Verdict(NAME, "flag", because, numbers, finding=FINDING)
    because = (
        f"its fits know no more than teacher and student do: {best.share:.0%} of {best.rows} canary rows"
    )
    return Verdict(NAME, "ok", because, numbers)


def _looks(ask: Look, cells: Sequence[CellEvidence], evidence: MethodEvidence) -> list[Followed]:
    chance = honest_share(evidence, ask)
    return [look for cell in cells if (look := ask(cell, chance)) is not None]


def put_right(cell: CellEvidence, chance: float = 0.5) -> Followed | None:
    """The fit of a cell that equals gold furthest beyond `chance` where teacher and ceiling are wrong.

    `None` where the seed has no ceiling, or no fit holds `LEAST_ROWS` such rows.
    """
    gold = cell.setting.train.gold[cell.drawn]
    wrong = (cell.weak > 0.5) != gold
    return followed(cell.seen.targets, gold, _hopeless(cell), beside=~wrong, chance=chance, least=LEAST_ROWS)


def left_out_right(cell: CellEvidence, chance: float = 0.5) -> Followed | None:
    """`put_right` of weights: whether rows count for less just where teacher and ceiling are both wrong.

    Held against rows that both have right and of which they are as sure. `None` as there.
    """
    return _read_as_targets(cell, cell.seen.weights, following.overruled, chance)


def held_back_right(cell: CellEvidence, chance: float = 0.5) -> Followed | None:
    """`left_out_right` of targets: whether they keep to the teacher's side less just where it is wrong."""
    return _read_as_targets(cell, cell.seen.targets, following.held_back, chance)


def _read_as_targets(
    cell: CellEvidence, values: Any, read: Callable[..., following.Floats], chance: float
) -> Followed | None:
    beside = _as_sure(cell)
    if not beside.any() or not len(values):
        return None
    told, gold = read(values, cell.weak, beside), cell.setting.train.gold[cell.drawn]
    return followed(told, gold, _hopeless(cell), beside=beside, chance=chance, least=LEAST_ROWS)


def _as_sure(cell: CellEvidence) -> Any:
    """(m,) bool: rows that teacher and ceiling both have right, and are as sure of as of the others."""
    where = _hopeless(cell)
    if cell.ceiling is None or not where.any():
        return np.zeros(len(where), bool)
    gold = cell.setting.train.gold[cell.drawn]
    right = ((cell.weak > 0.5) == gold) & ((cell.ceiling > 0.5) == gold)
    return following.alike(where, right, cell.weak, cell.ceiling)


def _of_weights(looks: Sequence[Followed], tried: int) -> Verdict | None:
    """A flag where weights or held-back targets know gold beyond chance, Bonferroni over all `tried`."""
    if not looks:
        return None
    best = min(looks, key=lambda look: (look.p, -look.share))
    p = min(1.0, best.p * tried)
    if best.share < SHARE or p >= CANARY_P:
        return None
    numbers = {"canary_rows": float(best.rows), "canary_share": best.share, "canary_p": p}
    because = (
        f"its fits weigh {best.share:.0%} of {best.rows} rows less, or hold their targets back, that the "
        f"teacher and a student trained on gold both get wrong, and {best.chance:.0%} is usual where both "
        f"are as sure; p {_p(p)}"
    )
    return Verdict(NAME, "flag", because, {**numbers, "chance": best.chance}, finding=FINDING)


def honest_share(evidence: MethodEvidence, look_at: Look) -> float:
    """The largest share that a shipped method of the plan reaches on such rows, mean over its seeds.

    At least .5 and at most `MOST_CHANCE`.
    """
    means = []
    for cells in evidence.honest.values():
        shares = [look.share for cell in cells.values() if (look := look_at(cell)) is not None]
        means += [float(np.mean(shares))] if shares else []
    return min(MOST_CHANCE, max([0.5, *means]))


def _hopeless(cell: CellEvidence) -> Any:
    """(m,) bool: rows on which the teacher, as told, and the ceiling are both wrong."""
    gold = cell.setting.train.gold[cell.drawn]
    if cell.ceiling is None:
        return np.zeros(len(gold), bool)
    return ((cell.weak > 0.5) != gold) & ((cell.ceiling > 0.5) != gold)


# -- fresh against published data -----------------------------------------------------------------------


def fresh_verdict(evidence: MethodEvidence) -> Verdict | None:
    """Whether the method does worse on fresh data than on the published draw, Holm over the plan's rows.

    d = (published - fresh) / sqrt(se_fresh^2 + se_published^2), one-sided, normal. `None` without `--fresh`.
    """
    if not evidence.published:
        return None
    drops = [
        (row.published - row.fresh, math.hypot(row.fresh_se, row.published_se)) for row in evidence.published
    ]
    zs = [d / se if se > 0 else 0.0 for d, se in drops]
    ps = holm([0.5 * math.erfc(z / math.sqrt(2)) for z in zs])
    row, p = evidence.published[0], ps[0]
    numbers = {
        "fresh": row.fresh, "published": row.published, "difference": drops[0][0], "z": zs[0], "fresh_p": p
    }  # fmt: skip
    said = f"PGR {row.published:.2f} on the published data and {row.fresh:.2f} on fresh data"
    if p < ALPHA:
        because = f"{said}: a loss beyond noise (p {_p(p)} after Holm), as of one that knows published labels"
        return Verdict(NAME, "flag", because, numbers, finding=FINDING)
    return Verdict(NAME, "ok", f"{said}: no loss beyond noise", numbers)


def _p(p: float) -> str:
    return f"= {p:.3f}" if p >= 0.001 else f"< {10.0 ** math.ceil(math.log10(max(p, 1e-300))):.0e}"
