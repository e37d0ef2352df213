"""Five questions that a reviewer must answer, filled with what was measured of this very method."""

from __future__ import annotations

from w2s_harness.contract.plan import VANILLA, ZERO_SHOT
from w2s_harness.report.document.document import label
from w2s_harness.report.notation import counted, share, signed, span
from w2s_studies.review.measuring import Evidence, Overlap, Place
from w2s_studies.review.page import amount, percent, points, valued
from w2s_studies.review.treatment import Treatment

_LEAST = 0.005
"""Shares of rows under it are no matter for a question."""


def questions(found: Evidence) -> list[str]:
    """On rows, gain, where the signal comes from, choices, and what could go wrong; of the first place."""
    place = found.places[0]
    return [_rows(place), _gain(place), _signal(place), _choices(found, place), _worst(found, place)]


# -- rows -----------------------------------------------------------------------------------------------


def _rows(place: Place) -> str:
    seen = place.treatment
    if seen is None:
        why = place.unseen[0] if place.unseen else "No cell of it ended well."
        return f"{why} From its code: what does it learn from, and is that what it says?"
    parts = [part for part in (_dropped(seen), _relabelled(seen), _reweighted(seen)) if part]
    if parts:
        return " ".join(parts)
    moved = ""
    if (seen.moved or 0) > _LEAST:
        moved = f" (it makes {percent(seen.moved)} of them softer or harder, on the same side of 1/2)"
    return (
        f"It drops, reweights and relabels none of its {seen.rows} rows{moved}, and the teacher is wrong on "
        f"{percent(1 - seen.weak_acc)} of them: by what else can its student become better than vanilla's?"
    )


def _dropped(seen: Treatment) -> str:
    if seen.dropped < _LEAST:
        return ""
    of_kept = f", and {percent(seen.kept_wrong)} of those it keeps" if seen.kept_wrong is not None else ""
    told = (seen.dropped_wrong or 0) - (seen.kept_wrong or 0)
    ask = (
        "what in the rows tells it so, and would that hold for a teacher that is wrong with confidence?"
        if told > 0.02
        else "the dropped rows are no worse than the kept ones, so what is dropping them good for?"
    )
    return (
        f"It drops {percent(seen.dropped)} of rows, {percent(seen.dropped_wrong)} of which the teacher got "
        f"wrong{of_kept}: {ask}"
    )


def _relabelled(seen: Treatment) -> str:
    if (seen.relabelled or 0) < _LEAST:
        return ""
    verb = "mends" if (seen.mended or 0) > 0.5 else "spoils"
    return (
        f"It relabels {percent(seen.relabelled)} of the rows that it keeps and is right on "
        f"{percent(seen.mended)} of these, so that it {verb} more labels than not: which signal other than "
        "the teacher decides there, and is it one that a method may use?"
    )


def _reweighted(seen: Treatment) -> str:
    if (seen.reweighted or 0) < _LEAST or seen.weight_wrong is None or seen.kept_wrong is None:
        return ""
    return (
        f"It weights {percent(seen.reweighted)} of the rows that it keeps unlike the usual one, as if "
        f"{percent(seen.effective)} of them were left; {percent(seen.weight_wrong)} of the weight lies on "
        f"rows that the teacher got wrong, where equal weights would put {percent(seen.kept_wrong)}: is that "
        "difference worth the rows?"
    )


# -- gain -----------------------------------------------------------------------------------------------


def _gain(place: Place) -> str:
    row, seeds = place.row, counted(len(place.row.transfer.per_seed), "seed")
    if row.transfer.mean is None:
        return (
            f"It has no number ({row.status}: {row.reason}): can it be judged at all before that is mended?"
        )
    against = row.vs_vanilla_star or row.vs_vanilla
    if against is None or against.difference is None:
        return (
            f"Its transfer accuracy is {share(row.transfer.mean, 3)} (PGR {share(row.pgr)}) and it is the "
            "reference itself or has none: what would be a fair one?"
        )
    beside = "to" if against.difference < 0 else "over"
    size = f"{amount(against.difference)} of accuracy {beside} {against.against} ({span(against.ci, 3)})"
    if against.pgr is not None:
        size += f", {signed(against.pgr)} in PGR"
    if against.significant and against.difference > 0:
        cost = f" at {row.flops_over_vanilla:.1f} times its FLOPs" if row.flops_over_vanilla else ""
        equal = row.vs_compute
        if equal is not None and equal.difference is not None:
            cost += f", and {points(equal.difference)} over vanilla students of the same compute"
        return (
            f"It gains {size} on {seeds}{cost}: is that gain large enough to matter where it would be used?"
        )
    verb = "gains" if against.difference > 0 else "loses" if against.difference < 0 else "changes"
    return (
        f"It {verb} {size} on {seeds}, which is not significant after Holm (p = "
        f"{share(against.p_holm, 3)}): what would you expect on new data, and how many seeds would tell?"
        if not against.significant
        else f"It {verb} {size} on {seeds}: what is it good for?"
    )


# -- signal ---------------------------------------------------------------------------------------------


def _signal(place: Place) -> str:
    known = {one.name: one for one in place.beside}
    teacher, zero, vanilla = (known.get(n) for n in ("its teacher", ZERO_SHOT, VANILLA))
    if teacher is None:
        return "Nothing is known of its decisions: does its code say where its signal comes from?"
    parts = [f"It decides like its teacher on {percent(teacher.agreement)} of the holdout{_right(teacher)}"]
    parts += [f"like {one.name} on {percent(one.agreement)}{_right(one)}" for one in (zero, vanilla) if one]
    flipped = next((w for w in place.counterfactuals if w.teacher == "flipped"), None)
    if flipped is not None:
        parts.append(
            f"and with its teacher turned round it still decides alike on {percent(flipped.agreement)}"
        )
    rows = place.row
    ask = "is its gain weak supervision, or knowledge that the student had anyway?"
    if rows.track == "elicitation":
        ask = "it stands in the elicitation track: does anything of it need the teacher?"
    elif vanilla is not None and vanilla.parted < 0.01:
        ask = "is it another method than vanilla in anything but its name?"
    return f"{', '.join(parts)}: {ask}"


def _right(one: Overlap) -> str:
    return "" if one.right is None else f" (right on {percent(one.right)} of those where they part)"


# -- choices --------------------------------------------------------------------------------------------


def _choices(found: Evidence, place: Place) -> str:
    tried = f" The store saw at least {place.row.attempts} attempts on this holdout."
    tried = tried if place.row.attempts > 1 else ""
    told = [a for a in place.ablations if a.row.transfer.mean is not None]
    if place.row.transfer.mean is not None and told:
        mean = place.row.transfer.mean
        worth = {a.parameter: mean - (a.row.transfer.mean or 0.0) for a in told}
        most = max(told, key=lambda a: abs(worth[a.parameter]))
        name = most.parameter
        return (
            f"{name}={valued(most.value)} is worth {points(worth[name])} of accuracy over its default "
            f"{valued(most.default)}, the most of its {len(told)} changed parameter(s): how was it chosen, "
            f"on which labels, and would it be chosen again on another task?{tried}"
        )
    standing = ", ".join(f"{k}={valued(v)}" for k, v in found.method.parameters.items())
    if standing:
        return (
            f"Its parameters stand at their defaults ({standing}): where do these come from, and were they "
            f"tuned on this task's holdout?{tried}"
        )
    near = found.nearest
    if near is None:
        return (
            f"It has no parameter, and no method is known to compare its {found.lines} lines with: what in "
            f"them was chosen by looking at results?{tried}"
        )
    return (
        f"It has no parameter, and its code is {percent(near.similarity)} like '{near.name}' (+{near.added}, "
        f"-{near.removed} lines): which of these lines carry the difference, and what in them was "
        f"chosen by looking at results?{tried}"
    )


# -- what could go wrong --------------------------------------------------------------------------------


def _worst(found: Evidence, place: Place) -> str:
    said = [v for v in place.row.verdicts if v.level in ("flag", "error", "disqualify")]
    if not said:
        said = [v for v in place.row.verdicts if v.needs_review]
    if said:
        first = said[0]
        more = f" (and {len(said) - 1} more)" if len(said) > 1 else ""
        return (
            f"The guard '{first.guard}' says {first.finding or first.level}{more}: "
            f"{first.because.rstrip('.')}. Is there an honest reason for that?"
        )
    marks = [s for s in place.subsets if s.name != "teacher wrong"]
    lost = min(marks, key=lambda s: s.difference, default=None)
    if lost is not None and lost.difference < 0:
        return (
            f"It loses {amount(lost.difference)} to vanilla on '{lost.name}' ({lost.rows} rows; "
            f"{share(lost.accuracy, 3)} against {share(lost.vanilla, 3)}): would whoever uses it accept that?"
        )
    near, times = found.nearest, place.row.flops_over_vanilla
    of = f"'{label(place.row)}'"
    lost_none = ", it loses on no subset" if marks else ", nothing is known of subsets"
    cost = f" for {times:.1f} times vanilla's FLOPs" if times else ""
    like = f" and its code is {percent(near.similarity)} like '{near.name}'" if near else ""
    return (
        f"No guard speaks against {of}{lost_none}{cost}{like}: what is the likeliest way in "
        "which it fails on a task that is not here?"
    )
