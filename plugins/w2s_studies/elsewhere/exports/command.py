"""`w2s-harness export-rows`: what a method that runs elsewhere needs, without a label."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from w2s_harness.cli.options.flags_of_run import shared, store
from w2s_harness.contract.plan import VANILLA
from w2s_harness.run.plan.selection import Loading, Selection, made

_AS_RUN = "As `run`."


@click.command("export-rows", short_help="The rows of a setting without labels.")
@shared("tasks", _AS_RUN)
@shared("pairs", _AS_RUN)
@shared("weak", _AS_RUN)
@shared("strong", _AS_RUN)
@shared("mode", _AS_RUN)
@shared("seeds")
@shared("root_seed", _AS_RUN)
@shared("limit", _AS_RUN)
@click.option("--texts", is_flag=True, help="Write the texts of private tasks too.")
@shared("plugin", _AS_RUN)
@shared("slots")
@store(_AS_RUN)
@click.option("-o", "--out", required=True, metavar="DIR", help="A new folder for what is written.")
def command(**flags: Any) -> int:
    """Write rows, texts and weak labels of tasks x pairs into a new folder; never a gold label.

    Predictions for the holdout's ids are scored with `run --methods FILE.jsonl`.
    """
    from w2s_harness.cli.terminal.listener import Terminal
    from w2s_harness.data.destination import folder_for
    from w2s_studies.elsewhere.exports.exporting import export_rows

    plugins = made(Loading, flags).plugins()
    selection = made(Selection, flags, methods=VANILLA, guards="none")
    out, store = folder_for(flags["out"], "--out"), Path(flags["store"])
    with Terminal(0) as terminal:
        plugins.register("terminal", terminal)
        folders = export_rows(
            selection, plugins, terminal.say,
            out=out, texts=flags["texts"], store=store, slots=flags["slots"],
        )  # fmt: skip
    for folder in folders:
        click.echo(str(folder))
    return 0
