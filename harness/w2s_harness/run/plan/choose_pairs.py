"""From `--pairs`, `--weak` and `--strong`, or what the tasks name, to pairs in the mode that is asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from w2s_harness.contract.errors import PluginError, UsageError, nearest
from w2s_harness.contract.plan.plan import PlannedTask
from w2s_harness.contract.types import ABILITIES, Pair
from w2s_harness.installed.trusted.plugins import Plugins
from w2s_harness.run.plan.adhoc import adhoc, refuse_flags
from w2s_harness.run.plan.selection import DEFAULT_PAIR, Selection
from w2s_harness.run.plan.specs import merged, parse_specs


def choose_pairs(
    wanted: Selection, tasks: Iterable[PlannedTask], plugins: Plugins
) -> tuple[list[PlannedTask], list[Pair]]:
    """The pairs of a selection, and its tasks, each with those that it runs on.

    A selection that names pairs means them for every task. Raises `UsageError` or `PluginError`.
    """
    if any(words is not None for words in (wanted.pairs, wanted.weak, wanted.strong)):
        return list(tasks), _named(wanted, wanted.pairs or "", plugins)
    refuse_flags(wanted)
    found: dict[str, Pair] = {}
    placed = []
    for task in tasks:
        name = task.task.made_for() or DEFAULT_PAIR
        if name not in found:
            found[name] = _own(task, name, wanted, plugins)
        placed.append(dataclasses.replace(task, pairs=(found[name].name,)))
    return placed, list(found.values())


def _own(task: PlannedTask, name: str, wanted: Selection, plugins: Plugins) -> Pair:
    """The pair that a task names. Raises `PluginError` where no plugin offers it."""
    pair = plugins.pair_if_known(name)
    if pair is None:
        raise PluginError(
            f"task '{task.id}' is made for the pair '{name}', which no plugin offers. Install it, or name "
            "another with --pairs."
        )
    return _changed(pair, wanted)


def _named(wanted: Selection, names_of: str, plugins: Plugins) -> list[Pair]:
    """The pairs that `--weak` and `--strong`, or `--pairs` name."""
    if wanted.weak is not None or wanted.strong is not None:
        if wanted.pairs is not None:
            other = "weak" if wanted.weak is not None else "strong"
            raise UsageError(
                f"--pairs {wanted.pairs} and --{other} exclude one another: --weak and --strong make a pair "
                "of their own. Leave one out."
            )
        return [_changed(adhoc(wanted), wanted)]
    refuse_flags(wanted)
    found = []
    for spec in parse_specs(names_of):
        names = [spec.name]
        if spec.is_glob:
            names = spec.selected(plugins.shipped("w2s_pairs"), plugins.offering("w2s_pairs"), "pairs")
        found += [_changed(plugins.pair(name), wanted) for name in names]
    return merged(found, lambda pair: pair.name, lambda pair: pair, "pairs")


def _changed(pair: Pair, wanted: Selection) -> Pair:
    """The pair in the mode and with the adapter that the flags ask for; its name says so.

    Raises `UsageError` for an adapter without `finetune`, and for an ability that nobody knows.
    """
    for ability in pair.abilities:
        if ability not in ABILITIES:
            raise UsageError(
                f"pair '{pair.name}': unknown ability '{ability}'{nearest(ability, ABILITIES)}; "
                f"it can be {' or '.join(ABILITIES)}"
            )
    mode = wanted.mode or pair.mode
    name = pair.name if mode == pair.mode else f"{pair.name}[mode={mode}]"
    settings = dict(pair.finetune)
    if wanted.adapter:
        if mode != "finetune":
            raise UsageError(f"--adapter {wanted.adapter} needs --mode finetune")
        settings["adapter"] = wanted.adapter
        if wanted.adapter != pair.finetune.get("adapter"):
            name = f"{pair.name}[adapter={wanted.adapter}" + (f",mode={mode}]" if mode != pair.mode else "]")
    return dataclasses.replace(pair, name=name, mode=mode, finetune=settings)  # type: ignore[arg-type]
