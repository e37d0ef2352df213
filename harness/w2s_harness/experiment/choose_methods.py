"""From the words of `--methods` to methods with their parameters; none of their code runs in the host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from w2s_harness.discovery import sources
from w2s_harness.discovery.plugins import Plugins
from w2s_harness.discovery.sources import MethodSource
from w2s_harness.errors import PluginError, UsageError, WorkerError, nearest
from w2s_harness.experiment import predictions
from w2s_harness.plan import (
    GRANTABLE,
    Authorship,
    PlannedMethod,
    Spec,
    Value,
    folder_id,
    is_path,
    label,
    parse_value,
)
from w2s_harness.wire.messages import MethodInfo

Describe = Callable[[MethodSource], Sequence[MethodInfo]]
"""Asks a worker what methods a module offers; raises `WorkerError` where it does not load."""


def choose_methods(spec: Spec, plugins: Plugins, describe: Describe) -> list[PlannedMethod]:
    """The methods that one item names; one that does not load or is refused has an `error`.

    Raises `UsageError` or `PluginError`, `DataError` for a file of predictions that breaks its format.
    """
    if spec.name == "all":
        spec = Spec("*", spec.parameters)
    if spec.name.endswith(predictions.SUFFIX):
        return [predictions.planned(spec, plugins.methods)]
    if is_path(spec.name, (".py",)):
        path, _, chosen = spec.name.partition("::")
        return _from_module(sources.from_file(Path(path)), chosen or None, spec, plugins, describe)
    shipped = [n for n, e in plugins.methods.items() if e.is_shipped]
    names = spec.selected(shipped, plugins.methods, "methods")
    return [m for name in names for m in _from_module(plugins.method(name), name, spec, plugins, describe)]


def _from_module(
    source: MethodSource, chosen: str | None, spec: Spec, plugins: Plugins, describe: Describe
) -> list[PlannedMethod]:
    stem = chosen or folder_id(Path(source.filename))
    if source.refused:
        return [_broken(stem, source, spec, source.refused)]
    try:
        offered = {info.name: info for info in describe(source)}
    except (PluginError, WorkerError) as bad:
        return [_broken(stem, source, spec, str(bad))]
    if chosen is not None and chosen not in offered:
        raise PluginError(
            f"{source.filename}: offers no method '{chosen}'{nearest(chosen, offered)}. It offers: "
            f"{', '.join(sorted(offered)) or 'none'}."
        )
    names = [chosen] if chosen is not None else sorted(offered)
    return [_planned_method(source, offered[name], spec, plugins) for name in names]


def _broken(name: str, source: MethodSource, spec: Spec, why: str) -> PlannedMethod:
    """A method that cannot run; its row says why."""
    given = dict(spec.parameters)
    return PlannedMethod(label(name, given), name, source, given, given, error=why)


def _planned_method(source: MethodSource, info: MethodInfo, spec: Spec, plugins: Plugins) -> PlannedMethod:
    entry = plugins.methods.get(info.name)
    if entry is not None and source.distribution != entry.distribution:
        raise PluginError(
            f"{source.filename}: the name '{info.name}' is taken by {entry.distribution}. "
            "Give the method another `name`."
        )
    known = {p.name: p for p in info.parameters}
    values: dict[str, Value] = {p.name: p.default for p in info.parameters}
    for key, text in spec.parameters.items():
        where = f"method '{info.name}', {key}"
        if key not in known:
            raise UsageError(
                f"{where}: no such parameter{nearest(key, known)}. It has: {', '.join(known) or 'none'}."
            )
        values[key] = parse_value(text, known[key].type, where)
    changed = {k: v for k, v in values.items() if v != known[k].default}
    return PlannedMethod(
        label(info.name, changed),
        info.name,
        source,
        values,
        changed,
        _known(info.access, info.name),
        info.track,
        author=_authorship(info),
    )


def _authorship(info: MethodInfo) -> Authorship | None:
    if info.authored_hours is None and info.authored_usd is None:
        return None
    return Authorship(info.authored_by, ", ".join(info.authors), info.authored_hours, info.authored_usd)


def _known(access: tuple[str, ...], name: str) -> tuple[str, ...]:
    for word in access:
        if word not in GRANTABLE:
            raise PluginError(
                f"method '{name}' asks for the access '{word}'{nearest(word, GRANTABLE)}, which this version "
                f"cannot give. It can give: {', '.join(GRANTABLE)}."
            )
    return access
