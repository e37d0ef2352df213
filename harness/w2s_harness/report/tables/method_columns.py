"""The tables of a leaderboard, one for each setting, and their columns.

Columns stand in the order of CSV; a new one is declared here alone.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from w2s_harness.contract.plan import VANILLA, ZERO_SHOT
from w2s_harness.report.document.document import Leaderboard, Row, SettingRecord, label
from w2s_harness.report.notation import (
    MISSING,
    access,
    guards,
    owned,
    printable,
    ranks,
    share,
    span,
    versus,
    vouched,
    worst,
)
from w2s_harness.report.sentences.claims import VANILLA_STAR, ZERO_SHOT_STAR
from w2s_harness.report.tables.column import ONCE, Column, Value, fields
from w2s_harness.scoring.comparisons.compare import RankedRow, order

UNTESTED = "untested: what is known of the error is too little for a p-value."
_IMPORTED = (
    "95 % CI: Student t over seeds, with the binomial error of the holdout's rows added for each accuracy by "
    "itself, since imported rows cannot be paired (rows: unknown). "
    "vs vanilla: n.s. is not significant after Holm."
)
_STARRED = (
    "vs vanilla*: PGR{or_accuracy} gained over vanilla at its best setting; p is for new pools, after Holm; "
    "n.s.: not significant."
)
_READOUT = (
    "zero-shot*: the best readout of the untrained student. vanilla* and zero-shot* are chosen on the "
    "holdout, in their own favour."
)
_OWN = (
    "own: the part of PGR that only the teacher can have given: not known to the untrained student, not "
    "regularised away; with its 95 % CI."
)
_MOST = (
    "own of a perfect teacher: own of a student trained on gold labels, the most that any method could have."
)
_RANK = "rank: place on the weak-to-strong track; 2-4: the data cannot tell whether 2nd, 3rd or 4th."
_ACCESS = "access: what the method was given beyond the minimum; strict: nothing."
_ELICITATION = "elicitation: not shown to come from the teacher, so the row has no rank."
Rows = Sequence[Row]


@dataclass(frozen=True, slots=True)
class SettingTable:
    """One setting as every format shows it."""

    setting: SettingRecord
    gap: str | None
    """Why there is no gap, or None where there is one."""
    above: list[Row]
    """Rows that have numbers, best first, elicitation last."""
    below: list[Row]
    """Rows below the line: no-gap in a setting with a gap, skipped, failed, disqualified."""
    against: tuple[str, ...] = ()
    """References beside vanilla that have a column."""

    @property
    def rows(self) -> list[Row]:
        """All of them, from top to bottom."""
        return [*self.above, *self.below]

    @property
    def title(self) -> str:
        """The task and the pair."""
        return printable(f"{self.setting.task} on {self.setting.pair}")

    @property
    def has_own(self) -> bool:
        """Whether it is known of a row what is the teacher's own in it."""
        return any(row.own is not None for row in self.above)

    @property
    def reference(self) -> str:
        """Which vanilla rows are compared with."""
        return VANILLA_STAR if self.setting.vanilla_star else VANILLA

    @property
    def others(self) -> tuple[str, ...]:
        """References that do not have a column already."""
        return tuple(name for name in self.against if name != self.reference)


def setting_tables(document: Leaderboard, asked: Sequence[str] = ()) -> list[SettingTable]:
    """The settings in the document's order.

    :param asked: references that a column was asked for; zero-shot has none else, since claims speak of it.
    """
    versus = dict.fromkeys(c.against for row in document.rows for c in row.versus)
    others = tuple(name for name in versus if name != ZERO_SHOT or name in asked)
    made = []
    for setting in document.settings:
        mine = [r for r in document.rows if (r.task, r.pair) == (setting.task, setting.pair)]
        entries = [RankedRow(label(r), r.status, r.track, r.pgr, r.transfer.mean, None) for r in mine]
        ordered = [mine[i] for i in order(entries)]
        gap = _missing_gap(setting)
        shown = ("ok", "no-gap") if gap else ("ok",)
        above = [r for r in ordered if r.status in shown]
        below = [r for r in ordered if r.status not in shown]
        made.append(SettingTable(setting, gap, above, below, others))
    return made


def outcome(row: Row) -> tuple[str, str]:
    """A row below the line: who, and what became of it."""
    return printable(label(row)), printable(f"{row.status}: {row.reason}")


def _missing_gap(setting: SettingRecord) -> str | None:
    unclear = setting.gap_ci is not None and setting.gap_ci[0] <= 0
    if setting.gap is not None and setting.gap >= setting.min_gap and setting.gap > 0 and not unclear:
        return None
    return setting.reason or f"the gap {share(setting.gap, 3)} is under min_gap {share(setting.min_gap, 3)}"


Tables = Sequence[SettingTable]


# -- cells ------------------------------------------------------------------------------------------------


def _against(row: Row, table: SettingTable, name: str) -> str:
    """Against `vanilla*`, of results from elsewhere against their vanilla; or the track."""
    in_pgr = not table.gap
    if label(row) == VANILLA and row.vs_vanilla_star is not None:
        size = versus(row.vs_vanilla_star, in_pgr=in_pgr).partition("  ")[0]
        return size if size == MISSING else f"{size}  reference"
    if row.track != "w2s" and row.isolation != "imported":
        return row.track
    return versus(row.vs_vanilla if table.reference == VANILLA else row.vs_vanilla_star, in_pgr=in_pgr)


def _versus(row: Row, table: SettingTable, name: str) -> str:
    return versus(next((c for c in row.versus if c.against == name), None), in_pgr=not table.gap)


def _claimed(row: Row) -> Value:
    return None if row.claim is None else "yes" if row.claim.holds else row.claim.because


# -- what is said below -----------------------------------------------------------------------------------


def _is_imported(tables: Tables) -> bool:
    return any(table.setting.holdout_rows == "unknown" for table in tables)


def _interval_legend(tables: Tables, rows: Rows) -> Iterator[str]:
    if _is_imported(tables):
        yield _IMPORTED
    elif not all(table.gap for table in tables):
        yield "95 % CI: covers new training pools, seeds and questions."


def _own_legend(tables: Tables, rows: Rows) -> Iterator[str]:
    if not _is_imported(tables):
        yield _OWN if any(table.has_own for table in tables) else ""
        yield _MOST if any(table.setting.own_ceiling is not None for table in tables) else ""


def _vanilla_legend(tables: Tables, rows: Rows) -> Iterator[str]:
    if not _is_imported(tables):
        or_accuracy = ", or accuracy where there is no gap," if any(table.gap for table in tables) else ""
        if any(table.reference == VANILLA_STAR for table in tables):
            yield _STARRED.format(or_accuracy=or_accuracy)
        yield _READOUT if any(table.setting.zero_shot_star for table in tables) else ""


def _versus_legend(tables: Tables, rows: Rows) -> Iterator[str]:
    if not _is_imported(tables):
        named = dict.fromkeys(printable(n) for table in tables for n in (table.reference, *table.others))
        others = ", ".join(name for name in named if name not in (VANILLA_STAR, ZERO_SHOT_STAR))
        if others:
            yield (
                f"vs {others}: PGR over that row on this training pool; p after Holm, n.s.: not significant."
            )
        yield _ELICITATION if any(row.track == "elicitation" for row in rows) else ""
    yield UNTESTED if any(_is_untested(row) for row in rows) else ""


def _is_untested(row: Row) -> bool:
    compared = (row.vs_vanilla_star or row.vs_vanilla, *row.versus)
    known = (c for c in compared if c is not None and c.difference is not None)
    return any(c.p is None and c.p_pool is None for c in known)


def _guards_legend(tables: Tables, rows: Rows) -> Iterator[str]:
    """What the words in the column mean, and what they ask of the reader."""
    yield "guards: ok, or the most serious finding." if rows else ""
    if asking := [row for row in rows if worst(row) == "review"]:
        yield (
            "review: a guard cannot tell whether the row follows its teacher. Read what it says "
            f"({_shown(min(asking, key=guards))}) and the code (w2s-harness review METHOD), then decide."
        )
    if flagged := [row for row in rows if worst(row) == "flag"]:
        alike = next(row for row in flagged if guards(row) == guards(flagged[-1]))
        yield f"flag: the named guard's finding rules out a claim; {_shown(alike)} shows its evidence."
    if any(verdict.is_off for row in rows for verdict in row.verdicts):
        yield "off: how many of the shipped guards were switched off for the row."
    if any(row.attempts > 1 for row in rows):
        yield "attempts: at least this many methods or settings were scored on this holdout."


def _shown(row: Row) -> str:
    """The command that shows a row's verdicts."""
    seed = row.transfer.per_seed[0].seed if row.transfer.per_seed else 0
    return f"w2s-harness show {shlex.quote(f'{row.task}/{row.pair}/{printable(label(row))}/s{seed}')}"


# -- the columns ------------------------------------------------------------------------------------------


COLUMNS: tuple[Column[SettingTable], ...] = (
    Column(csv=fields("task pair")),
    Column("method", 2, lambda row, *_: printable(label(row)),
           csv={"method": label, **fields("status track")}),
    Column("rank", 1, lambda row, *_: ranks(row.rank), is_range=True,
           legend=lambda tables, rows: [_RANK] if any(row.rank for row in rows) else [],
           csv=fields("rank_low=rank.0 rank_high=rank.1")),
    Column("PGR", 3, lambda row, *_: share(row.pgr), is_number=True, csv=fields("pgr"),
           each=lambda table: () if table.gap else ONCE,
           legend="{heads}: share of the gap from weak to ceiling that a student closes: (transfer - weak) / "
                  "(ceiling - weak)."),
    Column("95 % CI", 5, lambda row, *_: span(row.pgr_ci if row.isolation == "imported" else row.pgr_ci_pool),
           each=lambda table: () if table.gap else ONCE, legend=_interval_legend,
           csv=fields("pgr_low=pgr_ci.0 pgr_high=pgr_ci.1 pgr_pool_low=pgr_ci_pool.0 "
                      "pgr_pool_high=pgr_ci_pool.1 pgr_sem")),
    Column("transfer", 4, lambda row, *_: share(row.transfer.mean, 3), is_number=True,
           each=lambda table: ONCE if table.gap else (),
           legend="{heads}: accuracy of the student on the holdout, mean over the seeds.",
           csv=fields("transfer=transfer.mean weak=setting.weak.mean ceiling=setting.ceiling.mean "
                      "gap=setting.gap")),
    Column("vs ", 7, _against, each=lambda table: (table.reference,), legend=_vanilla_legend,
           csv=fields("vs_vanilla=vs_vanilla.difference vs_vanilla_pgr=vs_vanilla.pgr p=vs_vanilla.p "
                      "p_holm=vs_vanilla.p_holm vs_vanilla_star=vs_vanilla_star.difference "
                      "vs_vanilla_star_p_holm=vs_vanilla_star.p_holm "
                      "vs_zero_shot_star=vs_zero_shot_star.difference "
                      "vs_zero_shot_star_p_holm=vs_zero_shot_star.p_holm")),
    Column("vs ", 8, _versus, each=lambda table: table.others, legend=_versus_legend),
    Column("own", 6, lambda row, table, _: owned(row.own, in_pgr=not table.gap),
           each=lambda table: ONCE if table.has_own else (), legend=_own_legend,
           csv=fields("own_echo=own.echo.accuracy own_decoy=own.decoy.accuracy verdict=own.verdict")),
    Column(csv={"claim": _claimed, **fields("teacher_dependence")}),
    Column("guards", 9, lambda row, *_: vouched(row), usual="ok", legend=_guards_legend,
           csv={"guards": lambda row: guards(row) if row.verdicts else None}),
    Column("access", 10, lambda row, *_: access(row), usual="strict", csv={"access": access},
           legend=lambda tables, rows: [_ACCESS] if rows else []),
    Column(csv=fields("isolation exposure solver attempts flops_over_vanilla "
                      "vs_compute=vs_compute.difference vs_compute_p_holm=vs_compute.p_holm "
                      "brier=calibration.brier ece=calibration.ece teacher_errors=calibration.teacher_errors "
                      "unverified review=review.decision reason majority=setting.majority "
                      "weak_rows_cut=setting.models.weak.n_cut weak_context=setting.models.weak.context "
                      "strong_rows_cut=setting.models.strong.n_cut "
                      "strong_context=setting.models.strong.context")),
)  # fmt: skip
