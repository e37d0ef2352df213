"""The strongest sentences that the rows of a leaderboard allow."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from w2s_harness.report.comparing import VANILLA
from w2s_harness.report.document import Comparison, Row, label
from w2s_harness.report.notation import signed, span
from w2s_harness.report.records import Claim

ZERO_SHOT = "zero-shot"
"""What a claim of weak supervision has to beat beside vanilla: it does not need the teacher."""
Needed = Callable[[Row], str]
"""What would decide a row's comparison with vanilla, such as `needs 14 seeds`; empty where nobody knows."""


def claims_of(rows: Sequence[Row], needed: Needed = lambda row: "") -> list[Claim]:
    """One claim for each method that was compared with vanilla, in the order of the rows.

    A setting counts as won where the difference survives Holm against vanilla and, where the plan holds it,
    against zero-shot, and nothing in the row forbids a claim: an elicitation track, a guard's flag, other
    attempts on the same holdout. Every other setting of the method is named with what it came to, so that
    no sentence keeps quiet about a loss.
    """
    by_name: dict[str, list[Row]] = {}
    for row in rows:
        if row.vs_vanilla is not None:
            by_name.setdefault(label(row), []).append(row)
    return [_claim(name, compared, needed) for name, compared in by_name.items()]


def _claim(name: str, rows: Sequence[Row], needed: Needed) -> Claim:
    one_pair = len({row.pair for row in rows}) == 1
    won: list[Row] = []
    lost: list[Row] = []
    for row in rows:
        (won if _is_won(row) else lost).append(row)
    parts = []
    if won:
        shown = [f"{_where(row, one_pair)} ({_size(row.vs_vanilla)})" for row in won]
        seeds = {len(row.transfer.per_seed) for row in won}
        count = f"{min(seeds)} seeds" if len(seeds) == 1 else f"{min(seeds)} to {max(seeds)} seeds"
        scope = "" if all(_is_general(row) for row in won) else ", this training pool"
        parts.append(f"{name} beats vanilla on {_listed(shown)}, {count}, Holm-adjusted{scope}")
        if not any(c.against == ZERO_SHOT for row in won for c in row.versus):
            parts.append("zero-shot was not run, so this is no claim of weak supervision")
    rest = [f"{_where(row, one_pair)}: {_otherwise(row, needed)}" for row in lost]
    if not won:
        rest = [f"{name}: no claim", *rest]
    return Claim(
        sentence="; ".join([*parts, *rest]),
        method=name,
        against=VANILLA,
        significant=bool(won),
        settings=[f"{row.task}/{row.pair}" for row in won],
    )


def _is_won(row: Row) -> bool:
    return _beats(row.vs_vanilla) and not _forbidden(row) and all(map(_beats, _zero_shot(row)))


def _beats(found: Comparison | None) -> bool:
    return found is not None and found.significant and found.difference is not None and found.difference > 0


def _zero_shot(row: Row) -> list[Comparison]:
    return [c for c in row.versus if c.against == ZERO_SHOT]


def _forbidden(row: Row) -> str:
    """Why nothing may be claimed of the row, or an empty string."""
    if row.status not in ("ok", "no-gap"):
        return row.status
    if row.track == "elicitation":
        return "elicitation track, no claim of weak supervision"
    if row.unverified:
        return f"unverified: {row.unverified}"
    flagged = [v.guard for v in row.verdicts if v.level == "flag"]
    if flagged:
        return f"flagged by {_listed(flagged)}"
    if any(v.finding == "review" for v in row.verdicts):
        return "in review: its dependence on the teacher is unclear"
    if row.attempts > 1 and row.exposure != "fresh":
        return f"{row.attempts} attempts on this holdout, so a claim needs --fresh"
    return ""


def _otherwise(row: Row, needed: Needed) -> str:
    """What a setting came to that was not won."""
    found = row.vs_vanilla
    hides_a_win = row.status not in ("ok", "no-gap") or row.track == "elicitation" or _beats(found)
    if (reason := _forbidden(row)) and hides_a_win:
        return reason
    if found is None or found.p is None:
        return "not tested"
    if _beats(found):
        return f"above vanilla ({_size(found)}) but not above zero-shot"
    if found.significant:
        return f"worse than vanilla ({_size(found)})"
    need = needed(row)
    return f"inconclusive ({_size(found)}{', ' if need else ''}{need})"


def _is_general(row: Row) -> bool:
    """Whether what was won holds for new training pools too, against zero-shot as well where that was run."""
    compared = [row.vs_vanilla, *_zero_shot(row)]
    return all(c is not None and c.ci_pool is not None and c.ci_pool[0] > 0 for c in compared)


def _size(found: Comparison | None) -> str:
    if found is None or found.difference is None:
        return "-"
    if found.pgr is not None and found.pgr_ci is not None:
        return f"{signed(found.pgr)} PGR, 95 % CI {span(found.pgr_ci)}"
    size = f"{signed(found.difference, 3)} accuracy"
    return f"{size}, 95 % CI {span(found.ci, 3)}" if found.ci else size


def _where(row: Row, one_pair: bool) -> str:
    """The task, with its pair where the method ran on several."""
    return row.task if one_pair else f"{row.task} on {row.pair}"


def _listed(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def seeds_sentence(seeds: int | None) -> str:
    """What a comparison needs, from a count of seeds; None: seeds alone do not decide it."""
    return "needs more holdout questions" if seeds is None else f"needs {seeds} seeds"
