"""The views of a leaderboard: text for a terminal, Markdown, CSV, JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from w2s_harness.errors import UsageError, nearest
from w2s_harness.report import canonical
from w2s_harness.report.claims import VANILLA_STAR, ZERO_SHOT, ZERO_SHOT_STAR
from w2s_harness.report.comparing import VANILLA
from w2s_harness.report.csv_table import comma_separated
from w2s_harness.report.document import Leaderboard, Row, Setting, label
from w2s_harness.report.fitting import is_wide, phrases, table, wrapped
from w2s_harness.report.legend import basis, claims, explained
from w2s_harness.report.notation import (
    ELSEWHERE,
    MISSING,
    NOT_ISOLATED,
    access,
    counted,
    owned,
    printable,
    ranks,
    share,
    span,
    versus,
    vouched,
)
from w2s_harness.report.records import BestOf, Judged
from w2s_harness.scoring.rank import Entry, order

VIEWS = ("text", "md", "csv", "json")
ALARM = "CONTROL FAILED"
"""How a line begins that says that nothing above or below it can be trusted."""
UNVERIFIED = "Isolation L0: rows are unverified."
PREDICTIONS_ONLY = "Predictions-only: computed elsewhere, with whatever was known there; rows are unverified."
_HEAD_WIDTH, _RULE = 18, 20
_USUAL = {"guards": "ok", "access": "strict"}
"""The columns that vouch for a row, and what they say where there is nothing to say."""


@dataclass(frozen=True, slots=True)
class Block:
    """One setting as a view shows it."""

    setting: Setting
    gap: str | None
    """Why there is no gap, or None where there is one."""
    above: list[Row]
    """Rows that have numbers, best first, elicitation last."""
    below: list[Row]
    """Rows below the line: no-gap in a setting with a gap, skipped, failed, disqualified."""
    against: tuple[str, ...] = ()
    """References beside vanilla that have a column."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The heads of the table above the line."""
        numbers = ("transfer",) if self.gap else ("PGR", "95 % CI")
        return (
            "rank",
            "method",
            *numbers,
            *(("own",) if self._has_own else ()),
            f"vs {self._reference}",
            *(f"vs {printable(name)}" for name in self._others),
            "guards",
            "access",
        )

    @property
    def _has_own(self) -> bool:
        return any(row.own is not None for row in self.above)

    @property
    def _reference(self) -> str:
        return VANILLA_STAR if self.setting.vanilla_star else VANILLA

    @property
    def _others(self) -> tuple[str, ...]:
        """References that do not have a column already."""
        return tuple(name for name in self.against if name != self._reference)

    def _against(self, row: Row) -> str:
        """Against `vanilla*`, of results from elsewhere against their vanilla; or the track."""
        is_elsewhere = row.isolation == "imported"
        if label(row) == VANILLA and row.vs_vanilla_star is not None:
            size = versus(row.vs_vanilla_star, in_pgr=not self.gap).partition("  ")[0]
            return size if size == MISSING else f"{size}  reference"
        if row.track != "w2s" and not is_elsewhere:
            return row.track
        found = row.vs_vanilla if self._reference == VANILLA else row.vs_vanilla_star
        return versus(found, in_pgr=not self.gap)

    def cells(self, row: Row) -> tuple[str, ...]:
        """A row above the line."""
        against = self._against(row)
        bounds = row.pgr_ci if row.isolation == "imported" else row.pgr_ci_pool
        numbers = (share(row.transfer.mean, 3),) if self.gap else (share(row.pgr), span(bounds))
        own = (owned(row.own, in_pgr=not self.gap),) if self._has_own else ()
        others = (self._versus(row, name) for name in self._others)
        return (
            ranks(row.rank),
            printable(label(row)),
            *numbers,
            *own,
            against,
            *others,
            vouched(row),
            access(row),
        )

    def _versus(self, row: Row, name: str) -> str:
        return versus(next((c for c in row.versus if c.against == name), None), in_pgr=not self.gap)


def render(document: Leaderboard, view: str, width: int | None = None, asked: Sequence[str] = ()) -> str:
    """The document in one of `VIEWS`, ending in a newline. Raises `UsageError` for another name.

    :param width: columns of the terminal that a text is for; None: lines are as long as they come.
    :param asked: references that a column was asked for; zero-shot has none else, since claims speak of it.
    """
    makers: dict[str, Callable[[Leaderboard], str]] = {
        "text": lambda d: text(d, width, asked),
        "md": lambda d: markdown(d, asked),
        "csv": lambda d: comma_separated((b.setting, r) for b in blocks(d) for r in (*b.above, *b.below)),
        "json": lambda d: canonical.document_bytes(d).decode("utf-8"),
    }
    if view not in makers:
        raise UsageError(f"--format {view}: no such view{nearest(view, VIEWS)}; there are {', '.join(VIEWS)}")
    return makers[view](document)


def text(document: Leaderboard, width: int | None = None, asked: Sequence[str] = ()) -> str:
    """Aligned text: per setting a head line with weak and ceiling, then a table."""
    parts = ["\n".join(_text_block(block, width)) for block in blocks(document, asked)]
    alarms = [line for alarm in _alarms(document) for line in wrapped(alarm, width)]
    below = (_legend(document, asked), _notes(document))
    said = ["\n".join(line for note in notes for line in wrapped(note, width)) for notes in below]
    return "\n\n".join(filter(None, ["\n".join(alarms), *parts, *said])) + "\n"


def markdown(document: Leaderboard, asked: Sequence[str] = ()) -> str:
    """A heading, a line and a table per setting."""
    parts = ["\n".join(_markdown_block(block)) for block in blocks(document, asked)]
    alarms = [f"**{escaped(line)}**" for line in _alarms(document)]
    notes = ["  \n".join(map(escaped, found)) for found in (_legend(document, asked), _notes(document))]
    return "\n\n".join(filter(None, [*alarms, *parts, *notes])) + "\n"


def blocks(document: Leaderboard, asked: Sequence[str] = ()) -> list[Block]:
    """The settings in the document's order, their rows sorted for showing."""
    made = []
    for setting in document.settings:
        mine = [r for r in document.rows if (r.task, r.pair) == (setting.task, setting.pair)]
        entries = [Entry(label(r), r.status, r.track, r.pgr, r.transfer.mean, None) for r in mine]
        ordered = [mine[i] for i in order(entries)]
        gap = _missing_gap(setting)
        shown = ("ok", "no-gap") if gap else ("ok",)
        above = [r for r in ordered if r.status in shown]
        below = [r for r in ordered if r.status not in shown]
        made.append(Block(setting, gap, above, below, _references(document, asked)))
    return made


def _references(document: Leaderboard, asked: Sequence[str]) -> tuple[str, ...]:
    """Whom rows are compared with beside vanilla, and beside zero-shot, which speaks in the claims."""
    names = dict.fromkeys(c.against for row in document.rows for c in row.versus)
    return tuple(name for name in names if name != ZERO_SHOT or name in asked)


def _missing_gap(setting: Setting) -> str | None:
    unclear = setting.gap_ci is not None and setting.gap_ci[0] <= 0
    if setting.gap is not None and setting.gap >= setting.min_gap and setting.gap > 0 and not unclear:
        return None
    return setting.reason or f"the gap {share(setting.gap, 3)} is under min_gap {share(setting.min_gap, 3)}"


def _head(setting: Setting) -> str:
    return printable(f"{setting.task} on {setting.pair}")


def _text_block(block: Block, width: int | None) -> list[str]:
    shown, constant, beside = _narrowed([block.columns, *(block.cells(row) for row in block.above)], width)
    found = wrapped(_head_line(block.setting, width), width, "   ")
    found += wrapped(f" {basis(block.setting, [*block.above, *block.below])}", width, "   ")
    found += phrases(_stars(block), width)
    if block.gap:
        no_gap = f" no-gap: {printable(block.gap)}; transfer accuracy instead of PGR"
        found += wrapped(no_gap, width, "   ")
    found += [f" {constant}"] if constant else []
    rows = table(shown, width)
    for lines, said in zip(rows, beside, strict=True):
        found += [*lines, *(wrapped(f"         {said}", width, " " * 11) if said else ())]
    if block.below:
        found.append(" " + "-" * (max(len(line) for lines in rows for line in lines) - 1))
        for (line,) in table([_outcome(row) for row in block.below]):
            found += wrapped(f"       {line.strip()}", width, " " * 9)
    return found


def _narrowed(
    shown: list[tuple[str, ...]], width: int | None
) -> tuple[list[tuple[str, ...]], str, list[str]]:
    """The table for a terminal on which it is too wide: without the columns that vouch for its rows.

    With it what these say of every row, and for each line what they say of this one.
    """
    heads, *rows = shown
    vouching = [i for i, head in enumerate(heads) if head in _USUAL]
    if not is_wide(shown, width) or not rows:
        return shown, "", [""] * len(shown)
    moved = [i for i in vouching if len({row[i] for row in rows}) == 1]
    if is_wide(_less(shown, moved), width):
        moved = vouching
    same = [i for i in moved if len({row[i] for row in rows}) == 1]
    usual = {i: rows[0][i] if i in same else _USUAL[heads[i]] for i in moved}
    beside = ["; ".join(f"{heads[i]} {row[i]}" for i in moved if row[i] != usual[i]) for row in rows]
    constant = ", ".join(f"{heads[i]} {usual[i]}" for i in moved)
    where = "every row" if len(same) == len(moved) else "where nothing else is said"
    return _less(shown, moved), f"{where}: {constant}" if constant else "", ["", *beside]


def _less(rows: list[tuple[str, ...]], columns: Sequence[int]) -> list[tuple[str, ...]]:
    return [tuple(cell for i, cell in enumerate(row) if i not in columns) for row in rows]


def _head_line(setting: Setting, width: int | None) -> str:
    """Task and pair, weak and ceiling with a rule between them that a narrow terminal shortens."""
    start = f"{_head(setting).ljust(_HEAD_WIDTH)}  weak {share(setting.weak.mean, 3)} "
    end = f" ceiling {share(setting.ceiling.mean, 3)}{_hyper(setting)}"
    room = _RULE if width is None else min(_RULE, width - len(start) - len(end))
    return f"{start}{'-' * max(4, room)}{end}"


def stars(block: Block) -> str:
    """The references chosen in their own favour, and the most that can be the teacher's: one line, or ''."""
    return "   ".join(_stars(block))


def _stars(block: Block) -> list[str]:
    setting, weak = block.setting, block.setting.weak.mean

    def shown(accuracy: float) -> str:
        if block.gap or weak is None or not setting.gap:
            return share(accuracy, 3)
        return share((accuracy - weak) / setting.gap)

    star = next(iter(setting.vanilla_star.values()), None)
    parts = [] if star is None else [f"{VANILLA_STAR} {shown(star.accuracy)} ({star.name})"]
    if (readout := setting.zero_shot_star) is not None:
        parts.append(f"{ZERO_SHOT_STAR} {shown(readout.accuracy)} ({readout.name})")
    if setting.own_ceiling is not None:
        most = setting.own_ceiling if block.gap or not setting.gap else setting.own_ceiling / setting.gap
        parts.append(f"own of a perfect teacher {share(most)}")
    return [printable(part) for part in parts]


def _hyper(setting: Setting) -> str:
    """The student's settings that were chosen or stood, such as `   C 0.03`."""
    chosen = {"C": setting.hyper.C, "epochs": setting.hyper.epochs, "lr": setting.hyper.lr}
    shown = ", ".join(f"{name} {value:g}" for name, value in chosen.items() if value is not None)
    return f"   {shown}" if shown else ""


def _outcome(row: Row) -> tuple[str, str]:
    """A row below the line: who, and what became of it."""
    return printable(label(row)), printable(f"{row.status}: {row.reason}")


def _markdown_block(block: Block) -> list[str]:
    setting = block.setting
    line = f"weak {share(setting.weak.mean, 3)}, ceiling {share(setting.ceiling.mean, 3)}"
    if block.gap:
        line += f"; no-gap: {escaped(printable(block.gap))}; transfer accuracy instead of PGR"
    else:
        line += f", gap {share(setting.gap, 3)} ({span(setting.gap_ci, 3)})"
    line += f"; {basis(setting, [*block.above, *block.below])}"
    if known := stars(block):
        line += f"; {escaped(printable(known)).replace('   ', ', ')}"
    found = [f"### {escaped(_head(setting))}", "", line, ""]
    found += [_barred(block.columns), _barred(["---"] * len(block.columns))]
    found += [_barred(block.cells(row)) for row in block.above]
    if block.below:
        found += ["", *(f"- {escaped(who)}: {escaped(what)}" for who, what in map(_outcome, block.below))]
    return found


def _barred(cells: Sequence[str]) -> str:
    return f"| {' | '.join(escaped(cell) for cell in cells)} |"


def escaped(cell: str) -> str:
    """Text in which Markdown and HTML see no mark-up."""
    for mark in "\\|<>[]*_`":
        cell = cell.replace(mark, f"\\{mark}")
    return cell


def _legend(document: Leaderboard, asked: Sequence[str] = ()) -> list[str]:
    """A sentence for each column and word of the tables."""
    columns = [head for block in blocks(document, asked) for head in block.columns]
    has_reasons = not all(claim.significant for claim in document.claims)
    return explained(document.settings, document.rows, columns, has_reasons=has_reasons)


def _notes(document: Leaderboard) -> list[str]:
    """What is to be known of these numbers beside them, and what is claimed."""
    notes = [
        printable(f"{_head(s)}: {_judged(s.judged)}.")
        for s in document.settings
        if isinstance(s.judged, Judged)
    ]
    if any(row.unverified == ELSEWHERE for row in document.rows):
        notes.append(PREDICTIONS_ONLY)
    if any(row.unverified == NOT_ISOLATED for row in document.rows):
        notes.append(UNVERIFIED)
    broken = sorted(
        {label(row) for row in document.rows if row.unverified not in (None, NOT_ISOLATED, ELSEWHERE)}
    )
    if broken:
        notes.append(printable(f"Unverified, since a guard failed: {', '.join(broken)}."))
    if document.controls and all(control.ok for control in document.controls):
        notes.append(f"Controls: all {len(document.controls)} came out as expected.")
    for row in document.rows:
        where = f"{label(row)} on {row.task}, {row.pair}"
        notes += [printable(f"{where}: {warning}.") for warning in row.warnings]
        if row.best_of is not None:
            notes.append(printable(f"{where}: {corrected(row.best_of)}."))
    notes += dict.fromkeys(_signed(row) for row in document.rows if row.review)
    notes += [printable(f"Mismatch: {line}") for line in document.mismatches]
    return [*notes, *claims(document)]


def _signed(row: Row) -> str:
    found = row.review
    return printable(f"{label(row)}: {found.decision}ed by {found.by}: {found.reason}") if found else ""


def _judged(found: Judged) -> str:
    """What the votes of a judged setting are like."""
    who = "anonymous voters" if found.voters is None else counted(found.voters, "voter")
    agree = f"agreement {share(found.agreement, 3)}, alpha {share(found.alpha, 3)}"
    cast = f"{counted(found.votes, 'vote')} of {who}: noise ceiling {share(found.noise_ceiling, 3)}"
    return f"accuracy is agreement with a voter drawn at random. {cast}, {agree}"


def _alarms(document: Leaderboard) -> list[str]:
    """A line for each control that came out as it must not."""
    failed = [control for control in document.controls if not control.ok]
    return [printable(f"{ALARM} {c.name} on {c.task}, {c.pair}: {c.because}") for c in failed]


def corrected(found: BestOf) -> str:
    """What is left of the best of several rows."""
    at = f"PGR {share(found.pgr)}" if found.pgr is not None else f"accuracy {share(found.accuracy, 3)}"
    return f"the best of {found.k}; less the {share(found.optimism, 3)} that picking is worth, {at}"
