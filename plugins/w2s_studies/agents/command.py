"""`w2s-harness agent`: automated researchers that write methods, and what became of them."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from w2s_harness.cli.options.flags_of_run import AS_IN_RUN, quiet, shared
from w2s_harness.contract.access import NOT_FOR_AGENTS


def _positive(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    if value is not None and not (math.isfinite(value) and value > 0):
        raise click.BadParameter(f"{value:g} is no finite number above 0")
    return value


def _at_least_0(ctx: click.Context, param: click.Parameter, value: float) -> float:
    if not (math.isfinite(value) and value >= 0):
        raise click.BadParameter(f"{value:g} is no finite number from 0 up")
    return value


@click.group("agent", short_help="Automated researchers that write methods.")
def command() -> None:
    """Agents that write methods; the numbers are the host's, on data that no query touched."""


@command.command("run", short_help="Start agents.")
@click.option("--agents", type=click.IntRange(1, 64), default=4, show_default=True, help="How many.")
@click.option(
    "--agent", type=click.Choice(["search", "model"]), help="Plain search, or the language model of --model."
)
@click.option(
    "--model", metavar="NAME", help="A language model; without it, plain search, which needs no key."
)
@click.option("--base-url", metavar="URL", help="Of the model's server; default: ANTHROPIC_BASE_URL.")
@click.option("--directions", metavar="FILE", help="A YAML list of hints, one for each agent in turn.")
@click.option("--undirected", is_flag=True, help="No hint; default: one of a shipped dozen.")
@click.option("--prices", metavar="FILE", help="Dollars per million tokens, above the shipped table.")
@shared("tasks", "What they climb.", name="task", default="chat", metavar="NAME")
@shared("pairs", "On which pair. Default: as in run.", name="pair", metavar="NAME")
@click.option(
    "--held-out-tasks",
    default="math,code",
    show_default=True,
    metavar="NAMES",
    help="Tasks that agents never see; a submission without a PGR on each of them is not ranked.",
)
@click.option(
    "--beside", default="", metavar="NAMES", help="Methods on the board beside the agents', as in run."
)
@shared("seeds")
@shared("root_seed")
@shared("limit")
@shared("grant", f"As in run; {' and '.join(NOT_FOR_AGENTS)} are not.")
@shared("guards", AS_IN_RUN)
@shared("plugin", AS_IN_RUN, name="plugins")
@shared("cell_timeout_s", AS_IN_RUN)
@click.option("--budget-usd", type=float, callback=_positive, metavar="USD", help="What all may cost.")
@click.option("--agent-budget-usd", type=float, callback=_positive, metavar="USD", help="What one may cost.")
@click.option(
    "--compute-usd-per-hour", type=float, callback=_at_least_0, default=0.0, show_default=True,
    metavar="USD", help="What an hour of this machine costs.",
)  # fmt: skip
@click.option(
    "--hours", type=float, callback=_positive, default=1.0, show_default=True, help="How long they may work."
)
@click.option(
    "--queries-per-agent", type=click.IntRange(1), default=20, show_default=True, help="Of the oracle."
)
@click.option(
    "--queries-per-lineage", type=click.IntRange(1), default=20, show_default=True, help="Of the oracle."
)
@click.option("--queries", type=click.IntRange(1), default=60, show_default=True, help="Of the whole group.")
@click.option("--max-submissions", type=click.IntRange(1), default=5, show_default=True, help="Of one agent.")
@shared("slots")
@shared("isolation", AS_IN_RUN, choices=("auto", "require", "best"))
@shared("store", "Where results are kept.")
@click.option("--dir", "folder", metavar="DIR", help="The run's folder; default: STORE/agents/ID.")
@shared("out")
@quiet
def run(**flags: Any) -> int:
    """Start agents, let them work, then measure what they handed in."""
    from w2s_harness.run.session.workshop import slot_count
    from w2s_studies.agents.books import money, plan
    from w2s_studies.agents.host import asking, running

    slot_count(flags["slots"])
    asked = asking.plan_of(flags)
    _out(flags)
    own_prices = Path(flags["prices"]) if flags["prices"] else None
    asking.check_names(asked)
    asking.model_of(asked, money.load_prices(own_prices))
    folder = asking.folder_of(flags["folder"], asked)
    plan.write(asked, folder, own_prices)
    if asked.model is None and flags["agent"] is None and not flags["quiet"]:
        click.echo("no --model given, so agents search without one", err=True)
    return _go(running, folder, flags)


@command.command("resume", short_help="Go on with a run that was stopped.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@shared("slots")
@shared("out")
@click.option("--finish", is_flag=True, help="Ask agents no more: measure what they have handed in.")
@quiet
def resume(folder: Path, **flags: Any) -> int:
    """Go on after an interrupt or a kill: no paid call and no evaluation is done twice."""
    from w2s_studies.agents.host import running

    return _go(running, folder, flags)


def _out(flags: dict[str, Any]) -> Path | None:
    from w2s_harness.data.destination import file_for

    return None if flags["out"] is None else file_for(flags["out"], "--out")


def _go(running: Any, folder: Path, flags: dict[str, Any]) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    from w2s_harness.cli.terminal.listener import Terminal
    from w2s_harness.cli.terminal.wide import columns

    out = _out(flags)
    finish = bool(flags.get("finish"))
    with Terminal(-1 if flags["quiet"] else 0, doing="agents at work") as terminal:
        run = running.AgentRun(folder, flags["slots"], terminal.say, finish=finish)
        return int(run.work(terminal.show, out, columns()))


def _shown(function: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the folder of a run, and `--json`."""
    as_json = click.option("--json", "as_json", is_flag=True, help="As JSON.")
    return click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))(as_json(function))


@command.command("status", short_help="What agents have done so far.")
@_shown
def status(folder: Path, as_json: bool) -> None:
    """Each agent's answered queries, best answered number, submissions and spending."""
    from w2s_studies.agents.science import showing

    click.echo(showing.status(folder, as_json=as_json), nl=False)


@command.command("findings", short_help="What agents told each other.")
@_shown
def findings(folder: Path, as_json: bool) -> None:
    """Findings in the order in which they were shared."""
    from w2s_studies.agents.science import showing

    click.echo(showing.findings(folder, as_json=as_json), nl=False)


@command.command("cost", short_help="What a run has cost.")
@_shown
def cost(folder: Path, as_json: bool) -> None:
    """Dollars by agent and kind, per agent-hour, per submission and per significant claim."""
    from w2s_studies.agents.science import showing

    click.echo(showing.cost(folder, as_json=as_json), nl=False)


@command.command("science", short_help="How agents searched.")
@click.option("--against", metavar="DIR", help="Another agent run, compared at equal compute.")
@click.option("--figures", metavar="DIR", help="Draw it into a folder, as PDF and SVG.")
@_shown
def science(folder: Path, against: str | None, figures: str | None, as_json: bool) -> None:
    """Families of ideas and their entropy, duplicates, progress and length of methods through time."""
    from w2s_harness.data.destination import folder_for
    from w2s_studies.agents.science import showing

    into = None if figures is None else folder_for(figures, "--figures")
    other = Path(against) if against else None
    click.echo(showing.science(folder, other, as_json=as_json), nl=False)
    if into is not None:
        for path in showing.draw([folder, *([other] if other else [])], into):
            click.echo(f"figure  {path}", err=True)
