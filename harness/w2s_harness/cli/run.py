"""`w2s-harness run`: the main job."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from click.core import ParameterSource

from w2s_harness.cli import config, repeated
from w2s_harness.cli.completing import names
from w2s_harness.cli.numbers import SEED, seconds

if TYPE_CHECKING:
    from w2s_harness.cli.terminal import Terminal
    from w2s_harness.discovery.plugins import Plugins

_PLAN_FLAGS = (
    "tasks", "pairs", "methods", "seeds", "baseline_seeds", "weak", "strong", "mode", "adapter", "grant",
    "dtype", "context", "device", "weak_template", "strong_template", "chat_template",
    "limit", "root_seed", "fresh", "cell_timeout_s", "counterfactuals", "own_draws", "guards",
    "controls", "against",
)  # fmt: skip
_AD_HOC = (
    "weak", "strong", "dtype", "context", "device", "weak_template", "strong_template", "chat_template",
)  # fmt: skip
_OTHER_VARIABLES = ("config", "debug", "secret", "shared_data")
"""What is read from the environment beside the flags."""


def _from_config(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    flags = {_key(p): p for p in ctx.command.params if p.name not in ("config_file", "plan_only", "help")}
    for key, flag in flags.items():
        flag.envvar = f"W2S_{key.upper()}"
    short = {word.lstrip("-").replace("-", "_"): flag for flag in flags.values() for word in flag.opts}
    spelt = short | flags
    found = config.find(Path(value) if value else None, {key: _takes(flag) for key, flag in spelt.items()})
    values: dict[str, Any] = {}
    for key, text in found.values.items():
        name = str(spelt[key].name)
        if name in values:
            raise click.UsageError(f"{found.file}: the key '{key}' is another spelling of one before it", ctx)
        values[name] = text
    ctx.default_map = {**values, **(ctx.default_map or {})}
    ctx.meta["w2s.config"] = found.file
    ctx.meta["w2s.settings"], ctx.meta["w2s.at"] = found.settings, found.at
    ctx.meta["w2s.strangers"] = config.strangers(os.environ, (*flags, *_OTHER_VARIABLES))
    return value


def _takes(flag: click.Parameter) -> config.Flag:
    """What the flag's key takes in a configuration."""
    if flag.multiple:
        return config.Flag("list")
    if isinstance(flag.type, click.Choice):
        return config.Flag(choices=tuple(flag.type.choices))
    if isinstance(flag, click.Option) and (flag.is_flag or flag.count):
        return config.Flag("count" if flag.count else "switch")
    kinds: dict[type[click.ParamType[Any]], Literal["whole", "number"]] = {
        click.types.IntParamType: "whole",
        click.types.FloatParamType: "number",
    }
    return config.Flag(next((kind for known, kind in kinds.items() if isinstance(flag.type, known)), "text"))


def _nearer_pair(ctx: click.Context, flags: Mapping[str, Any]) -> dict[str, None]:
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


def _key(flag: click.Parameter) -> str:
    """A flag's key in `w2s.yaml`, and with W2S_ before it in the environment: its longest spelling."""
    key = max(flag.opts, key=len).lstrip("-").replace("-", "_")
    return "plugins" if key == "p" else key


@click.command(
    "run",
    cls=repeated.Noticing,
    short_help="Run tasks x pairs x methods x seeds and print a PGR leaderboard.",
)
@click.option(
    "-c",
    "--config",
    "config_file",
    envvar="W2S_CONFIG",
    is_eager=True,
    expose_value=False,
    callback=_from_config,
    metavar="FILE",
    help="Configuration; else the nearest w2s.yaml or [tool.w2s-harness].",
)
@click.option(
    "--tasks",
    shell_complete=names("tasks"),
    default="math,code,chat,kinds",
    show_default=True,
    metavar="NAMES",
    help="Tasks by name, glob, directory or YAML file; settings ride on the name (math:data_seed=7).",
)
@click.option(
    "--pairs",
    shell_complete=names("pairs"),
    metavar="NAMES",
    help="Pairs by name or glob, for every task. Default: each task's own, tiny where it names none.",
)
@click.option("--weak", metavar="MODEL", help="With --strong: an ad hoc pair of hub ids or local paths.")
@click.option("--strong", metavar="MODEL", help="With --weak: the strong student.")
@click.option(
    "--methods",
    shell_complete=names("methods"),
    default="vanilla,vanilla-hard,confident,logconf,self-training,zero-shot",
    show_default=True,
    metavar="NAMES",
    help="Methods by name, glob, file (./mine.py) or predictions (preds.jsonl); parameters ride on the "
    "name (confident:margin=.3).",
)
@click.option(
    "--methods-env",
    metavar="DIR",
    help="A virtual environment whose methods may be named too; only workers read it.",
)
@click.option("--seeds", default="5", show_default=True, help="A count (5) or a list (0,1,7).")
@click.option(
    "--baseline-seeds", metavar="SEEDS", help="Seeds of weak and ceiling; default: the plan's seeds."
)
@click.option(
    "--seed", "root_seed", type=SEED, default=0, show_default=True, help="The root of every random draw."
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N rows in each split.")
@click.option("--fresh", is_flag=True, help="Draw a new 128-bit data seed for every generated task.")
@click.option(
    "--mode", type=click.Choice(["probe", "finetune"]), help="Train a head on frozen features, or the model."
)
@click.option("--adapter", type=click.Choice(["full", "lora"]), help="What finetune mode trains.")
@click.option(
    "--dtype",
    type=click.Choice(["float32", "bfloat16", "float16"]),
    help="With --weak and --strong: the number type of both models' weights.  [default: float32]",
)
@click.option(
    "--context",
    type=click.IntRange(min=8),
    metavar="TOKENS",
    help="With --weak and --strong: tokens of a text at most.  [default: 1024, or what a model takes]",
)
@click.option(
    "--device",
    metavar="DEVICE",
    help="With --weak and --strong: auto, cpu, cuda, cuda:1, mps.  [default: auto]",
)
@click.option(
    "--weak-template",
    metavar="TEXT",
    help="With --weak and --strong: how the untrained weak model is asked; as --strong-template.",
)
@click.option(
    "--strong-template",
    metavar="TEXT",
    help="With --weak and --strong: how the untrained student is asked: sum, mean, min, a text with "
    "{question} and {candidate}, or its file.  [default: sum]",
)
@click.option(
    "--chat-template",
    type=click.Choice(["auto", "none"]),
    help="With --weak and --strong: read texts inside a chat model's own template.  [default: auto]",
)
@click.option("--offline", is_flag=True, help="Never ask the hub: models come from its cache.")
@click.option(
    "--grant",
    default="",
    metavar="ACCESS",
    help="Access beyond the default: inference,transductive,groups,text,generate,no:embeddings.",
)
@click.option(
    "--cell-timeout",
    "cell_timeout_s",
    callback=seconds,
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="A worker's own time; the student service may work 20 times as long (large models: 200).",
)
@click.option(
    "--counterfactuals",
    type=click.Choice(["auto", "all", "one", "none"]),
    default="auto",
    show_default=True,
    help="How much of the guards' re-runs to do; auto: all for probes, one draw of each for fine-tuning.",
)
@click.option(
    "--own-draws",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    metavar="N",
    help="Echoes and pairs of decoys of each row and seed, which tell how much is the teacher's own.",
)
@click.option(
    "--controls/--no-controls",
    default=True,
    help="Run the sanity controls (default): shuffled labels, a random teacher, weak = strong.",
)
@click.option(
    "--against",
    default="",
    metavar="NAMES",
    help="Compare every row with these methods of the plan too, beside vanilla and zero-shot.",
)
@click.option(
    "-k", "expression", metavar="EXPR", help="Only cells whose id matches: 'math and not zero-shot'."
)
@click.option("-x", "stop_first", is_flag=True, help="Stop at the first failed cell.")
@click.option("--lf", "last_failed", is_flag=True, help="Only cells that failed in the last run.")
@click.option(
    "--reviewed-only", is_flag=True, help="Leave out third-party methods whose source nobody accepted."
)
@click.option("-n", "slots", default="auto", show_default=True, help="Job slots: a number, or auto.")
@click.option(
    "-p",
    "plugin",
    multiple=True,
    metavar="NAME",
    help="Load a trusted plugin (NAME or FILE.py), or switch one off (no:NAME).",
)
@click.option(
    "--guards",
    shell_complete=names("guards"),
    default="default",
    show_default=True,
    metavar="NAMES",
    help="default (every shipped one), all (every installed one), none, or NAME,FILE.py,...",
)
@click.option("--no-guard", "no_guard", multiple=True, metavar="NAME", help="The same as -p no:NAME.")
@click.option(
    "--order",
    type=click.Choice(["plan", "reverse"]),
    default="plan",
    help="Order in which cells are worked off.",
)
@click.option(
    "--isolation",
    type=click.Choice(["auto", "require", "best", "off"]),
    default="auto",
    show_default=True,
    help="How workers are locked down; auto: require with third-party methods, else best.",
)
@click.option("--store", default=".w2s", show_default=True, help="Where results and runs are kept.")
@click.option("-o", "--out", metavar="PATH", help="Also write the leaderboard JSON here.")
@click.option(
    "--plan", "plan_only", is_flag=True, help="Print stages, cells and estimated cost; run nothing."
)
@click.option("-q", "--quiet", "quiet", count=True, help="Less output.")
@click.option("-v", "--verbose", "verbose", count=True, help="More output.")
@click.pass_context
def command(ctx: click.Context, /, **flags: Any) -> int:
    """Run the cross product tasks x pairs x methods x seeds and print a PGR leaderboard.

    To resume an interrupted run, run the same command again; finished work is kept.
    """
    from w2s_harness.cli.terminal import Terminal

    with Terminal(flags["verbose"] - flags["quiet"]) as terminal:
        return _run(ctx, flags, terminal)


def _configure(plugins: Plugins, ctx: click.Context) -> None:
    """Hand plugins their settings, one by one first: an error names the line. Raises `UsageError`."""
    from w2s_harness.errors import UsageError

    settings = ctx.meta.get("w2s.settings", {})
    for name, block in settings.items():
        for key, value in block.items():
            try:
                plugins.configure({name: {key: value}})
            except UsageError as bad:
                raise UsageError(f"{ctx.meta['w2s.at']('plugins', name, key)}: {bad}") from bad
    plugins.configure(settings)


def _run(ctx: click.Context, flags: dict[str, Any], terminal: Terminal) -> int:
    from w2s_harness.cli.wide import columns
    from w2s_harness.destination import file_for
    from w2s_harness.discovery.plugins import Plugins
    from w2s_harness.experiment.selection import Selection
    from w2s_harness.experiment.session import Listeners, Options, run

    if flags["offline"]:
        os.environ["HF_HUB_OFFLINE"] = "1"
    plugins = Plugins(methods_env=Path(flags["methods_env"]) if flags["methods_env"] else None)
    plugins.register("terminal", terminal)
    for spec in (*flags["plugin"], *(f"no:{name}" for name in flags["no_guard"])):
        plugins.switch(spec)
    _configure(plugins, ctx)
    for line in (*ctx.meta.get("w2s.strangers", ()), *ctx.meta.get(repeated.KEY, ())):
        terminal.say(f"warning: {line}")
    if ctx.meta.get("w2s.config"):
        terminal.say(f"configuration {ctx.meta['w2s.config']}")
    options = Options(
        store=Path(flags["store"]),
        out=file_for(flags["out"], "--out") if flags["out"] is not None else None,
        slots=flags["slots"],
        expression=flags["expression"],
        stop_first=flags["stop_first"],
        last_failed=flags["last_failed"],
        reverse=flags["order"] == "reverse",
        plan_only=flags["plan_only"],
        reviewed_only=flags["reviewed_only"],
        isolation=flags["isolation"],
    )
    selection = Selection(**{name: flags[name] for name in _PLAN_FLAGS} | _nearer_pair(ctx, flags))
    listeners = Listeners(plugins, terminal.say, terminal.show, columns())
    # A scheduler's SIGTERM stops a run as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return int(run(selection, options, listeners).code)
