"""Which method is best on each task and pair of a leaderboard."""

import json
from pathlib import Path

import click

from w2s_harness import DataError


@click.command("standings")
@click.argument("board", type=click.Path(path_type=Path))
@click.option("--least", type=float, default=0.0, show_default=True, help="Leave out what is under this PGR.")
def command(board: Path, least: float) -> int:
    """Print the best method of each task and pair in BOARD, a leaderboard.json.

    Exit code 1 where one has no method with such a PGR.
    """
    best = {}
    try:
        for row in json.loads(board.read_text(encoding="utf-8"))["rows"]:
            found = best.setdefault((row["task"], row["pair"]), [])
            if row["status"] == "ok" and row["pgr"] is not None and row["pgr"] >= least:
                found.append((row["pgr"], row["method"]))
    except (ValueError, KeyError, TypeError) as bad:
        raise DataError(f"{board}: no leaderboard ({bad!r}). Write one with `w2s-harness run -o`.") from bad
    for (task, pair), found in best.items():
        pgr, method = max(found, default=(0.0, "none"))
        click.echo(f"{task} on {pair}: {method}" + (f" ({pgr:.2f})" if found else ""))
    return 0 if all(best.values()) else 1
