"""`w2s-harness import`: results of others as a leaderboard."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("import", short_help="Results of others, by seed, as a leaderboard.")
@click.argument("folder", metavar="DIR")
@click.option(
    "--format",
    "form",
    type=click.Choice(["aar", "csv"]),
    default="aar",
    show_default=True,
    help="aar: DATASET_IDEA/CONFIG/seed_N.json. csv: TASK/METHOD.csv with seed,accuracy.",
)
@click.option("-o", "--out", required=True, metavar="PATH", help="Write the leaderboard JSON here.")
def command(folder: str, form: str, out: str) -> int:
    """Read the accuracies by seed in DIR, recompute every PGR and write a leaderboard.

    Where files contradict themselves or each other, a line for each says so.
    """
    from w2s_harness.cli.failure import one_line
    from w2s_harness.cli.terminal.wide import columns
    from w2s_harness.contract.errors import UsageError
    from w2s_harness.data.destination import file_for
    from w2s_harness.report import formats
    from w2s_harness.report.document import canonical
    from w2s_studies.elsewhere.imports import aar, leaderboard, seed_csv

    path = file_for(out, "--out")
    if not Path(folder).is_dir():
        raise UsageError(f"{folder}: no such folder. Name the folder that holds the results.")
    read = aar.read_folder if form == "aar" else seed_csv.read_folder
    made = leaderboard.leaderboard_of(read(Path(folder)))
    for line in made.mismatches:
        click.echo(f"mismatch: {one_line(line)}", err=True)
    canonical.write(made, path)
    click.echo(formats.render(made, "text", columns()), nl=False)
    click.echo(f"leaderboard  {path}")
    return 0
