"""`w2s-harness export-rows`: what a method that runs elsewhere needs, without a label."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from w2s_harness.cli.numbers import SEED


@click.command("export-rows", short_help="The rows of a setting without labels.")
@click.option("--tasks", default="math,code,chat,kinds", show_default=True, metavar="NAMES", help="As `run`.")
@click.option("--pairs", metavar="NAMES", help="As `run`.")
@click.option("--weak", metavar="MODEL", help="As `run`.")
@click.option("--strong", metavar="MODEL", help="As `run`.")
@click.option("--mode", type=click.Choice(["probe", "finetune"]), help="As `run`.")
@click.option("--seeds", default="5", show_default=True, help="A count (5) or a list (0,1,7).")
@click.option("--seed", "root_seed", type=SEED, default=0, show_default=True, help="As `run`.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="As `run`.")
@click.option("--texts", is_flag=True, help="Write the texts of private tasks too.")
@click.option("-p", "plugin", multiple=True, metavar="NAME", help="As `run`.")
@click.option("-n", "slots", default="auto", show_default=True, help="Job slots: a number, or auto.")
@click.option("--store", default=".w2s", envvar="W2S_STORE", show_default=True, help="As `run`.")
@click.option("-o", "--out", required=True, metavar="DIR", help="A new folder for what is written.")
def command(**flags: Any) -> int:
    """Write rows, texts and weak labels of tasks x pairs into a new folder; never a gold label.

    Predictions for the holdout's ids are scored with `run --methods FILE.jsonl`.
    """
    from w2s_harness.cli.terminal import Terminal
    from w2s_harness.destination import folder_for
    from w2s_harness.discovery.plugins import Plugins
    from w2s_harness.experiment.exporting import Export, export_rows
    from w2s_harness.experiment.selection import Selection

    plugins = Plugins()
    for spec in flags["plugin"]:
        plugins.switch(spec)
    names = ("tasks", "pairs", "weak", "strong", "mode", "seeds", "root_seed", "limit")
    selection = Selection(**{name: flags[name] for name in names}, methods="vanilla", guards="none")
    wanted = Export(
        out=folder_for(flags["out"], "--out"),
        texts=flags["texts"],
        store=Path(flags["store"]),
        slots=flags["slots"],
    )
    with Terminal(0) as terminal:
        plugins.register("terminal", terminal)
        folders = export_rows(selection, wanted, plugins, terminal.say)
    for folder in folders:
        click.echo(str(folder))
    return 0
