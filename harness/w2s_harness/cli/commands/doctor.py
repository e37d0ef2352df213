"""`w2s-harness doctor`: what this machine can do for isolation, layer by layer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from w2s_harness.jail.host.jail import Machine

_MEANING = {
    "L0": "no jail: rows are unverified, third-party methods are refused (exit 4)",
    "L1": "Landlock, seccomp and limits: `--isolation require` runs",
    "L2": "namespaces as well: all that there is",
}


@click.command("doctor", short_help="What this machine can do for isolation, layer by layer.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--policy", is_flag=True, help="Also print what every worker may read, write and use.")
def command(as_json: bool, policy: bool) -> int:
    """Lock a worker down as far as this machine allows, and print each layer with yes, no and why."""
    from w2s_harness.jail.host.jail import probe
    from w2s_harness.jail.host.readable import base
    from w2s_harness.jail.policy import Order, printed

    found = probe()
    rules = printed(Order(scratch="its scratch folder", mode="best"), base()) if policy else ""
    if as_json:
        facts = {
            "system": found.system,
            "user": found.user,
            "level": found.level,
            "layers": [{"name": x.name, "is_on": x.is_on, "why": x.why} for x in found.layers],
        }
        click.echo(json.dumps(facts | ({"policy": rules.splitlines()} if policy else {}), indent=2))
    else:
        click.echo(_text(found) + (f"\n\n{rules}" if policy else ""))
    return 0


def _text(found: Machine) -> str:
    width = max(len(layer.name) for layer in found.layers)
    lines = [f"{found.system}, {found.user}", ""]
    for layer in found.layers:
        lines.append(f"{layer.name:<{width}}  {'yes' if layer.is_on else 'no':<3}  {layer.why}".rstrip())
    return "\n".join((*lines, "", f"level {found.level}: {_MEANING[found.level]}"))
