"""From the words of `--methods` to methods with their parameters; none of their code runs in the host."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from w2s_harness.contract.access import NAMES
from w2s_harness.contract.errors import PluginError, StoreError, UsageError, nearest
from w2s_harness.contract.plan import PREDICTIONS, Authorship, MethodSource, PlannedMethod, Value, label
from w2s_harness.contract.worker.wire.messages import MethodInfo
from w2s_harness.installed import sources
from w2s_harness.installed.trusted.plugins import Plugins
from w2s_harness.jail.host.channel import Cancelled
from w2s_harness.jail.showing import said
from w2s_harness.run.plan import predictions
from w2s_harness.run.plan.specs import Spec, folder_id, is_path, parse_value

Describe = Callable[[MethodSource], Sequence[MethodInfo]]
"""Asks a worker what methods a module offers; raises `WorkerError` where it does not load."""


def choose_methods(spec: Spec, plugins: Plugins, describe: Describe) -> list[PlannedMethod]:
    """The methods that one item names; one that does not load or is refused has an `error`.

    Raises `UsageError` or `PluginError`, `DataError` for a file of predictions that breaks its format.
    """
    if spec.name == "all":
        spec = Spec("*", spec.parameters)
    if spec.name.endswith(PREDICTIONS):
        return [predictions.planned(spec, plugins.methods)]
    if is_path(spec.name, (".py",)):
        path, _, chosen = spec.name.partition("::")
        return _from_module(sources.from_file(Path(path)), chosen or None, spec, plugins, describe)
    shipped = [n for n, e in plugins.methods.items() if e.is_shipped]
    names = spec.selected(shipped, plugins.methods, "methods")
    return [m for name in names for m in _installed(name, spec, plugins, describe)]


def _installed(name: str, spec: Spec, plugins: Plugins, describe: Describe) -> list[PlannedMethod]:
    entry = plugins.method_entry(name)
    if name in plugins.contested:
        return [_broken(name, sources.unread(entry), spec, plugins.contested[name])]
    try:
        source = sources.from_entry(entry)
    except Exception as bad:  # noqa: BLE001 (boundary: hashing what others installed)
        return [_broken(name, sources.unread(entry), spec, said(bad))]
    return _from_module(source, name, spec, plugins, describe)


def _from_module(
    source: MethodSource, chosen: str | None, spec: Spec, plugins: Plugins, describe: Describe
) -> list[PlannedMethod]:
    """The methods of a module. What its author did wrong is a row's `error`, what the user did is raised."""
    stem = chosen or _stem(source, plugins)
    if source.refused:
        return [_broken(stem, source, spec, source.refused)]
    try:
        offered = {info.name: info for info in describe(source)}
    except (UsageError, StoreError, Cancelled):
        raise  # of the machine or the user
    except Exception as bad:  # noqa: BLE001 (boundary: describing what others wrote)
        return [_broken(stem, source, spec, said(bad))]
    if chosen is not None and chosen not in offered:
        why = (
            f"{source.filename}: offers no method '{chosen}'{nearest(chosen, offered)}. It offers: "
            f"{', '.join(sorted(offered)) or 'none'}."
        )
        if source.is_file:
            raise PluginError(why)
        return [_broken(chosen, source, spec, why)]
    out = []
    for name in [chosen] if chosen is not None else sorted(offered):
        try:
            out.append(_planned(source, offered[name], spec, plugins))
        except PluginError as bad:
            # not under the name that it gives itself, which may be another method's
            own = _stem(source, plugins) if source.is_file else source.name
            out.append(_broken(own, source, spec, str(bad)))
    return out


def _broken(name: str, source: MethodSource, spec: Spec, why: str) -> PlannedMethod:
    """A method that cannot run; its row says why."""
    given = dict(spec.parameters)
    plain = re.sub(r"[^\w.-]", "-", name.encode("utf-8", "replace").decode(), flags=re.ASCII)[:64]
    return PlannedMethod(label(plain, given), plain, source, given, given, error=why)


def _stem(source: MethodSource, plugins: Plugins) -> str:
    """What a file's row is called while nobody knows the name of its method."""
    stem = folder_id(Path(source.filename))
    return f"{stem}.py" if stem in plugins.methods else stem


def _planned(source: MethodSource, info: MethodInfo, spec: Spec, plugins: Plugins) -> PlannedMethod:
    """Raises `UsageError` for a parameter that is none, `PluginError` for what its author did wrong."""
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
        kind = known[key].type
        # a float may be without limit (`most=inf`), and whatever its default is
        is_open = kind == "float" and text in ("inf", "-inf", known[key].default)
        values[key] = text if is_open else parse_value(text, kind, where)
    for word in info.access:
        if word not in NAMES:
            raise PluginError(
                f"method '{info.name}' asks for the access '{word}'{nearest(word, NAMES)}, which this "
                f"version cannot give. It can give: {', '.join(NAMES)}."
            )
    changed = {k: v for k, v in values.items() if v != known[k].default}
    hours, usd, author = info.authored_hours, info.authored_usd, None
    if hours is not None or usd is not None:
        author = Authorship(info.authored_by, ", ".join(info.authors), hours, usd)
    return PlannedMethod(
        label(info.name, changed), info.name, source, values, changed,
        info.access, info.track, info.by_steps, author=author,
    )  # fmt: skip
