"""What stands under a table: each of its columns and words explained, then what is claimed and why not."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

from w2s_harness.report.claims import VANILLA_STAR, ZERO_SHOT_STAR
from w2s_harness.report.comparing import VANILLA
from w2s_harness.report.document import Leaderboard, Row, Setting, label
from w2s_harness.report.notation import OFF, counted, guards, printable, share
from w2s_harness.report.records import Claim

PGR = (
    "PGR: share of the gap from weak to ceiling that a student closes: (transfer - weak) / (ceiling - weak)."
)
TRANSFER = "transfer: accuracy of the student on the holdout, mean over the seeds."
MAJORITY = "majority: accuracy of giving every holdout row the more common label."
CUT = "cut: rows too long for a model's context; the start of their question is left out."
INTERVAL = "95 % CI: covers new training pools, seeds and questions."
STARRED = (
    "vs vanilla*: PGR gained over vanilla at its best setting; p is for new pools, after Holm; n.s.: not "
    "significant."
)
READOUT = (
    "zero-shot*: the best readout of the untrained student. vanilla* and zero-shot* are chosen on the "
    "holdout, in their own favour."
)
OWN = (
    "own: the part of PGR that only the teacher can have given: not known to the untrained student, not "
    "regularised away; with its 95 % CI."
)
RANK = "rank: place on the weak-to-strong track; 2-4: the data cannot tell whether 2nd, 3rd or 4th."
MOST = (
    "own of a perfect teacher: own of a student trained on gold labels, the most that any method could have."
)
ELICITATION = "elicitation: not shown to come from the teacher, so the row has no rank."
GUARDS = "guards: ok, or the most serious finding."
ACCESS = "access: what the method was given beyond the minimum; strict: nothing."
UNTESTED = "untested: what is known of the error is too little for a p-value."
ATTEMPTS = "attempts: at least this many methods or settings were scored on this holdout."
REFUSALS = "No claim: the first reason that applies; report --format json has its numbers, under claim."
IMPORTED = (
    "95 % CI: Student t over seeds, with the binomial error of the holdout's rows added for each accuracy by "
    "itself, since imported rows cannot be paired (rows: unknown). "
    "vs vanilla: n.s. is not significant after Holm."
)
_SIZE = re.compile(r" \(\S+ (?:PGR|accuracy), new pools [^;()]*(?:; ([^()]*))?\)")
"""How a reason of `claims` gives the numbers behind it, and what would decide it."""


def basis(setting: Setting, rows: Sequence[Row]) -> str:
    """How much a table rests on: `5 seeds, 2000 holdout rows, 1000 questions`."""
    counts = sorted({len(row.transfer.per_seed) for row in rows if row.transfer.per_seed})
    base = len(setting.baseline_seeds)
    parts = [counted(counts[-1] if counts else base, "seed")]
    if len(counts) > 1:
        parts = [f"{counts[0]} to {counted(counts[-1], 'seed')}"]
    if counts and counts != [base]:
        parts.append(f"weak and ceiling {counted(base, 'seed')}")
    parts.append(counted(setting.n_test, "holdout row") if setting.n_test else "holdout rows unknown")
    if setting.clusters is not None:
        parts.append(counted(len(set(setting.clusters)), "question"))
    if setting.majority is not None:
        parts.append(f"majority {share(setting.majority, 3)}")
    return ", ".join([*parts, *_cut(setting)])


def _cut(setting: Setting) -> Iterator[str]:
    """Which model's texts were cut to how many tokens; nothing where none was."""
    for role, model in setting.models.items():
        if model.n_cut:
            yield f"{role} model: {counted(model.n_cut, 'row')} cut to {model.context or '?'} tokens"
    if setting.n_cut and all(model.n_cut is None for model in setting.models.values()):
        yield f"{counted(setting.n_cut, 'row')} cut to a model's context"


def explained(
    settings: Sequence[Setting], rows: Sequence[Row], columns: Sequence[str], *, has_reasons: bool
) -> list[str]:
    """A sentence for each column that is there, and for the words in it and above it.

    :param columns: the heads of all tables.
    :param has_reasons: whether methods without a claim are named below.
    """
    is_imported = any(setting.holdout_rows == "unknown" for setting in settings)
    shown = [row for row in rows if row.status in ("ok", "no-gap")]
    found = [MAJORITY if any(s.majority is not None for s in settings) else ""]
    found += [CUT if any(s.n_cut for s in settings) else ""]
    found += [*_trained(settings), RANK if any(row.rank for row in shown) else ""]
    found += [text for name, text in (("PGR", PGR), ("transfer", TRANSFER)) if name in columns]
    if is_imported:
        found.append(IMPORTED)
    else:
        found.append(INTERVAL if "95 % CI" in columns else "")
        found.append(OWN if "own" in columns else "")
        found.append(MOST if any(s.own_ceiling is not None for s in settings) else "")
        if f"vs {VANILLA_STAR}" in columns:
            found.append(
                STARRED.replace("PGR", "PGR, or accuracy where there is no gap,")
                if "transfer" in columns
                else STARRED
            )
        found.append(READOUT if any(s.zero_shot_star for s in settings) else "")
        found += list(_others(columns))
        found.append(ELICITATION if any(row.track == "elicitation" for row in shown) else "")
    found.append(UNTESTED if any(_is_untested(row) for row in shown) else "")
    found += [*_guarded(shown), ACCESS if shown else "", REFUSALS if has_reasons else ""]
    return [text for text in found if text]


def _is_untested(row: Row) -> bool:
    compared = (row.vs_vanilla_star or row.vs_vanilla, *row.versus)
    known = (c for c in compared if c is not None and c.difference is not None)
    return any(c.p is None and c.p_pool is None for c in known)


def _trained(settings: Sequence[Setting]) -> Iterator[str]:
    """What stands beside the ceiling."""
    hypers = [setting.hyper for setting in settings]
    if any(hyper.C is not None for hyper in hypers):
        yield (
            "C: inverse L2 penalty of the student's head, chosen on the weak labels; vanilla and every "
            "method train with it."
        )
    names = [n for n in ("epochs", "lr") if any(getattr(hyper, n) is not None for hyper in hypers)]
    if names:
        what = {"epochs": "passes over the training rows", "lr": "learning rate"}
        yield f"{', '.join(names)}: {' and '.join(what[n] for n in names)} of vanilla and every method."


def _others(columns: Sequence[str]) -> Iterator[str]:
    named = [c.removeprefix("vs ") for c in dict.fromkeys(columns) if c.startswith("vs ")]
    others = [name for name in named if name not in (VANILLA_STAR, ZERO_SHOT_STAR)]
    if others:
        yield (
            f"vs {', '.join(others)}: PGR over that row on this training pool; p after Holm, n.s.: not "
            "significant."
        )


def _guarded(rows: Sequence[Row]) -> Iterator[str]:
    """What the words in the column `guards` mean, and what they ask of the reader."""
    said = {guards(row): row for row in reversed(rows)}
    yield GUARDS if rows else ""
    for words, row in sorted(said.items()):
        if words.startswith("review"):
            yield (
                "review: a guard cannot tell whether the row follows its teacher. Read what it says "
                f"({_shown(row)}) and the code (w2s-harness review METHOD), then decide."
            )
            break
    if any(words.startswith("flag") for words in said):
        row = next(row for words, row in said.items() if words.startswith("flag"))
        yield f"flag: the named guard's finding rules out a claim; {_shown(row)} shows its evidence."
    if any(v.because == OFF for row in rows for v in row.verdicts):
        yield "off: how many of the shipped guards were switched off for the row."
    if any(row.attempts > 1 for row in rows):
        yield ATTEMPTS


def _shown(row: Row) -> str:
    """The command that shows a row's verdicts."""
    seed = row.transfer.per_seed[0].seed if row.transfer.per_seed else 0
    return f"w2s-harness show {shlex.quote(f'{row.task}/{row.pair}/{printable(label(row))}/s{seed}')}"


# -- what is claimed, and why not -------------------------------------------------------------------------


def claims(document: Leaderboard) -> list[str]:
    """What holds after correction, a sentence each; then for each other method one line that says why not."""
    held = [f"Claim: {printable(c.sentence)}." for c in document.claims if c.significant]
    return [
        *held,
        *(f"No claim: {_refused(c, document.rows)}." for c in document.claims if not c.significant),
    ]


def brief(row: Row) -> str:
    """Why a row carries no claim, without the numbers, which stand in the table or below it."""
    if row.status != "ok":
        return row.status
    if row.claim is None:
        return ""
    if row.track == "elicitation" and row.claim.because.startswith("elicitation"):
        return "elicitation"
    short = _SIZE.sub(lambda m: f" ({m[1]})" if m[1] else "", row.claim.because)
    short = short.replace(", not shown on new ones", " only")
    return short.partition("; recovers ")[0] if label(row) == VANILLA else short


def _refused(claim: Claim, rows: Sequence[Row]) -> str:
    mine = [row for row in rows if label(row) == claim.method and row.claim is not None]
    if not mine:
        return printable(claim.sentence.replace(f"{claim.method}: no claim; ", f"{claim.method}: ", 1))
    one_pair = len({row.task for row in mine}) == len(mine)
    reasons: dict[str, list[str]] = {}
    for row in mine:
        reasons.setdefault(brief(row), []).append(row.task if one_pair else f"{row.task} on {row.pair}")
    if len(reasons) == 1:
        return printable(f"{claim.method}: {next(iter(reasons))}")
    parts = (f"{listed(where)}: {because}" for because, where in reasons.items())
    return printable(f"{claim.method}: {'; '.join(parts)}")


def listed(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
