"""What is said of a name that is not there: the near one, or the other words that were meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from w2s_harness.contract import hookspecs
from w2s_harness.contract.errors import nearest
from w2s_harness.installed.distributions import modules
from w2s_harness.installed.distributions.metadata import Entry
from w2s_harness.installed.parsed import declared


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


def offered(entry: Entry) -> frozenset[str]:
    """The hooks that an installed plugin's module defines, read without importing it."""
    file = modules.module_file(entry)
    return declared.offered_hooks(file) if file is not None else frozenset()


def _offers(entry: Entry) -> list[str]:
    """The kinds of things that a trusted plugin offers."""
    hooks = offered(entry)
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
