"""`w2s-harness report`: a finished run's leaderboard, in the format that is wanted."""

from __future__ import annotations

import os
from pathlib import Path

import click

from w2s_harness.cli.options import flags_of_run
from w2s_harness.report.formats import FORMATS, render


@click.command("report", short_help="The leaderboard of a run as text, Markdown, CSV, JSON or LaTeX.")
@click.argument("run", default="last", shell_complete=flags_of_run.names("runs"))
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="text", show_default=True)
@click.option("--figures", metavar="DIR", help="Also write the figures as PDF and SVG into DIR.")
@click.option(
    "--against", metavar="NAMES", help="Compare every row with these methods too, as in a cell's id."
)
@click.option("--best", is_flag=True, help="Correct the best row of each setting for having been picked.")
@click.option("--by", type=click.Choice(["author"]), help="People and agents in one table: what each cost.")
@click.option("--reviewed-only", is_flag=True, help="Only rows of others whose source a reviewer accepted.")
@flags_of_run.store()
def command(
    run: str,
    form: str,
    figures: str | None,
    against: str | None,
    best: bool,
    by: str | None,
    reviewed_only: bool,
    store: str,
) -> int:
    """Print the leaderboard of RUN: its id (or the beginning of it), `last`, or a leaderboard.json."""
    from w2s_harness.cli.terminal.wide import columns
    from w2s_harness.data.destination import folder_for
    from w2s_harness.report.document import document
    from w2s_harness.report.notation import counted
    from w2s_harness.report.sentences.rescoring import compared_with, with_best
    from w2s_harness.report.views.figures import write_figures
    from w2s_harness.run.kept.sign_offs import SignOffs, accepted_only

    into = None if figures is None else folder_for(figures, "--figures")
    found = SignOffs(Path(store)).shown_on(document.read(_leaderboard(run, Path(store))))
    named = [name.strip() for name in (against or "").split(",") if name.strip()]
    if named:
        found = compared_with(found, named)
    if best:
        found = with_best(found)
    if reviewed_only:
        whole, found = found, accepted_only(found)
        if left_out := len(whole.rows) - len(found.rows):
            click.echo(f"left out: {counted(left_out, 'row')} whose source nobody accepted", err=True)
    if by is not None:
        from w2s_harness.report.views.authors import by_author

        click.echo(by_author(found, form, columns()), nl=False)
        return 0
    click.echo(render(found, form, columns(), named), nl=False)
    for path in write_figures(found, into) if into is not None else ():
        click.echo(f"figure  {path}", err=True)
    return 0


def _leaderboard(name: str, store: Path) -> Path:
    from w2s_harness.contract.errors import UsageError
    from w2s_harness.run.kept import runs

    if os.path.lexists(name) and not Path(name).is_dir():
        return Path(name)
    found = runs.find(store, name)
    if not found.leaderboard.is_file():
        raise UsageError(f"the run {found.id} is not finished. Run its command again to resume it.")
    return found.leaderboard
