"""`w2s-harness clean`: removes runs and results from a store, after saying what would go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from w2s_harness.cli.options import flags_of_run
from w2s_harness.cli.terminal.wide import echo

if TYPE_CHECKING:
    from w2s_harness.run.kept.cleaning import Removable


@click.command("clean", short_help="Remove old runs, and results that no run uses, from a store.")
@click.option("--older-than", metavar="AGE", help="Runs that began longer ago: 30d, 12h, 2w.")
@click.option("--keep", type=click.IntRange(min=0), metavar="N", help="All but the N newest runs.")
@click.option("--yes", is_flag=True, help="Remove it; without this nothing is removed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@flags_of_run.store("Which store.")
def command(older_than: str | None, keep: int | None, yes: bool, as_json: bool, store: str) -> int:
    """Say what could be removed from a store and how much that frees; with --yes, remove it.

    Results go that no run left uses. With --older-than and --keep together, runs that are older and not among
    the newest. Attempts, agents' books and sign-offs stay.
    """
    import datetime

    from w2s_harness.contract.errors import StoreError
    from w2s_harness.data.disk import writing
    from w2s_harness.run.kept import cleaning, uses

    root = Path(store)
    limit = cleaning.age(older_than) if older_than is not None else None

    def survey() -> Removable:
        return cleaning.survey(root, older_than=limit, keep=keep, now=datetime.datetime.now())

    found = survey()
    if yes and not found.is_nothing:
        with writing(root), uses.alone(root) as is_alone:
            if not is_alone:
                raise StoreError(
                    f"{root}: another command is using this store, or its file system has no locks. Clean it "
                    "when that has ended."
                )
            found = survey()
            cleaning.free(root, found)
    click.echo(json.dumps(_document(found, yes), indent=2)) if as_json else echo(_text(found, yes))
    return 0


def _document(found: Removable, is_done: bool) -> dict[str, Any]:
    return {
        "removed": is_done,
        "runs": [folder.name for folder in found.runs],
        "runs_left": found.left,
        "results": len(found.results),
        "log_lines": found.lines,
        "leftovers": len(found.leftovers),
        "bytes": found.size,
        "silent": list(found.silent),
    }


def _text(found: Removable, is_done: bool) -> str:
    lines = [f"run      {folder.name}" for folder in found.runs]
    if found.silent:
        more = f" and {len(found.silent) - 1} more" if len(found.silent) > 1 else ""
        lines.append(f"no results can go: {found.silent[0]}{more}, of an older version, kept no list of them")
    if found.is_nothing:
        return "\n".join([*lines, f"nothing to remove; {_count(found.left, 'run')} and what they use stay"])
    parts = [
        _count(len(found.runs), "run"),
        _count(len(found.results), "file") + " of results",
        _count(found.lines, "line") + " of the log",
        *([_count(len(found.leftovers), "leftover")] if found.leftovers else []),
    ]
    verb = "removed" if is_done else "would remove"
    size = f"{found.size / 2**20:.1f} MiB" if found.size >= 2**20 else f"{found.size / 2**10:.1f} KiB"
    lines.append(f"{verb}: {', '.join(parts)}; {size} {'freed' if is_done else 'to free'}")
    lines.append(f"{_count(found.left, 'run')} and what they use {'stayed' if is_done else 'stay'}")
    return "\n".join(lines if is_done else [*lines, "nothing was removed: --yes removes it"])


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
