"""`w2s-harness redteam`: hostile methods against the jail and the guards, honest ones beside them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from w2s_harness.cli.options.flags_of_run import shared
from w2s_harness.cli.terminal.wide import echo

if TYPE_CHECKING:
    from w2s_studies.redteam.trials import Matrix

_OUTCOMES = ("prevented", "detected", "succeeded")


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
    from w2s_studies.redteam import suite, trials

    attacks = suite.shipped()
    if names_only:
        chosen = trials.select(attacks, flags["expression"])
        lines = (f"{a.family}/{a.name}: {a.summary}" for a in chosen)
        click.echo(json.dumps([a.name for a in chosen])) if as_json else echo("\n".join(lines))
        return 0
    settings = trials.Settings(plugins=plugin, store=Path(store) if store else None, **flags)
    with Terminal(0, doing="attacks at work") as terminal:
        found = trials.run(attacks, settings, terminal.say)
    click.echo(json.dumps(_as_json(found), indent=1)) if as_json else echo(_as_text(found))
    return 0 if found.is_clean else 1


def _as_json(found: Matrix) -> dict[str, Any]:
    """`{attacks: [{name, family, outcome, by}], honest: [{method, task, outcome, by}]}`."""
    return {
        "attacks": [
            {"name": attack.name, "family": attack.family, **asdict(came)} for attack, came in found.attacks
        ],
        "honest": [asdict(h) for h in found.honest],
    }


def _as_text(found: Matrix) -> str:
    """A line for each attack, family by family; the honest methods; totals."""
    width = max(len(attack.name) for attack, _ in found.attacks)
    lines: list[str] = []
    for family in dict.fromkeys(attack.family for attack, _ in found.attacks):
        lines.append(family)
        for attack, came in found.attacks:
            if attack.family == family:
                lines.append(f"  {attack.name:<{width}}  {came.outcome:<9}  {came.by}".rstrip())
    lines.append("honest methods")
    for h in found.honest:
        lines.append(f"  {f'{h.method} on {h.task}':<{width}}  {h.outcome:<9}  {h.by}".rstrip())
    return "\n".join((*lines, "", _totals(found)))


def _totals(found: Matrix) -> str:
    counts = {o: sum(came.outcome == o for _, came in found.attacks) for o in _OUTCOMES}
    by_family: dict[str, set[str]] = {}
    for attack, came in found.attacks:
        by_family.setdefault(attack.family, set()).add(came.outcome)
    whole = sum(outcomes == {"prevented"} for outcomes in by_family.values())
    caught = sum("succeeded" not in outcomes for outcomes in by_family.values())
    alarms = sum(h.outcome == "false-alarm" for h in found.honest)
    return (
        f"{len(found.attacks)} attacks: {', '.join(f'{n} {o}' for o, n in counts.items())}\n"
        f"{len(by_family)} families: {whole} prevented outright, {caught - whole} prevented or detected, "
        f"{len(by_family) - caught} with an attack that succeeded\n"
        f"{len(found.honest)} honest rows: {alarms} false alarms"
    )
