"""The flags of `run` as click takes them, where else they are read from, and what a shell completes."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from w2s_harness.run.plan.selection import Flag, Loading, Options, Selection, flags_of

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

FLAGS = flags_of(Selection, Options, Loading)
"""By name, in the order of `run --help`."""
AS_IN_RUN = "As in run."
LONGEST_S = 1e6
"""Seconds; no clock waits for ever."""
QUIET = Flag(spellings=("-q", "--quiet"), name="quiet", key="quiet", kind="count", help="Less output.")
VERBOSE = Flag(
    spellings=("-v", "--verbose"), name="verbose", key="verbose", kind="count", help="More output."
)
REPEATED = "w2s.repeated"
"""Where a context's `meta` holds the lines about options given twice."""
_ALL = (*FLAGS.values(), QUIET, VERBOSE)
_AD_HOC = ("weak", "strong", *(name for name, flag in FLAGS.items() if flag.ad_hoc))
_OTHER_VARIABLES = ("config", "debug", "secret", "shared_data")
"""What is read from the environment beside the flags."""
_Command = TypeVar("_Command", bound=Callable[..., Any])
_Complete = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]


def all_of_run(command: _Command) -> _Command:
    """Gives a command every flag of `run`, and reads those that are not typed from elsewhere."""
    for flag in reversed(_ALL):
        command = option(flag, envvar=flag.variable)(command)
    return click.option(
        "-c",
        "--config",
        "config_file",
        envvar="W2S_CONFIG",
        is_eager=True,
        expose_value=False,
        callback=_from_config,
        metavar="FILE",
        help="Configuration; else the nearest w2s.yaml or [tool.w2s-harness].",
    )(command)


def shared(name: str, help: str | None = None, /, **changed: Any) -> Callable[[_Command], _Command]:
    """A flag of `run` in another command: as it is there but for `changed`, fields of `Flag`.

    :param help: none where it says what it says in `run`; often `AS_IN_RUN`.
    """
    flag = FLAGS[name]
    return option(dataclasses.replace(flag, **changed, help=flag.help if help is None else help))


def store(help: str = "Where runs are kept.") -> Callable[[_Command], _Command]:
    """The flag of commands that read a store; they heed the environment, and no `w2s.yaml`."""
    return option(dataclasses.replace(FLAGS["store"], help=help), envvar=FLAGS["store"].variable)


def quiet(command: _Command) -> _Command:
    """The flag `-q` of commands whose output has two lengths."""
    return option(dataclasses.replace(QUIET, kind="switch"))(command)


def option(flag: Flag, envvar: str | None = None) -> Callable[[_Command], _Command]:
    """A flag as a decorator of click's."""
    more: dict[str, Any] = {"help": flag.help, "metavar": flag.metavar, "envvar": envvar}
    if flag.choices:
        more["type"] = click.Choice(flag.choices)
    elif flag.kind == "switch":
        more["is_flag"] = True
    elif flag.kind == "whole":
        more["type"] = click.IntRange(flag.least, flag.most)
    elif flag.kind == "seconds":
        more |= {"type": float, "callback": _seconds}
    if flag.kind in ("list", "count"):
        more["multiple" if flag.kind == "list" else "count"] = True
    if flag.default is not None and flag.default is not False and flag.default != ():
        more |= {"default": flag.default, "show_default": flag.shows_default}
    if flag.completes:
        more["shell_complete"] = names(flag.completes)
    return click.option(*flag.spellings, flag.name, **more)


def names(*kinds: str) -> _Complete:
    """Completes the last of several names of `kinds`: tasks, methods, guards, pairs, runs."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        before, comma, begun = incomplete.rpartition(",")
        if begun.startswith((".", "/", "~")):
            return [CompletionItem(incomplete, type="file")]
        known = sorted({name for kind in kinds for name in _known(kind)})
        return [CompletionItem(f"{before}{comma}{name}") for name in known if name.startswith(begun)]

    return complete


def _known(kind: str) -> list[str]:
    from w2s_harness.cli.commands.list import folders
    from w2s_harness.contract import hookspecs
    from w2s_harness.installed.distributions import metadata, modules

    if kind == "runs":
        return ["last", *(run.name for run in folders(Path(os.environ.get("W2S_STORE", ".w2s"))))]
    if kind == "methods":
        return [entry.name for entry in metadata.entries(metadata.METHODS)]
    hooks = hookspecs.GUARD_HOOKS if kind == "guards" else frozenset({f"w2s_{kind}"})
    return [entry.name for entry in metadata.entries(metadata.TRUSTED) if modules.offered(entry) & hooks]


def _seconds(ctx: click.Context, param: click.Parameter, value: float) -> float:
    if not (math.isfinite(value) and 0 < value <= LONGEST_S):
        raise click.BadParameter(f"{value:g} is no time: give seconds above 0, at most {LONGEST_S:,.0f}")
    return value


def _from_config(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    from w2s_harness.cli.options import config

    flags = {flag.key: flag for flag in _ALL if flag.key}
    spelt = {word: flag for flag in flags.values() for word in flag.plain_spellings} | flags
    known = {key: config.Key(flag.kind, flag.choices) for key, flag in spelt.items()}
    found = config.find(Path(value) if value else None, known)
    values: dict[str, Any] = {}
    for key, text in found.values.items():
        name = spelt[key].name
        if name in values:
            raise click.UsageError(f"{found.file}: the key '{key}' is another spelling of one before it", ctx)
        values[name] = text
    ctx.default_map = {**values, **(ctx.default_map or {})}
    ctx.meta["w2s.config"] = found.file
    ctx.meta["w2s.settings"], ctx.meta["w2s.at"] = found.settings, found.at
    ctx.meta["w2s.strangers"] = config.strangers(os.environ, (*flags, *_OTHER_VARIABLES))
    return value


def nearer_pair(ctx: click.Context, flags: Mapping[str, Any]) -> dict[str, None]:
    """Unsets `pairs`, or what makes an ad hoc pair, where the other was given nearer: a flag wins.

    Over the environment, and that over a file.
    """
    order = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT, ParameterSource.DEFAULT_MAP)
    given = {n: ctx.get_parameter_source(n) for n in ("pairs", *_AD_HOC) if flags[n] is not None}
    near = {n: order.index(source) for n, source in given.items() if source in order}
    own = min((near[n] for n in ("weak", "strong") if n in near), default=None)
    pairs = near.get("pairs")
    if pairs is None:
        return {}
    if own is not None and own < pairs:
        return {"pairs": None}
    return {n: None for n in _AD_HOC if near.get(n, pairs) > pairs}


class Noticing(click.Command):
    """Puts a line into `ctx.meta[REPEATED]` for each option of one value that is given several times."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As `click.Command`'s."""
        if not ctx.resilient_parsing:
            _, rest, found = self.make_parser(ctx).parse_args(args=list(args))
            order: list[Any] = found
            if rest and not any(isinstance(p, click.Argument) for p in self.params):
                raise click.UsageError(
                    f"'{rest[0]}' stands alone: tasks are named with --tasks, methods with --methods", ctx
                )
            ctx.meta[REPEATED] = [_line(p) for p in self.params if _takes_one(p) and order.count(p) > 1]
        return super().parse_args(ctx, args)


def _takes_one(parameter: click.Parameter) -> bool:
    if not isinstance(parameter, click.Option):
        return False
    return not (parameter.multiple or parameter.count or parameter.is_flag)


def _line(option: click.Parameter) -> str:
    name = max(option.opts, key=len)
    hint = "; separate several names with commas" if option.metavar == "NAMES" else ""
    return f"{name} is given more than once, and only the last one counts{hint}"
