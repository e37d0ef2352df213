"""The command that shows a verdict again: its row, and the methods that its guard compares it with."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterable, Mapping, Sequence

from w2s_harness.contract.plan import Plan, PlannedMethod, PlannedTask, Value
from w2s_harness.contract.types import Pair
from w2s_harness.installed.trusted.plugins import Plugins
from w2s_harness.run.cell.ended import AnyCell
from w2s_harness.run.plan.choose_pairs import adhoc_words
from w2s_harness.run.plan.flags import flags_of
from w2s_harness.run.plan.selection import Selection
from w2s_harness.run.work.setting.setting import Setting


def selected(selection: Selection, plugins: Plugins) -> str:
    """The `w2s-harness run` line that selects the same, quoted for a shell."""
    words = ["w2s-harness", "run"]
    flags = flags_of(type(selection))
    for flag in (flags[field.name] for field in dataclasses.fields(selection) if field.name in flags):
        value = getattr(selection, flag.name)
        if flag.always or value != flag.default:
            words += flag.words(value)
    if plugins.methods_env is not None:
        words += ["--methods-env", str(plugins.methods_env)]
    loaded = [*plugins.added, *(f"no:{name}" for name in sorted(plugins.blocked))]
    return shlex.join([*words, *(word for name in loaded for word in ("-p", name))])


class Commands:
    """The `w2s-harness run` lines that judge the rows of a plan again."""

    def __init__(self, plan: Plan, settings: Sequence[Setting], plugins: Plugins) -> None:
        self._plan, self._plugins = plan, plugins
        self._settings = {setting.id: setting for setting in settings}

    def of(self, cells: Sequence[AnyCell], beside: Iterable[PlannedMethod]) -> str:
        """The line, quoted for a shell, for the row of `cells`.

        `beside` are other methods of the plan on the same setting. Data that `--fresh` drew are named by
        their seed, so they are the same and no longer compared with the published ones. Paths stand as they
        were typed.
        """
        setting, plan, plugins = self._settings[cells[0].setting.id], self._plan, self._plugins
        names = {cells[0].method.id, *(method.id for method in beside)}
        methods = ",".join(_method(method) for method in plan.methods if method.id in names)
        words = ["w2s-harness", "run", "--tasks", _task(setting.task, plugins), *_pair(setting.pair, plugins)]
        words += ["--methods", methods]
        if plugins.methods_env is not None:
            words += ["--methods-env", str(plugins.methods_env)]
        seeds = tuple(cell.cell.seed for cell in cells)
        words += ["--seeds", _list(seeds)]
        if plan.baseline_seeds != seeds:
            words += ["--baseline-seeds", _list(plan.baseline_seeds)]
        # the flags of what differs from a run without flags
        for flag in flags_of(Selection).values():
            value = flag.of_row(plan, setting.pair) if flag.of_row is not None else flag.default
            words += flag.words(value) if value != flag.default else []
        # what was loaded beside our own plugins, and which of our guards were off
        words += [word for name in plugins.added for word in ("-p", name)]
        return shlex.join([*words, *(word for name in plan.guards_off for word in ("--no-guard", name))])


def _list(seeds: Sequence[int]) -> str:
    # With a comma at its end one number is a list, not a count.
    return ",".join(map(str, seeds)) + ("," if len(seeds) == 1 else "")


def _task(planned: PlannedTask, plugins: Plugins) -> str:
    if planned.path is not None:
        return planned.path
    usual = plugins.task(planned.task.name)
    return _spec(planned.task.name, {k: v for k, v in planned.settings.items() if v != getattr(usual, k)})


def _pair(pair: Pair, plugins: Plugins) -> list[str]:
    """The pair by its name, or by its two models where no plugin offers it."""
    name = pair.name.partition("[")[0]
    mode, adapter = "probe", None
    usual = plugins.pair_if_known(name)
    if usual is not None:
        words, mode, adapter = ["--pairs", name], usual.mode, usual.finetune.get("adapter")
    else:
        words = adhoc_words(pair)
    if pair.mode != mode:
        words += ["--mode", pair.mode]
    if pair.finetune.get("adapter") != adapter:
        words += ["--adapter", str(pair.finetune["adapter"])]
    return words


def _method(method: PlannedMethod) -> str:
    if method.is_predictions:
        return method.source.filename
    installed = not method.source.is_file
    name = method.name if installed else f"{method.source.filename}::{method.name}"
    return _spec(name, method.changed)


def _spec(name: str, values: Mapping[str, Value]) -> str:
    return name + "".join(f":{k}={str(v).lower() if isinstance(v, bool) else v}" for k, v in values.items())
