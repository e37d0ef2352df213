"""`w2s-harness verify`: whether a ledger, an agent run or a leaderboard was changed, or does not add up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import click


@click.command("verify", short_help="Check a ledger, an agent run or a leaderboard line by line.")
@click.argument("path", type=click.Path(path_type=Path))
def command(path: Path) -> int:
    """Check PATH: a ledger.jsonl, the folder of an agent run, or a leaderboard.json.

    Exit code 4, with the file and line, where something was changed or does not follow.
    """
    for line in _checked(path):
        click.echo(line)
    return 0


def _checked(path: Path) -> Iterator[str]:
    from w2s_harness.contract.errors import UsageError

    if path.is_dir():
        ledger, board = path / "ledger.jsonl", path / "leaderboard.json"
        if not ledger.is_file():
            raise UsageError(f"{path}: no ledger.jsonl in it. Give the folder of an agent run, or a file.")
        yield _ledger(ledger)
        if board.is_file():
            yield _leaderboard(board)
            _check_head(board, ledger)
    elif not os.path.lexists(path):
        raise UsageError(f"{path}: there is no such file or folder.")
    else:
        yield _ledger(path) if path.suffix == ".jsonl" else _leaderboard(path)


def _ledger(path: Path) -> str:
    from w2s_harness.scoring.metered.ledger import audit, verify

    found = verify(path)
    paid = audit(path, found.entries)
    torn = " (a torn last line, which nobody acted on, is dropped on resume)" if found.is_torn else ""
    return f"{path}: {len(found.entries)} lines hold, {paid} queries paid, head {found.head}{torn}"


def _check_head(board: Path, ledger: Path) -> None:
    from w2s_harness.contract.errors import DataError
    from w2s_harness.report.document import document
    from w2s_harness.scoring.metered.ledger import verify

    plan, head = document.read(board).plan.get("agents"), verify(ledger).head
    named = plan.get("ledger_head") if isinstance(plan, dict) else None
    if named not in (None, head):
        raise DataError(f"{board}: was made from another ledger: it names the head {named}, not {head}")


def _leaderboard(path: Path) -> str:
    from w2s_harness.report.document import document
    from w2s_harness.report.sentences.rescoring import check

    board = document.read(path)
    held = check(board, str(path))
    return f"{path}: {len(board.rows)} rows, {held} numbers follow from those under them"
