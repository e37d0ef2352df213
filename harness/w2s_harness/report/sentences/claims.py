"""Which rows carry a claim of weak supervision, and the strongest sentence about each method.

A claim says that a method made more of the weak labels than vanilla does at any of its settings, that the
student did not know it anyway, and that it came from the teacher: the row is better than `vanilla*` and than
`zero-shot*` on new training pools, and what is the teacher's own in it is above 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from w2s_harness.contract.guards.measures import holm
from w2s_harness.contract.plan import VANILLA, ZERO_SHOT
from w2s_harness.report.document.document import Comparison, Row, label
from w2s_harness.report.document.records import Claim, Own, RowClaim
from w2s_harness.report.notation import counted, least_own, signed, span
from w2s_harness.report.sentences.comparing import ALPHA
from w2s_harness.scoring.spread.interval import LEAST_SEEDS

VANILLA_STAR, ZERO_SHOT_STAR = f"{VANILLA}*", f"{ZERO_SHOT}*"
Needed = Callable[[Row], str]
"""What would decide a row's comparison with `vanilla*`, such as `needs 14 seeds`; empty if nobody knows."""


def decided(
    rows: Sequence[Row], attempts: Sequence[float | None] = (), needed: Needed = lambda row: ""
) -> list[Row]:
    """The rows, each with its `claim`.

    A row is tested once, by the larger of its two p-values (an intersection-union test: Berger 1982). Holm
    runs over every row of the plan but vanilla's own, and over the attempts; what was not tested counts as p
    = 1.

    :param attempts: p-values of the recorded attempts, None for one without a test.
    """
    family = [i for i, row in enumerate(rows) if label(row) != VANILLA]
    tested = {i: _p(rows[i]) for i in family}
    adjusted = holm([1.0 if p is None else p for p in (*tested.values(), *attempts)])
    after = dict(zip(family, adjusted, strict=False))
    return [
        msgspec.structs.replace(row, claim=_decided(row, tested.get(i), after.get(i), needed))
        for i, row in enumerate(rows)
    ]


def claims_of(rows: Sequence[Row]) -> list[Claim]:
    """One sentence for each method with a decided row, in the order of the rows.

    Every setting of the method is named with what it came to, so that no sentence keeps quiet about a loss.
    """
    by_name: dict[str, list[Row]] = {}
    for row in rows:
        if row.claim is not None:
            by_name.setdefault(label(row), []).append(row)
    return [_sentence(name, found) for name, found in by_name.items()]


def _p(row: Row) -> float | None:
    """The larger p against the two references; 1 where it is not above one, None where one is untested."""
    tested = []
    for found in (row.vs_vanilla_star, row.vs_zero_shot_star):
        if found is None or found.p_pool is None or found.difference is None:
            return None
        tested.append(found.p_pool if found.difference > 0 else 1.0)
    return max(tested)


def _decided(row: Row, p: float | None, p_holm: float | None, needed: Needed) -> RowClaim:
    because = _against(row) or _not_better(row, needed) or _not_own(row, p_holm)
    if because:
        return RowClaim(holds=False, because=because, p=p, p_holm=None if p is None else p_holm)
    return RowClaim(holds=True, because=_shown(row), p=p, p_holm=p_holm)


# -- why there is no claim, the first reason that holds ---------------------------------------------------


def _against(row: Row) -> str:
    """What forbids a claim whatever the numbers are, or an empty string."""
    if row.status != "ok":
        return f"{row.status}: {row.reason}"
    if row.isolation == "imported":
        unknown = f"{VANILLA_STAR}, {ZERO_SHOT_STAR} and what is the teacher's own are not known of it"
        untested = row.pgr_ci is None or (row.vs_vanilla is not None and row.vs_vanilla.p is None)
        return f"imported: {f'no certainty ({row.reason}); ' if untested and row.reason else ''}{unknown}"
    if label(row) == VANILLA:
        return f"the reference{_of_the_gap(row)}"
    if row.unverified:
        return f"unverified: {row.unverified}"
    if row.unreliable:
        return f"no interval can be trusted here: {row.unreliable}"
    flagged = [v.guard for v in row.verdicts if v.level == "flag"]
    if flagged:
        return f"flagged by {listed(flagged)}"
    if row.track == "elicitation":
        return "elicitation: what it recovers is not shown to be the teacher's"
    if row.attempts > 1 and row.exposure != "fresh":
        return f"{row.attempts} attempts on this holdout, so a claim needs --fresh"
    if row.exposure == "public" and not row.source.shipped:
        return "its labels are public and its code could carry them: a claim needs --fresh or a private task"
    return ""


def _not_better(row: Row, needed: Needed) -> str:
    """Why the row is not shown to be better than the two references."""
    seeds = len(row.transfer.per_seed)
    if seeds < LEAST_SEEDS:
        return f"{counted(seeds, 'seed')}: a claim needs at least {LEAST_SEEDS}"
    for name, found in ((VANILLA_STAR, row.vs_vanilla_star), (ZERO_SHOT_STAR, row.vs_zero_shot_star)):
        if found is None or found.difference is None:
            return f"not compared with {name}"
        if found.difference <= 0:
            return f"not above {name} ({_size(found)})"
        if found.ci_pool is not None and found.ci_pool[0] > 0 and found.p_pool is not None:
            continue
        if found.ci is not None and found.ci[0] > 0:
            return f"above {name} on this training pool, not shown on new ones ({_size(found)})"
        need = needed(row) if name == VANILLA_STAR else ""
        return f"not shown to be above {name} ({_size(found)}{'; ' if need else ''}{need})"
    return ""


def _not_own(row: Row, p_holm: float | None) -> str:
    """Why what the row is better by is not shown to be the teacher's own."""
    if row.own is None or row.own.verdict is None:
        why = row.own.reason if row.own is not None and row.own.reason else "no counterfactual cells ran"
        return f"how much is the teacher's own was not measured: {why}"
    if row.own.verdict != "weak supervision":
        more = row.own.seeds_more
        may = "" if more is None else f"; {counted(more, 'seed')} more may tell"
        return f"{row.own.verdict}: {_own(row.own)}{may}"
    if p_holm is None or p_holm > ALPHA:
        return "above both references, but not after Holm over the plan"
    return ""


# -- what is said -----------------------------------------------------------------------------------------


def _shown(row: Row) -> str:
    known = (found for found in (row.vs_vanilla_star, row.vs_zero_shot_star) if found is not None)
    sizes = ", ".join(f"{_size(found)} over {found.against}" for found in known)
    return f"{sizes}{_of_the_gap(row)}"


def _of_the_gap(row: Row) -> str:
    """What was recovered and how much of it is the teacher's; empty without a PGR."""
    if row.pgr is None:
        return ""
    text = f"; recovers {signed(row.pgr).removeprefix('+')} of the gap"
    text += f" (new pools {span(row.pgr_ci_pool)})" if row.pgr_ci_pool else ""
    own = None if row.own is None else least_own(row.own)
    if own is None or own.pgr is None or row.own is None:
        return f"{text}; how much is the teacher's own was not measured"
    if row.own.verdict not in ("weak supervision", "own, under elicitation"):
        return f"{text}, of which none is shown to be the teacher's own ({signed(own.pgr)})"
    if own.pgr >= row.pgr:
        # the weak floor lies above chance, so what goes without the teacher may be more than what was gained
        return f"{text}, all of it the teacher's own ({signed(own.pgr)})"
    return f"{text}, {signed(own.pgr).removeprefix('+')} of it the teacher's own"


def _own(own: Own) -> str:
    found = least_own(own)
    if found is None:
        return own.reason or "not measured"
    if found.pgr is None:
        return f"own {signed(found.accuracy, 3)} accuracy, 95 % CI {span(found.ci, 3)}"
    return f"own {signed(found.pgr)} PGR, 95 % CI {span(found.pgr_ci)}"


def _size(found: Comparison) -> str:
    """A difference with its interval for new pools."""
    if found.difference is None:
        return "-"
    if found.pgr is None or not found.difference:
        return f"{signed(found.difference, 3)} accuracy, new pools {span(found.ci_pool, 3)}"
    gap = found.difference / found.pgr
    bounds = None if found.ci_pool is None else tuple(b / gap for b in found.ci_pool)
    return f"{signed(found.pgr)} PGR, new pools {span(bounds)}"


def _sentence(name: str, rows: Sequence[Row]) -> Claim:
    one_pair = len({row.task for row in rows}) == len(rows)
    won = [row for row in rows if row.claim is not None and row.claim.holds]
    rest = [row for row in rows if row not in won]
    parts = [f"{name}: no claim"]
    if won:
        shown = [f"{_where(row, one_pair)} ({row.claim.because})" for row in won if row.claim is not None]
        counts = sorted({len(row.transfer.per_seed) for row in won})
        seeds = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1]))))
        beats = f"{name} is weak supervision that beats {VANILLA_STAR} on {listed(shown)}"
        parts = [f"{beats}, {seeds} seeds, Holm-adjusted"]
    reasons = by_reason(rest, lambda row: row.claim.because if row.claim else "", one_pair=one_pair)
    parts += [f"{listed(where)}: {because}" for because, where in reasons.items()]
    return Claim(
        sentence="; ".join(parts),
        method=name,
        against=VANILLA_STAR,
        significant=bool(won),
        settings=[f"{row.task}/{row.pair}" for row in won],
    )


def _where(row: Row, one_pair: bool) -> str:
    """The task, with its pair where a task ran on several."""
    return row.task if one_pair else f"{row.task} on {row.pair}"


def by_reason(rows: Sequence[Row], why: Callable[[Row], str], *, one_pair: bool) -> dict[str, list[str]]:
    """Where each reason applies: the task, with its pair where a task ran on several."""
    reasons: dict[str, list[str]] = {}
    for row in rows:
        reasons.setdefault(why(row), []).append(_where(row, one_pair))
    return reasons


def listed(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def seeds_sentence(seeds: int | None) -> str:
    """What a comparison needs, from a count of seeds; None: seeds alone do not decide it."""
    return "needs more holdout questions" if seeds is None else f"needs {counted(seeds, 'seed')}"
