"""What is refused of trusted plugins, and what is said of a name that is not there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType

from w2s_harness.contract import hookspecs
from w2s_harness.contract.errors import PluginError, UsageError, nearest
from w2s_harness.installed.distributions import modules
from w2s_harness.installed.distributions.metadata import Entry
from w2s_harness.installed.parsed import declared

_METHODS = "w2s_methods"


def check_file(path: Path) -> None:
    """Refuse a method file before the host runs it. Raises `UsageError`."""
    if declared.offered_hooks(path) == {_METHODS}:
        raise UsageError(f"{path}: it offers methods, which never run in the host. Give --methods {path}.")


def check_module(module: ModuleType) -> None:
    """Refuse hooks that nobody calls, and a module without any. Raises `PluginError`."""
    marked = {name for name, value in vars(module).items() if _is_marked(value)}
    for name in sorted(marked - hookspecs.NAMES):
        raise PluginError(
            f"{module.__file__}: there is no hook '{name}'{nearest(name, hookspecs.NAMES)}. hookspecs.py "
            "lists all."
        )
    bare = [name for name in sorted(hookspecs.NAMES - marked) if callable(vars(module).get(name))]
    if bare:
        raise PluginError(f"{module.__file__}: {bare[0]}() lacks its decorator: put @hookimpl above it.")
    if not marked - {_METHODS}:
        has = f"no hook but {_METHODS}, which the host never calls" if marked else "no hook"
        raise PluginError(f"{module.__file__}: it has {has}, so it does nothing as a plugin.")


def _is_marked(value: object) -> bool:
    """Whether `hookimpl` marked it; what answers to any name, or raises at one, is not."""
    try:
        return isinstance(getattr(value, f"{hookspecs.PROJECT}_impl", None), dict)
    except Exception:  # noqa: BLE001 (boundary: an object of a plugin's)
        return False


# -- names --------------------------------------------------------------------------------------------------


def method(name: str, known: Iterable[str], trusted: Iterable[Entry] = ()) -> str:
    """Of a method that is not installed; a file, or another kind of thing, may have been meant."""
    for noun in _kinds(name, trusted):
        return f"unknown method '{name}': it is a {noun}. Give --{noun}s {name}."
    file = next((f"./{name}{end}" for end in (".py", "") if Path(f"{name}{end}").is_file()), None)
    path = "a method file is named by its path (./mine.py)" if file is None else f"the file here is {file}"
    return f"unknown method '{name}'{nearest(name, known)}. `w2s-harness list methods` shows all; {path}."


def thing(
    name: str,
    noun: str,
    known: Iterable[str],
    own: Sequence[str],
    trusted: Mapping[str, Entry],
    methods: Iterable[str],
) -> str:
    """Of a task or pair that no plugin offers.

    :param own: what the plugin called `name` offers, where there is one. :param trusted: installed plugins by
    name; one that offers things of the kind and whose source gives the name may have been meant. :param
    methods: names of installed methods.
    """
    installed = {plugin: entry for plugin, entry in trusted.items() if noun in _offers(entry)}
    if own:
        has = f"'{own[0]}'" if len(own) == 1 else ", ".join(own)
        return f"the plugin '{name}' offers no {noun} '{name}' but {has}. Give -p {name} --{noun}s {own[0]}."
    for plugin, entry in installed.items():
        file = None if entry.is_shipped else modules.module_file(entry)
        if file is not None and name in {found["name"] for found in declared.classes(file)}:
            return f"the {noun} '{name}' is the plugin {plugin}'s. Give -p {plugin} --{noun}s {name}."
    for other in _kinds(name, trusted.values(), methods):
        if other != noun:
            return f"unknown {noun} '{name}': it is a {other}. Give --{other}s {name}."
    near = nearest(name, {*known, *installed} - {name})
    return f"unknown {noun} '{name}'{near}. `w2s-harness list {noun}s` shows all."


def _offers(entry: Entry) -> list[str]:
    """The kinds of things that a trusted plugin offers."""
    hooks = modules.offered(entry)
    guard = ["guard"] if hooks & hookspecs.GUARD_HOOKS else []
    return [noun for noun in ("task", "pair") if f"w2s_{noun}s" in hooks] + guard


def _kinds(name: str, trusted: Iterable[Entry], methods: Iterable[str] = ()) -> list[str]:
    """The kinds of installed things that are called so."""
    return [
        *(["method"] if name in methods else []),
        *(noun for entry in trusted if entry.name == name for noun in _offers(entry)),
    ]


def is_other(value: object, default: object) -> bool:
    """Whether a setting is given as another kind of thing than its default: a text for a number."""
    if isinstance(default, bool) or isinstance(value, bool):
        is_typed = isinstance(default, bool | int | float)
        return is_typed and isinstance(value, bool) != isinstance(default, bool)
    return isinstance(default, int | float) and not isinstance(value, int | float)


def twins(name: str, noun: str, one: str, other: str) -> str:
    """Of two things of one name."""
    if one == other:
        return f"plugin '{one}': it offers two {noun}s called '{name}'. Rename one."
    return f"the plugins '{one}' and '{other}' both offer the {noun} '{name}'. Switch one off (-p no:NAME)."
