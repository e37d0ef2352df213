"""What stands around tables: alarms, columns and words explained, what is to be known, claimed, or not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from w2s_harness.contract.plan import VANILLA
from w2s_harness.report.document.document import Leaderboard, Row, SettingRecord, label
from w2s_harness.report.document.records import BestOf, Claim, Judged
from w2s_harness.report.notation import ELSEWHERE, NOT_ISOLATED, counted, printable, share
from w2s_harness.report.sentences.claims import VANILLA_STAR, ZERO_SHOT_STAR, by_reason, listed
from w2s_harness.report.tables.column import legend
from w2s_harness.report.tables.method_columns import COLUMNS, SettingTable

MAJORITY = "majority: accuracy of giving every holdout row the more common label."
CUT = "cut: rows too long for a model's context; the start of their question is left out."
REFUSALS = "No claim: the first reason that applies; report --format json has its numbers, under claim."
ALARM = "CONTROL FAILED"
"""How a line begins that says that nothing above or below it can be trusted."""
UNVERIFIED = "Isolation L0: rows are unverified."
PREDICTIONS_ONLY = "Predictions-only: computed elsewhere, with whatever was known there; rows are unverified."
_SIZE = re.compile(r" \(\S+ (?:PGR|accuracy), new pools [^;()]*(?:; ([^()]*))?\)")
"""How a reason of `claims` gives the numbers behind it, and what would decide it."""


def basis(table: SettingTable) -> str:
    """How much a table rests on: `5 seeds, 2000 holdout rows, 1000 questions`."""
    setting = table.setting
    counts = sorted({len(row.transfer.per_seed) for row in table.rows if row.transfer.per_seed})
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


def stars(table: SettingTable) -> list[str]:
    """The references chosen in their own favour, and the most that can be the teacher's."""
    setting, weak = table.setting, table.setting.weak.mean

    def shown(accuracy: float) -> str:
        if table.gap or weak is None or not setting.gap:
            return share(accuracy, 3)
        return share((accuracy - weak) / setting.gap)

    star = next(iter(setting.vanilla_star.values()), None)
    parts = [] if star is None else [f"{VANILLA_STAR} {shown(star.accuracy)} ({star.name})"]
    if (readout := setting.zero_shot_star) is not None:
        parts.append(f"{ZERO_SHOT_STAR} {shown(readout.accuracy)} ({readout.name})")
    if setting.own_ceiling is not None:
        most = setting.own_ceiling if table.gap or not setting.gap else setting.own_ceiling / setting.gap
        parts.append(f"own of a perfect teacher {share(most)}")
    return [printable(part) for part in parts]


def _cut(setting: SettingRecord) -> Iterator[str]:
    """Which model's texts were cut to how many tokens; nothing where none was."""
    for role, model in setting.models.items():
        if model.n_cut:
            yield f"{role} model: {counted(model.n_cut, 'row')} cut to {model.context or '?'} tokens"
    if setting.n_cut and all(model.n_cut is None for model in setting.models.values()):
        yield f"{counted(setting.n_cut, 'row')} cut to a model's context"


def explained(tables: Sequence[SettingTable], document: Leaderboard) -> list[str]:
    """A sentence for each column that is there, and for the words in it, above it and below it."""
    refusals = [] if all(claim.significant for claim in document.claims) else [REFUSALS]
    return [*explained_columns(tables, document.rows), *refusals]


def explained_columns(tables: Sequence[SettingTable], rows: Sequence[Row]) -> list[str]:
    """A sentence for each column of these tables, and for the words in it and above it."""
    settings = [table.setting for table in tables]
    found = [MAJORITY] if any(setting.majority is not None for setting in settings) else []
    found += [CUT] if any(setting.n_cut for setting in settings) else []
    shown = [row for row in rows if row.status in ("ok", "no-gap")]
    return [*found, *_trained(settings), *legend(COLUMNS, tables, shown)]


def _trained(settings: Sequence[SettingRecord]) -> Iterator[str]:
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
    reasons = by_reason(mine, brief, one_pair=one_pair)
    if len(reasons) == 1:
        return printable(f"{claim.method}: {next(iter(reasons))}")
    parts = (f"{listed(where)}: {because}" for because, where in reasons.items())
    return printable(f"{claim.method}: {'; '.join(parts)}")


# -- what is to be known of the numbers ------------------------------------------------------------------


def alarms(document: Leaderboard) -> list[str]:
    """A line for each control that came out as it must not."""
    failed = [control for control in document.controls if not control.ok]
    return [printable(f"{ALARM} {c.name} on {c.task}, {c.pair}: {c.because}") for c in failed]


def notes(document: Leaderboard) -> list[str]:
    """What is to be known of these numbers beside them, and what is claimed."""
    found = [
        printable(f"{s.task} on {s.pair}: {_judged(s.judged)}.")
        for s in document.settings
        if isinstance(s.judged, Judged)
    ]
    if any(row.unverified == ELSEWHERE for row in document.rows):
        found.append(PREDICTIONS_ONLY)
    if any(row.unverified == NOT_ISOLATED for row in document.rows):
        found.append(UNVERIFIED)
    broken = sorted(
        {label(row) for row in document.rows if row.unverified not in (None, NOT_ISOLATED, ELSEWHERE)}
    )
    if broken:
        found.append(printable(f"Unverified, since a guard failed: {', '.join(broken)}."))
    if document.controls and all(control.ok for control in document.controls):
        found.append(f"Controls: all {len(document.controls)} came out as expected.")
    for row in document.rows:
        where = f"{label(row)} on {row.task}, {row.pair}"
        found += [printable(f"{where}: {warning}.") for warning in row.warnings]
        if row.best_of is not None:
            found.append(printable(f"{where}: {corrected(row.best_of)}."))
    signed = ((label(row), row.review) for row in document.rows if row.review)
    found += dict.fromkeys(printable(f"{who}: {r.decision}ed by {r.by}: {r.reason}") for who, r in signed)
    found += [printable(f"Mismatch: {line}") for line in document.mismatches]
    return [*found, *claims(document)]


def corrected(found: BestOf) -> str:
    """What is left of the best of several rows."""
    at = f"PGR {share(found.pgr)}" if found.pgr is not None else f"accuracy {share(found.accuracy, 3)}"
    return f"the best of {found.k}; less the {share(found.optimism, 3)} that picking is worth, {at}"


def _judged(found: Judged) -> str:
    """What the votes of a judged setting are like."""
    who = "anonymous voters" if found.voters is None else counted(found.voters, "voter")
    agree = f"agreement {share(found.agreement, 3)}, alpha {share(found.alpha, 3)}"
    cast = f"{counted(found.votes, 'vote')} of {who}: noise ceiling {share(found.noise_ceiling, 3)}"
    return f"accuracy is agreement with a voter drawn at random. {cast}, {agree}"
