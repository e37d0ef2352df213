"""`w2s-harness run`: the main job."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import click

from w2s_harness.cli.options import flags_of_run
from w2s_harness.run.plan.selection import Loading, Options, Selection, made

if TYPE_CHECKING:
    from w2s_harness.cli.terminal.listener import Terminal
    from w2s_harness.installed.trusted.plugins import Plugins


@click.command(
    "run",
    cls=flags_of_run.Noticing,
    short_help="Run tasks x pairs x methods x seeds and print a PGR leaderboard.",
)
@flags_of_run.all_of_run
@click.pass_context
def command(ctx: click.Context, /, **flags: Any) -> int:
    """Run the cross product tasks x pairs x methods x seeds and print a PGR leaderboard.

    To resume an interrupted run, run the same command again; finished work is kept.
    """
    from w2s_harness.cli.terminal.listener import Terminal

    with Terminal(flags["verbose"] - flags["quiet"]) as terminal:
        return _run(ctx, flags, terminal)


def _configure(plugins: Plugins, ctx: click.Context) -> None:
    """Hand plugins their settings, one by one first: an error names the line. Raises `UsageError`."""
    from w2s_harness.contract.errors import UsageError

    settings = ctx.meta.get("w2s.settings", {})
    for name, block in settings.items():
        for key, value in block.items():
            try:
                plugins.configure({name: {key: value}})
            except UsageError as bad:
                raise UsageError(f"{ctx.meta['w2s.at']('plugins', name, key)}: {bad}") from bad
    plugins.configure(settings)


def _run(ctx: click.Context, flags: dict[str, Any], terminal: Terminal) -> int:
    from w2s_harness.cli.terminal.wide import columns
    from w2s_harness.run.session.session import Listeners, run

    if flags["offline"]:
        os.environ["HF_HUB_OFFLINE"] = "1"
    plugins = made(Loading, flags).plugins(terminal=terminal)
    _configure(plugins, ctx)
    for line in (*ctx.meta.get("w2s.strangers", ()), *ctx.meta.get(flags_of_run.REPEATED, ())):
        terminal.say(f"warning: {line}")
    if ctx.meta.get("w2s.config"):
        terminal.say(f"configuration {ctx.meta['w2s.config']}")
    wanted = made(Options, flags)
    selection = made(Selection, flags | flags_of_run.nearer_pair(ctx, flags))
    listeners = Listeners(plugins, terminal.say, terminal.show, columns())
    # A scheduler's SIGTERM stops a run as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return int(run(selection, wanted, listeners).code)
