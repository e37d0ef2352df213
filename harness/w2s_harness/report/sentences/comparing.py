"""Every row against a reference: the difference in transfer accuracy, and what it comes to in PGR."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from w2s_harness.contract.plan import VANILLA
from w2s_harness.report.document.document import Comparison, Row, label
from w2s_harness.report.document.records import BestOf
from w2s_harness.scoring.comparisons import compare
from w2s_harness.scoring.spread import interval, pool
from w2s_harness.scoring.spread.blocks import Block, estimate

ALPHA = 0.05
NO_SOLVER = "none"
"""The solver of a method without a fit of its own (zero-shot): it can be compared with any."""


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """A row with the outcomes behind it."""

    row: Row
    transfer: Block | None
    """All its seeds' outcomes; None where a seed is missing."""
    base: interval.WeakAndCeiling | None
    """Weak and ceiling of its setting; None where their outcomes are not known."""
    has_gap: bool
    """Whether its setting has one; the same, as `min_gap` is, for all rows over the same baselines."""
    min_gap: float

    @property
    def setting(self) -> tuple[str, str]:
        """(task, pair)."""
        return self.row.task, self.row.pair


def against(
    rows: Sequence[Scored],
    reference: str,
    *,
    beside: Mapping[tuple[str, str, str], Block] | None = None,
    attempts: Sequence[float | None] = (),
) -> list[Comparison | None]:
    """Every row against the row whose method (with parameters, as in a cell's id) is `reference`.

    :param beside: outcomes of the reference by (task, pair, solver) where the plan has no such row.
    :param attempts: p-values of the recorded attempts, None for one without a test.

    A row is compared with the reference by the same solver on its own setting. Holm runs over every row but
    the references, and over the attempts; a row or an attempt without a test counts as p = 1. None for the
    reference itself and for rows without a comparison.
    """
    found = {
        (*s.setting, s.row.solver): s.transfer
        for s in rows
        if label(s.row) == reference and s.transfer is not None
    }
    blocks = {**(beside or {}), **found}
    family = [i for i, s in enumerate(rows) if label(s.row) != reference]
    others = [
        None if label(s.row) == reference else same_solver(s.setting, s.row.solver, blocks) for s in rows
    ]
    return corrected(_tested(rows, reference, others), family, attempts)


def against_each(
    rows: Sequence[Scored], name: str, references: Sequence[Block | None]
) -> list[Comparison | None]:
    """Every row against a reference of its own, such as an ensemble; Holm over those tested."""
    tested = _tested(rows, name, references)
    return corrected(tested, [i for i, t in enumerate(tested) if t is not None])


def against_best(
    rows: Sequence[Scored],
    name: str,
    references: Sequence[Block | None],
    attempts: Sequence[float | None] = (),
) -> list[Comparison | None]:
    """Every row against the best of several references, such as `vanilla*`, for new training pools.

    Holm runs over every row but vanilla's own, and over the attempts, as in `against`.
    """
    family = [i for i, s in enumerate(rows) if label(s.row) != VANILLA]
    return corrected(_tested(rows, name, references), family, attempts, pools=True)


def corrected(
    tested: Sequence[Comparison | None],
    family: Sequence[int],
    attempts: Sequence[float | None] = (),
    *,
    pools: bool = False,
) -> list[Comparison | None]:
    """The comparisons with `p_holm` and `significant` over the positions in `family` and the attempts.

    `pools`: of their p-values for new training pools.
    """
    known = [None if (c := tested[i]) is None else c.p_pool if pools else c.p for i in family]
    adjusted = compare.holm([1.0 if p is None else p for p in (*known, *attempts)])
    out = list(tested)
    for i, p, p_holm in zip(family, known, adjusted, strict=False):
        comparison = tested[i]
        if comparison is not None and p is not None:
            out[i] = msgspec.structs.replace(comparison, p_holm=p_holm, significant=p_holm <= ALPHA)
    return out


def same_solver(
    setting: tuple[str, str], solver: str, blocks: Mapping[tuple[str, str, str], Block]
) -> Block | None:
    """The reference of a setting (task, pair) by a solver, out of `blocks` by (task, pair, solver).

    A row without a solver is compared with any, and a reference without one stands for all.
    """
    if solver != NO_SOLVER:
        return blocks.get((*setting, solver)) or blocks.get((*setting, NO_SOLVER))
    return next((block for key, block in blocks.items() if key[:2] == setting), None)


def _tested(rows: Sequence[Scored], name: str, references: Sequence[Block | None]) -> list[Comparison | None]:
    """The comparisons of rows with a reference each, before correction; those that share one together."""
    out: list[Comparison | None] = [None] * len(rows)
    groups: dict[tuple[int, int], list[int]] = {}
    for i, (scored, reference) in enumerate(zip(rows, references, strict=True)):
        if scored.transfer is not None and reference is not None and scored.row.status != "skipped":
            groups.setdefault((id(reference), id(scored.base)), []).append(i)
    for places in groups.values():
        reference = references[places[0]]
        if reference is not None:
            for i, found in zip(places, _with_one([rows[i] for i in places], name, reference), strict=True):
                out[i] = found
    return out


def _with_one(rows: Sequence[Scored], name: str, reference: Block) -> list[Comparison]:
    """The comparisons of rows over the same baselines with one reference."""
    own = [s.transfer for s in rows if s.transfer is not None]
    base = rows[0].base if rows[0].has_gap else None
    bounds: list[tuple[float, float] | None] = [None] * len(rows)
    if base is not None:
        found = interval.difference_intervals(base, own, reference, min_gap=rows[0].min_gap)
        bounds = [each.bounds for each in found]
    pools = pool.difference_pools(own, reference)
    return [
        Comparison(
            against=name,
            difference=difference.estimate,
            ci=difference.ci,
            ci_pool=None if (new := pools[i]) is None else new.bounds,
            p_pool=None if new is None else new.p,
            pgr=None if base is None else difference.estimate / base.gap,
            pgr_ci=bounds[i],
            p=difference.p,
            p_holm=None,
            significant=False,
        )
        for i, difference in enumerate(compare.all_between(own, reference))
    ]


def picked(rows: Sequence[Scored], groups: Mapping[tuple[str, ...], Sequence[int]]) -> dict[int, BestOf]:
    """By position in `rows`, the best of each group by transfer accuracy and its `BestOf`.

    A group is named by its key, which seeds the bootstrap, and holds positions. Rows without outcomes, or
    with a status other than ok and no-gap, are not picked from; a group of fewer than two has no best.
    """
    out = {}
    for name, members in groups.items():
        places = [i for i in members if rows[i].row.status in ("ok", "no-gap")]
        blocks = [(i, block) for i in places if (block := rows[i].transfer) is not None]
        if len(blocks) < 2:
            continue
        k, winner, optimism = compare.best_of([block for _, block in blocks], name="/".join(name))
        at, block = blocks[winner]
        pgr, base = rows[at].row.pgr, rows[at].base
        out[at] = BestOf(
            k=k,
            optimism=optimism,
            accuracy=estimate([block]) - optimism,
            pgr=None if pgr is None or base is None else pgr - optimism / base.gap,
        )
    return out
