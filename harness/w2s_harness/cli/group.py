"""The commands: the core's own, and those that distributions offer in the group `w2s_harness.commands`."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from w2s_harness.contract.errors import HarnessError, PluginError, nearest
from w2s_harness.installed import small_files
from w2s_harness.installed.distributions.site_folders import info_folders, site_folders

GROUP = "w2s_harness.commands"
CORE = {
    "clean": "Remove old runs, and results that no run uses, from a store.",
    "doctor": "What this machine can do for isolation, layer by layer.",
    "fetch": "Model files of a pair that no pip install brings.",
    "list": "Tasks, methods, guards, pairs and runs that are there.",
    "report": "The leaderboard of a run as text, Markdown, CSV, JSON or LaTeX.",
    "run": "Run tasks x pairs x methods x seeds and print a PGR leaderboard.",
    "schema": "The JSON Schema of a document that w2s-harness writes.",
    "show": "What is known of a task, a method, a guard, a pair, a run or a cell.",
    "verify": "Check a ledger, an agent run or a leaderboard line by line.",
}
"""Commands in `commands/NAME.py`, which nobody else can offer."""
SHIPPED = {
    "agent": "Automated researchers that write methods.",
    "export-rows": "The rows of a setting without labels, for a method that runs elsewhere.",
    "import": "Results of others, by seed, as a leaderboard.",
    "power": "How many seeds and rows a difference needs.",
    "redteam": "Run hostile methods against the jail and the guards.",
    "review": "A dossier of a method, and a person's decision about it.",
}
"""The lines of our own commands in the group, so that the help need not read their modules."""
_OURS = "w2s_harness-"


@dataclass(frozen=True, slots=True)
class Offer:
    """A command that a distribution offers: its name, and `module:object` behind it."""

    name: str
    value: str
    info: Path
    """The distribution's `.dist-info` folder."""

    @property
    def is_shipped(self) -> bool:
        """Whether w2s-harness itself offers it."""
        return self.info.name.startswith(_OURS)

    @property
    def distribution(self) -> str:
        """Its distribution's name and version."""
        return " ".join(self.info.name.removesuffix(".dist-info").split("-"))

    def load(self) -> click.Command:
        """The command. Raises `PluginError` where one of others cannot be loaded."""
        module, _, name = self.value.partition(":")
        try:
            found = getattr(importlib.import_module(module.strip()), name.strip() or "command")
        except Exception as bad:  # boundary: a plugin's module
            if self.is_shipped:
                raise
            raise PluginError(self._refusal(f"{type(bad).__name__}: {bad}")) from bad
        if not isinstance(found, click.Command):
            raise PluginError(self._refusal(f"{self.value} is no click command"))
        return found

    def about(self) -> str:
        """Its line in the help: the first of its module's docstring, which is read without importing it."""
        if self.is_shipped and self.name in SHIPPED:
            return SHIPPED[self.name]
        from w2s_harness.installed.distributions import metadata, modules
        from w2s_harness.installed.parsed import declared

        module = self.value.partition(":")[0].strip()
        file = modules.module_file(metadata.Entry(self.name, module, metadata.TRUSTED, "", "", self.info))
        if file is None:
            return self._refusal(f"its module {module} is missing")
        return declared.summary(file) or f"of {self.distribution}"

    def _refusal(self, why: str) -> str:
        return (
            f"the command '{self.name}' of {self.distribution} cannot be loaded ({why}). "
            "Install it again, or uninstall it."
        )


def offers() -> tuple[dict[str, Offer], dict[str, str]]:
    """The commands that are installed, and by name why one of a distribution is left out.

    A name is the core's, else ours, else that of the only distribution that offers it.
    """
    taken: dict[str, Offer] = {}
    refused: dict[str, str] = {}
    for offer in sorted(_scan(), key=lambda o: (o.name, not o.is_shipped, o.info.name)):
        other = taken.get(offer.name)
        if offer.name in CORE or (other is not None and other.is_shipped):
            refused[offer.name] = (
                f"the command '{offer.name}' of {offer.distribution} is left out: w2s-harness has one of "
                "that name. Ask its author for another, or uninstall it."
            )
        elif other is not None:
            refused[offer.name] = (
                f"{other.distribution} and {offer.distribution} both offer the command '{offer.name}'. "
                "Uninstall one of them."
            )
        taken.setdefault(offer.name, offer)
    lost = {name for name, why in refused.items() if not taken[name].is_shipped}
    return {n: o for n, o in taken.items() if n not in lost}, refused


def _scan() -> Iterator[Offer]:
    """What is offered; `importlib.metadata` would take as long to load as all else that the help needs."""
    for info in info_folders(site_folders()):
        try:
            text = small_files.text(info / "entry_points.txt")
        except (OSError, UnicodeDecodeError):
            continue
        ours = text.partition(f"[{GROUP}]")[2].partition("\n[")[0]
        for line in ours.splitlines():
            name, is_one, value = (part.strip() for part in line.partition("="))
            if is_one and not name.startswith(("#", ";")) and f"{name}{value}".isprintable():
                yield Offer(name, value, info)


class LazyGroup(click.Group):
    """Commands live in modules of their own, imported when they are named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command's name."""
        return sorted({**CORE, **SHIPPED, **offers()[0]})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command called `cmd_name`. Raises `PluginError` for one that cannot be loaded."""
        if cmd_name in CORE:
            command: click.Command = importlib.import_module(f"w2s_harness.cli.commands.{cmd_name}").command
            return command
        try:
            return self._offered(ctx, cmd_name)
        except PluginError:
            if ctx.resilient_parsing:
                return None
            raise

    def _offered(self, ctx: click.Context, name: str) -> click.Command:
        taken, refused = offers()
        if name in taken:
            return taken[name].load()
        if name in refused:
            raise PluginError(refused[name])
        if name in SHIPPED:
            raise PluginError(f"'{name}' is newer than the installed w2s-harness. Install that again.")
        raise click.UsageError(f"no such command '{name}'{nearest(name, self.list_commands(ctx))}", ctx)

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; a broken pipe ends it as `failure.explain` says, not with click's 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as bad:
            from w2s_harness.cli import failure

            return failure.explain(bad, debug=is_debugged())
        except (click.ClickException, click.Abort, click.exceptions.Exit, HarnessError, OSError):
            raise
        except Exception as bad:  # boundary: a plugin's command
            offer = offers()[0].get(ctx.invoked_subcommand or "")
            if offer is None or offer.is_shipped:
                raise
            raise PluginError(
                f"the command '{offer.name}' of {offer.distribution} failed ({type(bad).__name__}: {bad}). "
                "--debug shows where; its author can mend it."
            ) from bad

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them; what cannot be one says why."""
        taken, refused = offers()
        lines = CORE | SHIPPED | {name: offer.about() for name, offer in taken.items()}
        with formatter.section("Commands"):
            formatter.write_dl(sorted(lines.items()))
        if refused:
            with formatter.section("Left out"):
                formatter.write_dl(sorted(refused.items()))


def is_debugged() -> bool:
    """Whether tracebacks are wanted."""
    return "--debug" in sys.argv or bool(os.environ.get("W2S_DEBUG"))
