"""Real plans of hostile and honest methods, two a task, worked off in the jail; what came of each."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from w2s_harness.contract.access import DEFAULT_GRANTS
from w2s_harness.contract.errors import ExitCode, HarnessError, NothingSelectedError, PluginError
from w2s_harness.contract.studies import Attack
from w2s_harness.installed.trusted.plugins import Plugins
from w2s_harness.jail.host.jail import Jail
from w2s_harness.report.document import document
from w2s_harness.run.kept import runs
from w2s_harness.run.kept.store import Store
from w2s_harness.run.plan.choose_methods import choose_methods
from w2s_harness.run.plan.selection import Loading, Options, Selection
from w2s_harness.run.plan.specs import parse_seeds, parse_specs
from w2s_harness.run.session import session
from w2s_harness.run.session.choice import matches_expression
from w2s_harness.run.session.workshop import Describer, closed_paths
from w2s_studies.redteam import outcomes
from w2s_studies.redteam.outcomes import Honest, Outcome
from w2s_studies.redteam.suite import Laid, lay, places, together

HONEST = ("vanilla", "vanilla-hard", "confident", "logconf", "self-training", "zero-shot")
"""The shipped methods that run beside the attacks, and must be clean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the suite is run."""

    task: str = "math"
    """Where attacks that need no other task are tried."""
    guards: str = "default"
    """As `run --guards`."""
    plugins: tuple[str, ...] = ()
    """As `run -p`."""
    expression: str | None = None
    """Only attacks whose `family/name` matches, as `run -k`."""
    store: Path | None = None
    """Where baselines and cells are kept; None: a folder that is gone afterwards."""
    slots: str = "auto"
    seeds: str = "3"
    limit: int = 200
    cell_timeout_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Matrix:
    """What a run of the suite showed."""

    attacks: list[tuple[Attack, Outcome]]
    honest: list[Honest]

    @property
    def is_clean(self) -> bool:
        """Whether nothing succeeded unflagged and no honest method was accused."""
        return not any(came.outcome == "succeeded" for _, came in self.attacks) and not any(
            h.outcome == "false-alarm" for h in self.honest
        )


Say = Callable[[str], None]


def run(attacks: Sequence[Attack], settings: Settings, say: Say) -> Matrix:
    """Try every attack that matches, at isolation `require`.

    Raises `NothingSelectedError` where none does, `IsolationError` on a machine without a jail, and what
    `session.run` raises.
    """
    chosen = select(attacks, settings.expression)
    with tempfile.TemporaryDirectory(prefix="w2s-redteam-") as made:
        folder = Path(made)
        store = settings.store or folder / "store"
        where = places(folder, store)
        honest: list[Honest] = []
        laid = [lay(attack, folder, where) for attack in chosen]
        tried = _refused(laid, store)
        able = [item for item in laid if item.attack.name not in tried]
        for task in dict.fromkeys([settings.task, *(a.task for a in chosen if a.task)]):
            here = [item for item in able if (item.attack.task or settings.task) == task]
            for part in _parts(here, task, is_default=task == settings.task):
                honest += _one_plan(part, settings, folder, store, tried, say)
    return Matrix([(attack, tried[attack.name]) for attack in chosen], honest)


def select(attacks: Sequence[Attack], expression: str | None) -> list[Attack]:
    """The attacks whose `family/name` matches. Raises `NothingSelectedError`, `UsageError`."""
    if not expression:
        return list(attacks)
    wanted = matches_expression(expression)
    chosen = [a for a in attacks if wanted(f"{a.family}/{a.name}")]
    if not chosen:
        raise NothingSelectedError(f"-k '{expression}': no attack of the suite matches")
    return chosen


@dataclass(frozen=True, slots=True)
class _OnePlan:
    """What one plan tries."""

    name: str
    task: str
    laid: Sequence[Laid]
    honest: tuple[str, ...]
    """The methods beside the attacks whose rows are judged; vanilla is always there."""
    counterfactuals: str
    limit: int = 0
    """Rows of a split; 0: as the suite's settings say."""


def _parts(laid: Sequence[Laid], task: str, *, is_default: bool) -> list[_OnePlan]:
    """The attacks that ask for counterfactual cells beside the honest methods, and before them the others.

    Worlds for an attack that only reaches for something would be nine tenths of the time, for nothing. One
    that tries several limits has a plan of its own for each.
    """
    once = [item for item in laid if not item.attack.limits]
    quick = [item for item in once if not item.attack.needs_worlds]
    deep = [item for item in once if item.attack.needs_worlds]
    parts = [_OnePlan(f"{task}-reach", task, quick, (), "none")] if quick else []
    if deep or is_default:
        parts.append(_OnePlan(task, task, deep, HONEST, "auto"))
    for item in laid:
        name = f"{task}-{item.attack.name}"
        parts += [_OnePlan(f"{name}-{n}", task, [item], (), "auto", n) for n in item.attack.limits]
    return parts


def _one_plan(
    part: _OnePlan, settings: Settings, folder: Path, store: Path, tried: dict[str, Outcome], say: Say
) -> list[Honest]:
    """Work off one plan; fills `tried`."""
    environment = together(part.laid, folder / part.name)
    plugins = Loading(methods_env=environment, plugin=settings.plugins).plugins()
    out = folder / f"{part.name}.json"
    beside = part.honest or HONEST[:1]
    grants = sorted({word for item in part.laid for word in item.attack.access} - DEFAULT_GRANTS)
    selection = Selection(
        tasks=part.task,
        methods=",".join([*beside, *(item.spec for item in part.laid)]),
        seeds=settings.seeds,
        limit=part.limit or settings.limit,
        grant=",".join(grants),
        cell_timeout_s=settings.cell_timeout_s,
        guards=settings.guards,
        counterfactuals=part.counterfactuals,
    )
    # an attack that only has to reach something is tried once
    several = [
        a.method for a in (item.attack for item in part.laid) if a.needs_worlds or a.cells == "several"
    ]
    once = f"*/s{parse_seeds(settings.seeds)[0]}"
    options = Options(
        store=store,
        out=out,
        slots=settings.slots,
        expression=" or ".join([once, *(f"*/{name}/*" for name in (*HONEST, *several))]),
        isolation="require",
    )
    say(f"{part.task}: {len(part.laid)} attacks beside {', '.join(beside)}")
    listeners = session.Listeners(plugins, lambda text: None, lambda text: None)
    if session.run(selection, options, listeners).code is ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    board = document.read(out)
    cells = outcomes.by_method(runs.find(store, "last").events())
    rows = {row.method: row for row in board.rows}
    for item in part.laid:
        method = item.attack.method
        found = outcomes.judge(item.attack, cells.get(method, []), rows[method], board)
        before = tried.get(item.attack.name)
        tried[item.attack.name] = found if before is None else outcomes.worse(before, found)
    return [outcomes.judge_honest(rows[name]) for name in part.honest]


def _refused(laid: Sequence[Laid], store_folder: Path) -> dict[str, Outcome]:
    """The attacks that cannot even be planned, by name; that is one way of being prevented."""
    found: dict[str, Outcome] = {}
    with (
        closing(Store(store_folder, warn=lambda text: None)) as store,
        Describer(store, Jail("require")) as describer,
    ):
        for item in laid:
            try:
                _plan_alone(item, describer, store)
            except HarnessError as bad:
                found[item.attack.name] = outcomes.refused(str(bad))
    return found


def _plan_alone(laid: Laid, describer: Describer, store: Store) -> None:
    # as if `PYTHONPATH` named the planted folder when this interpreter started
    planted = [] if laid.planted is None else [str(laid.planted)]
    sys.path[:0] = planted
    try:
        plugins = Plugins(methods_env=laid.environment)
        describer.jail.close_off(closed_paths(plugins, store))
        found = [m for spec in parse_specs(laid.spec) for m in choose_methods(spec, plugins, describer)]
    finally:
        for folder in planted:
            sys.path.remove(folder)
    for method in found:
        if method.error:
            raise PluginError(method.error)
