"""The smallest difference from vanilla that a plan can see."""

from __future__ import annotations

from collections.abc import Sequence

from w2s_harness.contract.plan.plan import Plan
from w2s_harness.contract.plan.references import VANILLA
from w2s_harness.report.sentences.comparing import ALPHA
from w2s_harness.run.board.attempts import AttemptLog
from w2s_harness.run.kept.store import Store
from w2s_harness.run.session.pilots import Pilots, boards_of, pilots
from w2s_harness.run.work.setting.setting import Setting
from w2s_harness.scoring.comparisons.power import POWER, Assumed, Holdout, minimum_detectable


def detectable(plan: Plan, settings: Sequence[Setting], store: Store) -> list[str]:
    """A line for each setting: what a method must differ by to end significant with a chance of 80 %.

    First on this training pool, then on new ones, as a claim needs it.

    The level is the one that Holm asks of the first of the plan's comparisons and recorded attempts, alpha /
    m. Empty where nothing would be compared with vanilla.
    """
    compared = [m.id for m in plan.methods if m.id != VANILLA]
    if not compared or VANILLA not in [m.id for m in plan.methods]:
        return []
    seeds = len(plan.seeds)
    if seeds < 2:
        return ["detects   no difference from vanilla: the test needs two seeds at least"]
    m = len(compared) * len(settings) + len(AttemptLog(store).before(plan, settings))
    boards = boards_of(store.root)
    level = f"alpha {ALPHA:g} / {m} comparisons (Holm)"
    lines = [f"detects   with a chance of {100 * POWER:g} %, {level}, {seeds} seeds"]
    for setting in settings:
        known = pilots(boards, setting.task.id, setting.pair.name, VANILLA)
        lines.append(f"detects   {setting.id}: {_smallest(setting, known, compared, seeds, ALPHA / m)}")
    return lines


def _smallest(setting: Setting, known: Pilots, methods: Sequence[str], seeds: int, level: float) -> str:
    """The smallest differences that can be seen; a range where methods' variances differ."""
    holdout = Holdout.of(setting.test.groups)
    measured = {p.method: p.components for p in known.found if p.method in methods}
    cases = list(measured.values())
    if len(measured) < len(methods):
        cases.append(Assumed().components(holdout.rows_per_question))
    sizes = []
    for new_pools in (False, True):
        least = [
            minimum_detectable(c, seeds, holdout.questions, alpha=level, new_pools=new_pools) for c in cases
        ]
        sizes.append(_size(min(least), max(least), known.gap))
    origin = _origin(len(measured), len(methods))
    return f"{sizes[0]}; on new training pools, as a claim needs, {sizes[1]}; variances {origin}"


def _size(low: float, high: float, gap: float | None) -> str:
    """From `low` to `high` accuracy, and as PGR where the gap is known; never a number that none can have."""
    if gap is None and low >= 1:
        return "nothing, not even all of an accuracy's range"
    size = f"{_span([f'{min(x, 1.0):.3f}' for x in (low, high)])} accuracy"
    if gap is None:
        return size
    if low >= gap:
        return f"nothing below 1 PGR can be seen (it takes {size}, the gap is {gap:.3f})"
    if high >= gap:
        return f"{size} ({low / gap:.2f} PGR; with the larger variances nothing below 1 can be seen)"
    return f"{size} ({_span([f'{x / gap:.2f}' for x in (low, high)])} PGR)"


def _span(ends: Sequence[str]) -> str:
    return ends[0] if ends[0] == ends[-1] else f"{ends[0]} to {ends[-1]}"


def _origin(measured: int, of: int) -> str:
    if measured == of:
        return "from the store"
    return "assumed" if measured == 0 else f"from the store for {measured} of {of} methods, else assumed"
