"""The board of an agent run: every submission on the final part and on tasks that agents never saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from pathlib import Path

import msgspec
from msgspec import UNSET

from w2s_harness.contract.plan import Value
from w2s_harness.report.document import canonical
from w2s_harness.report.document.document import Leaderboard, Row, label
from w2s_harness.report.document.provenance import Author, Cost
from w2s_harness.report.notation import MISSING, code_lines, guards, printable, ranks, worst
from w2s_harness.report.tables import column, fitting
from w2s_harness.report.tables.column import Column
from w2s_harness.run.board.assemble import RunResults
from w2s_harness.scoring.metered.oracle import Oracle
from w2s_studies.agents.books.journal import Journal
from w2s_studies.agents.books.money import Purse
from w2s_studies.agents.books.plan import AgentPlan
from w2s_studies.agents.host.referee import HostReferee, spelled
from w2s_studies.agents.tools.workspace import one_line

WEAK_SUPERVISION = "weak supervision"


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """A method that an agent handed in, as its line in `submissions.jsonl` has it."""

    who: str
    file: str
    """The host's copy; a path in the run's folder."""
    sha256: str
    params: dict[str, Value]
    title: str
    lineage: str
    family: str
    lines: int
    read: list[str]
    at_s: float
    """Seconds that agents had worked."""


def handed_in(folder: Path, families: Mapping[str, str]) -> list[Submission]:
    """In the order in which they were handed in. Raises `DataError` for a broken book.

    :param families: of lineages, for those whose author did not say.
    """
    found = [msgspec.convert(line, Submission) for line in Journal(folder / "submissions.jsonl").read()]
    return [
        msgspec.structs.replace(
            one,
            file=str(folder / one.file),
            title=one_line(one.title),
            family=one.family or families.get(one.lineage, ""),
        )
        for one in found
    ]


def unique(submissions: Sequence[Submission]) -> list[Submission]:
    """The first of those with one source and one set of parameters."""
    found: dict[tuple[str, str], Submission] = {}
    for one in submissions:
        found.setdefault((one.sha256, repr(sorted(one.params.items()))), one)
    return list(found.values())


def measure(
    referee: HostReferee,
    plan: AgentPlan,
    submissions: Sequence[Submission],
    oracle: Oracle,
    purse: Purse,
    ledger_head: str,
    out: Path,
) -> Leaderboard:
    """Run every submission on the feedback part, on the final part and on the held-out tasks.

    :param ledger_head: of the oracle's ledger: the hash of its last line.

    All of them stand in one plan, so one correction covers them. Written to `out` as well. Raises what
    `session.run` raises, `InterruptedRunError` where it was stopped; the same call goes on from there.
    """
    words = [spelled(Path(one.file), one.params) for one in submissions]
    words += [word for word in plan.beside.split(",") if word]
    climbed, feedback_of = referee.board(referee.selection, words)
    feedback = {_key(feedback_of, row): row.pgr for row in climbed.rows}
    wanted = replace(referee.selection, holdout="final", held_out=plan.held_out_tasks, controls=True)
    board, results = referee.board(wanted, words)
    by_file = {one.file: one for one in submissions}
    (climb,) = {task.id for task in results.plan.tasks if task.part == "final"}
    held_out, shown = _held_out(board, climb), weak_supervision(board)
    rows = []
    for row in board.rows:
        one = by_file.get(_file(results, row))
        done = row if one is None else _credited(row, one, oracle, purse)
        if row.task == climb:
            done = _compared(done, feedback.get(_key(results, row)), held_out[label(row)])
            done = done if one is None else listed(done, shown.get(label(row), frozenset()), climb)
        rows.append(done)
    asked = {**msgspec.to_builtins(plan), "ledger_head": ledger_head}
    done_board = msgspec.structs.replace(board, rows=rows, plan={**board.plan, "agents": asked})
    canonical.write(done_board, out)
    return done_board


def _file(results: RunResults, row: Row) -> str:
    """The file of a row's method."""
    name = label(row)
    return next((m.source.filename for m in results.plan.methods if m.id == name), "")


def _key(results: RunResults, row: Row) -> tuple[str, str]:
    """What a row of one board is known by on another."""
    return _file(results, row), label(row)


def _held_out(board: Leaderboard, climb: str) -> dict[str, dict[str, float | None]]:
    """PGR on every held-out task, by method."""
    found: dict[str, dict[str, float | None]] = {}
    for row in board.rows:
        mine = found.setdefault(label(row), {})
        if row.task != climb:
            mine[row.task] = row.pgr if row.status == "ok" else None
    return found


def weak_supervision(board: Leaderboard) -> dict[str, frozenset[str]]:
    """The tasks on which a method was shown to be weak supervision, by method."""
    found: dict[str, frozenset[str]] = {}
    for row in board.rows:
        if row.own is not None and row.own.verdict == WEAK_SUPERVISION:
            name = label(row)
            found[name] = found.get(name, frozenset()) | {row.task}
    return found


def listed(row: Row, shown: Set[str], climb: str) -> Row:
    """A submission ranks only if it is weak supervision on the final part and on a task never seen.

    Any other stands in the elicitation list: search finds what the student knew anyway as readily as what
    the teacher taught, and on one task alone the two are easily taken for each other.
    """
    if climb in shown and shown - {climb}:
        return row
    where = "the final part" if climb not in shown else "a held-out task"
    why = f"elicitation list: it is not shown to be weak supervision on {where}"
    return msgspec.structs.replace(row, track="elicitation", rank=None, reason=_also(row, why))


def _credited(row: Row, one: Submission, oracle: Oracle, purse: Purse) -> Row:
    """A row with its author, what its line of descent was charged and what its author spent in the run."""
    hours, spent = one.at_s / 3600, purse.spent(one.who)
    author = Author(
        kind="agent", who=one.who, family=one.family, lineage=one.lineage, lines=one.lines,
        read=one.read, title=one.title, hours=hours,
    )  # fmt: skip
    cost = Cost(
        usd=spent.usd,
        tokens_usd=spent.tokens_usd + spent.lost_usd,
        compute_usd=spent.compute_usd,
        agent_hours=hours,
    )
    attempts = max(row.attempts, oracle.attempts(one.lineage))
    return msgspec.structs.replace(row, author=author, attempts=attempts, cost=cost)


def _compared(row: Row, feedback: float | None, held_out: Mapping[str, float | None]) -> Row:
    """A row of the climbed task with its other numbers; without its held-out runs it has no rank."""
    optimism = None if feedback is None or row.pgr is None else feedback - row.pgr
    missing = sorted(task for task, value in held_out.items() if value is None)
    row = msgspec.structs.replace(
        row, feedback=feedback, final=row.pgr, held_out=dict(held_out), optimism=optimism
    )
    if missing and row.rank is not None:
        why = f"not ranked: no PGR on {', '.join(missing)}, which it was never tuned on"
        row = msgspec.structs.replace(row, rank=None, reason=_also(row, why))
    return row


def _also(row: Row, why: str) -> str:
    return f"{row.reason}; {why}" if row.reason else why


_COLUMNS: tuple[Column[Sequence[str]], ...] = (
    Column("rank", 1, lambda row, *_: ranks(row.rank),
           "rank: among rows with a PGR on each held-out task that are shown to be weak supervision on the "
           "final part and on one of those tasks; below the line: not shown to come from the teacher."),
    Column("method", 2, lambda row, *_: printable(label(row))),
    Column("feedback", 3, lambda row, *_: _pgr(row.feedback),
           "feedback: PGR on the questions that agents got answers about."),
    Column("final", 4, lambda row, *_: _pgr(row.final),
           "final: PGR on questions of the same task that nobody was asked about."),
    Column("", 5, lambda row, _, task: _pgr((row.held_out or {}).get(task)),
           "{heads}: PGR on held-out tasks, which agents never saw.", each=lambda tasks: tasks),
    Column("optimism", 6, lambda row, *_: _pgr(row.optimism),
           "optimism: feedback less final; what vanilla has of it is the luck of the cut."),
    Column("attempts", 7, lambda row, *_: str(row.attempts),
           "attempts: queries charged to the method's line of descent."),
    Column("USD", 8, lambda row, *_: f"{row.cost.usd:.2f}" if row.cost else MISSING,
           "USD: what it cost to find. lines: of code. family: the kind of idea."),
    Column("lines", 9, lambda row, *_: code_lines(row)),
    Column("family", 10, lambda row, *_: printable(row.author.family if row.author else "") or MISSING),
    Column("by", 11, lambda row, *_: _by(row), "by: who handed it in, and what a guard found, if anything."),
)  # fmt: skip


def as_table(board: Leaderboard, width: int | None = None) -> str:
    """The table, best final PGR first; empty for a board of another kind.

    :param width: columns of the terminal that it is for; None: its lines are as long as they come.
    """
    rows = [row for row in board.rows if row.feedback is not UNSET]
    if not rows:
        return ""
    tasks = sorted(rows[0].held_out or {})
    rows.sort(key=lambda r: (r.track == "elicitation", r.final is None, -(r.final or 0.0), label(r)))
    shown = fitting.table(column.lines(_COLUMNS, tasks, rows), width)
    above = 1 + sum(row.track != "elicitation" for row in rows)
    out = [line for found in shown[:above] for line in found]
    if above < len(shown):
        out.append(" " + "-" * (max(len(line) for found in shown for line in found) - 1))
        out += [line for found in shown[above:] for line in found]
    said = column.legend(_COLUMNS, [tasks])
    below = (part for each in said for part in fitting.wrapped(each, width))
    return "".join(f"{line}\n" for line in (*out, "", *below))


def _by(row: Row) -> str:
    if not row.author:
        return MISSING
    said = "" if worst(row) == "ok" else f" ({guards(row)})"
    return f"{printable(row.author.who)}{said}"


def _pgr(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else MISSING
