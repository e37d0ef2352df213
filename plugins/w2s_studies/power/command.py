"""`w2s-harness power`: how many seeds and rows a difference needs."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from w2s_harness.cli.options import flags_of_run
from w2s_harness.cli.terminal.wide import echo
from w2s_harness.contract.plan import VANILLA

if TYPE_CHECKING:
    from w2s_studies.power.powering import Needs, Range, Wanted

_Check = Callable[[click.Context, click.Parameter, float | None], float | None]


def _within(low: float, high: float, what: str) -> _Check:
    """A check that a number, where one is given, lies between two others."""

    def check(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
        if value is not None and not low < value < high:
            raise click.BadParameter(
                f"{value:g} is no {what}: give a number above {low:g} and under {high:g}"
            )
        return value

    return check


def _sd(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    if value is not None and not 0 <= value <= 1:
        raise click.BadParameter(f"{value:g} is no standard deviation of accuracies: give 0 to 1")
    return value


@click.command("power", short_help="How many seeds and rows a difference needs.")
@flags_of_run.shared("tasks", flags_of_run.AS_IN_RUN)
@flags_of_run.shared("pairs", flags_of_run.AS_IN_RUN)
@flags_of_run.shared(
    "methods",
    "Whose variances: names, globs or labels as on the leaderboard; default: all that the store holds.",
    default=None,
)
@click.option("--against", default=VANILLA, show_default=True, metavar="NAME", help="The reference.")
@click.option(
    "--difference",
    type=float,
    default=0.1,
    show_default=True,
    callback=_within(0.0, math.inf, "difference"),
    metavar="PGR",
    help="The true difference to be seen, in PGR.",
)
@click.option(
    "--power",
    type=float,
    default=0.8,
    show_default=True,
    callback=_within(0.0, 1.0, "power"),
    help="With which chance it shall end significant.",
)
@click.option(
    "--alpha",
    type=float,
    default=0.05,
    show_default=True,
    callback=_within(0.0, 1.0, "level"),
    help="Of the family.",
)
@click.option(
    "--comparisons",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="M",
    help="Rows of the plan that Holm corrects over; the level is alpha / M.",
)
@click.option(
    "--seeds",
    type=click.IntRange(min=2),
    default=5,
    show_default=True,
    help="The seeds with which rows are counted.",
)
@flags_of_run.shared("limit")
@click.option(
    "--gap",
    type=float,
    callback=_within(0.0, 1.0, "gap"),
    metavar="ACCURACY",
    help="Ceiling minus weak; default: that of the store's newest run.",
)
@click.option("--seed-sd", callback=_sd, type=float, metavar="SD", help="Assumed, of a seed. [.01]")
@click.option("--question-sd", callback=_sd, type=float, metavar="SD", help="Assumed, of a row. [.22]")
@click.option(
    "--cell-sd",
    callback=_sd,
    type=float,
    metavar="SD",
    help="Assumed, of a row at a seed, beside both. [.28]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@flags_of_run.store()
def command(tasks: str, pairs: str | None, limit: int | None, as_json: bool, store: str, **flags: Any) -> int:
    """Say how many seeds, or holdout rows, a difference in PGR needs to be seen.

    Variances come from the store's runs, with a range over their 80 % intervals; where no run tells them, and
    where an SD is given, they are assumed.
    """
    from w2s_harness.contract.errors import UsageError
    from w2s_harness.installed.trusted.plugins import Plugins
    from w2s_harness.scoring.comparisons.power import Assumed
    from w2s_studies.power.powering import Wanted, answers

    sds = {n: sd for n in ("seed_sd", "question_sd", "cell_sd") if (sd := flags.pop(n)) is not None}
    wanted = Wanted(**flags, assumed=Assumed(**sds), ignore_store=bool(sds))
    if wanted.power <= wanted.level:
        raise UsageError(
            f"--power {wanted.power:g} is not above the level {wanted.level:g}: chance alone does"
        )
    found = answers(tasks, pairs, limit, wanted, Plugins(), Path(store))
    if as_json:
        head = {n: value for n, value in asdict(wanted).items() if n not in ("assumed", "ignore_store")}
        click.echo(json.dumps({**head, "answers": [asdict(answer) for answer in found]}, indent=2))
    else:
        _print(found, wanted)
    return 0


def _print(found: list[Needs], wanted: Wanted) -> None:
    holm = f" / {wanted.comparisons} comparisons (Holm)" if wanted.comparisons > 1 else ""
    echo(
        f"A true difference of {wanted.difference:g} PGR from {wanted.against}, to be seen with a chance of "
        f"{100 * wanted.power:g} %; two-sided, alpha {wanted.alpha:g}{holm}."
    )
    if any(answer.source for answer in found):
        echo("In brackets: with all variances at the low, and at the high end of 80 % intervals.")
    for i, answer in enumerate(found):
        if i == 0 or (answer.task, answer.pair) != (found[i - 1].task, found[i - 1].pair):
            echo("\n" + _head(answer, wanted))
        echo("\n".join(f"  {line}" for line in _lines(answer, wanted)))


def _head(answer: Needs, wanted: Wanted) -> str:
    size, origin = answer.holdout, f"run {answer.gap_source}" if answer.gap_source else "--gap"
    return (
        f"{answer.task} on {answer.pair}: {size.rows:,} holdout rows in {size.questions:,} questions; "
        f"gap {answer.gap:.3f} ({origin}), so {wanted.difference * answer.gap:.4f} accuracy"
    )


def _lines(answer: Needs, wanted: Wanted) -> list[str]:
    c, origin = answer.components, f"run {answer.source}" if answer.source else "assumed"
    return [
        f"{answer.method or 'any method'} {_counted(answer.seeds, 'seeds')} on this holdout; "
        f"with {wanted.seeds} seeds it {_counted(answer.rows, 'holdout rows')}.",
        f"  {wanted.seeds} seeds on this holdout see {_seen(answer.detectable)}, "
        f"and {_seen(answer.detectable_on_new_pools)} on new training pools, as a claim needs. "
        f"Standard deviations "
        f"({origin}): {c.seed**0.5:.3f} by seed, {c.question**0.5:.3f} by question, "
        f"{c.cell**0.5:.3f} by both.",
    ]


def _seen(least: float) -> str:
    """The smallest difference that is seen, where it is one that a method could have."""
    return f"{least:.2f} PGR" if least < 1 else "no difference under 1 PGR"


def _counted(found: Range, noun: str) -> str:
    """`needs 20 seeds (11 to 72)`, or that none will do."""
    at_best = found.low if found.has_range else None
    if found.count is None:
        hope = f"; with the lowest variances of the range {at_best:,} would do" if at_best is not None else ""
        return f"is out of reach of any number of {noun}{hope}"
    if at_best is None:
        return f"needs {found.count:,} {noun}"
    most = f"to {found.high:,}" if found.high is not None else "or more; with the highest none will do"
    return f"needs {found.count:,} {noun} ({at_best:,} {most})"
