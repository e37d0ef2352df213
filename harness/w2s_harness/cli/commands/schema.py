"""`w2s-harness schema`: the shape of a document, as JSON Schema."""

from __future__ import annotations

import click


@click.command("schema", short_help="The JSON Schema of a document that w2s-harness writes.")
@click.argument("document", type=click.Choice(["leaderboard"]))
def command(document: str) -> int:
    """Print the JSON Schema (2020-12) of DOCUMENT."""
    from w2s_harness.report.document.canonical import schema_text

    click.echo(schema_text(), nl=False)
    return 0
