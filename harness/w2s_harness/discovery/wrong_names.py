"""What is said of a name that is not there: the near one, or the other words that were meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from w2s_harness.discovery import declared, metadata
from w2s_harness.discovery.metadata import Entry
from w2s_harness.errors import nearest


def method(name: str, known: Iterable[str]) -> str:
    """Of a method that is not installed; a file that is called so may have been meant."""
    file = next((f"./{name}{end}" for end in (".py", "") if Path(f"{name}{end}").is_file()), None)
    path = "a method file is named by its path (./mine.py)" if file is None else f"the file here is {file}"
    return f"unknown method '{name}'{nearest(name, known)}. `w2s-harness list methods` shows all; {path}."


def thing(
    name: str, noun: str, known: Iterable[str], own: Sequence[str], installed: Mapping[str, Entry]
) -> str:
    """Of a task or pair that no plugin offers.

    :param own: what the plugin called `name` offers, where there is one. :param installed: plugins that offer
    things of the kind, by name; one whose source gives the name may have been meant.
    """
    if own:
        has = f"'{own[0]}'" if len(own) == 1 else ", ".join(own)
        return f"the plugin '{name}' offers no {noun} '{name}' but {has}. Give -p {name} --{noun}s {own[0]}."
    for plugin, entry in installed.items():
        file = None if entry.is_shipped else metadata.module_file(entry)
        if file is not None and name in {found["name"] for found in declared.classes(file)}:
            return f"the {noun} '{name}' is the plugin {plugin}'s. Give -p {plugin} --{noun}s {name}."
    near = nearest(name, {*known, *installed} - {name})
    return f"unknown {noun} '{name}'{near}. `w2s-harness list {noun}s` shows all."


def twins(name: str, noun: str, one: str, other: str) -> str:
    """Of two things of one name."""
    if one == other:
        return f"plugin '{one}': it offers two {noun}s called '{name}'. Rename one."
    return f"the plugins '{one}' and '{other}' both offer the {noun} '{name}'. Switch one off (-p no:NAME)."
