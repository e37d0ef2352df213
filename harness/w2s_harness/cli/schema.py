"""`w2s-harness schema`: the shape of a document, as JSON Schema."""

from __future__ import annotations

from importlib.resources import files

import click


@click.command("schema", short_help="The JSON Schema of a document that w2s-harness writes.")
@click.argument("document", type=click.Choice(["leaderboard"]))
def command(document: str) -> int:
    """Print the JSON Schema (2020-12) of DOCUMENT."""
    click.echo(
        files("w2s_harness.report").joinpath(f"{document}.schema.json").read_text(encoding="utf-8"), nl=False
    )
    return 0
