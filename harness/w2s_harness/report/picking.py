"""The best of several rows, less what picking it is worth by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from w2s_harness.report.comparing import Scored
from w2s_harness.report.records import BestOf
from w2s_harness.scoring import best_of
from w2s_harness.scoring.blocks import estimate


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
        k, winner, optimism = best_of.best_of([block for _, block in blocks], name="/".join(name))
        at, block = blocks[winner]
        pgr, base = rows[at].row.pgr, rows[at].base
        out[at] = BestOf(
            k=k,
            optimism=optimism,
            accuracy=estimate([block]) - optimism,
            pgr=None if pgr is None or base is None else pgr - optimism / base.gap,
        )
    return out
