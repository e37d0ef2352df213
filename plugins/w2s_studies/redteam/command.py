"""`w2s-harness redteam`: hostile methods against the jail and the guards, honest ones beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from w2s_harness.cli.options.flags_of_run import shared
from w2s_harness.cli.terminal.wide import echo

if TYPE_CHECKING:
    from w2s_harness.contract.studies.attack import Attack


@click.command("redteam", short_help="Run hostile methods against the jail and the guards.")
@shared("guards", "As `run --guards`.")
@click.option("--task", default="math", show_default=True, metavar="NAME", help="The task that is attacked.")
@shared("expression", "Only attacks whose FAMILY/NAME matches.")
@shared("plugin", "As `run -p`: a guard of your own.")
@shared("seeds", "A count (3) or a list (0,1,7).", default="3")
@shared("limit", "Rows a split.", default=200, least=8, metavar=None)
@shared("slots")
@click.option("--store", metavar="DIR", help="Keep what is computed here; default: nowhere.")
@click.option("--list", "names_only", is_flag=True, help="Print the attacks; run nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(plugin: tuple[str, ...], store: str | None, names_only: bool, as_json: bool, **flags: Any) -> int:
    """Run the suite of hostile methods in the jail and print what came of each.

    Exit code 0 where no attack succeeded and no honest method was accused, else 1.
    """
    from w2s_harness.cli.terminal.listener import Terminal
    from w2s_studies.redteam import matrix, suite, trials

    attacks = suite.shipped()
    if names_only:
        chosen = trials.select(attacks, flags["expression"])
        click.echo(json.dumps([a.name for a in chosen])) if as_json else echo(_listed(chosen))
        return 0
    settings = trials.Settings(plugins=plugin, store=Path(store) if store else None, **flags)
    with Terminal(0, doing="attacks at work") as terminal:
        found = trials.run(attacks, settings, terminal.say)
    click.echo(json.dumps(matrix.as_json(found), indent=1)) if as_json else echo(matrix.as_text(found))
    return 0 if found.is_clean else 1


def _listed(attacks: list[Attack]) -> str:
    return "\n".join(f"{a.family}/{a.name}: {a.summary}" for a in attacks)
