"""Strict reading of a small YAML file: plain values, and the line on which each of them stands."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from w2s_harness.contract.errors import DataError
from w2s_harness.data.disk import open_regular, quoted, shown, text_of

MAX_BYTES = 2**16
"""A longer file is refused."""
MAX_BRACKETS = 50
"""Lists and mappings in brackets that may stand within each other."""

_ODD = re.compile(r"[+-]?0[0-9]|.*[_:]")
"""YAML 1.1 reads 010 as 8, 0_1 as 1 and 1:30 as 90."""
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Document:
    """A mapping read from YAML."""

    path: Path
    value: dict[str, Any]
    lines: dict[tuple[str, ...], int]
    """Line of each key, by the keys that lead to it."""

    def at(self, *keys: str) -> str:
        """`file:line` of the value that the keys lead to, or of the nearest one above it."""
        while keys and keys not in self.lines:
            keys = keys[:-1]
        return f"{shown(self.path)}:{self.lines.get(keys, 1)}"


def read_yaml(path: Path) -> Document:
    """Read one YAML document that is a mapping of text keys to plain values.

    Raises `DataError`, one line with file and line, for a file that cannot be read, and for what `parsed`
    refuses.
    """
    with open_regular(path) as file:
        return parsed(file.read(MAX_BYTES + 1), path)


def parsed(body: bytes, path: Path, *, may_be_empty: bool = False) -> Document:
    """The mapping of text keys to plain values in a YAML document; `path` is what an error names.

    Raises `DataError`, one line with file and line, for what is over `MAX_BYTES`, not UTF-8 or not YAML, is
    no mapping (unless it is nothing at all and `may_be_empty`), repeats a key, uses an alias to a collection
    or a tag.
    """
    if len(body) > MAX_BYTES:
        raise DataError(f"{shown(path)}:1: over {MAX_BYTES} bytes. Its YAML names data files only.")
    text = text_of(body, shown(path))
    lines: dict[tuple[str, ...], int] = {}
    try:
        loader = _Loader(text)
        node: yaml.Node | None = loader.get_single_node()
        value = _YamlValues(path, lines).of(node, ()) if node is not None else None
    except (ValueError, OverflowError):
        # PyYAML passes the digits of "\UFFFFFFFF" or of `%YAML 1.999...` to chr() and int() as they are
        what = "an escape or a version is out of range"
        raise DataError(f"{shown(path)}:{loader.line + 1}: not YAML: {what}. Mend that line.") from None
    except yaml.YAMLError as bad:
        raise DataError(_syntax(bad, text, path)) from None
    except RecursionError:
        raise DataError(f"{shown(path)}:1: the YAML is nested too deeply. Write it flat.") from None
    if value is None and may_be_empty:
        value = {}
    if not isinstance(value, dict):
        raise DataError(f"{shown(path)}:1: the YAML is no mapping. Write `key: value` lines.")
    return Document(path, value, lines)


def _syntax(bad: yaml.YAMLError, text: str, path: Path) -> str:
    mark = getattr(bad, "problem_mark", None) or getattr(bad, "context_mark", None)
    position = getattr(bad, "position", None)
    line = mark.line + 1 if mark is not None else text.count("\n", 0, position or 0) + 1
    what = getattr(bad, "problem", None) or getattr(bad, "reason", None) or type(bad).__name__
    what = " ".join(what.split())
    return f"{shown(path)}:{line}: not YAML: {what if what.isprintable() else ascii(what)}. Mend that line."


class _Loader(yaml.SafeLoader):
    """PyYAML compares every open bracket with every other: 60,000 of them would take it half a minute."""

    def fetch_flow_collection_start(self, TokenClass: Any) -> None:
        if self.flow_level >= MAX_BRACKETS:
            raise RecursionError
        super().fetch_flow_collection_start(TokenClass)


class _YamlValues:
    """Turns YAML nodes into plain values and notes the line of every key."""

    def __init__(self, path: Path, lines: dict[tuple[str, ...], int]) -> None:
        self.path = path
        self.lines = lines
        self.seen: set[int] = set()
        self.scalars = SafeConstructor()

    def of(self, node: yaml.Node, keys: tuple[str, ...]) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        # aliases can make a value that is endless, or far larger than its file
        if id(node) in self.seen:
            raise self._bad(node, "an alias (*name) to a collection", "Write the value out.")
        self.seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            self._tag(node, "map")
            return self._mapping(node, keys)
        self._tag(node, "seq")
        return [self.of(item, (*keys, str(i))) for i, item in enumerate(node.value)]

    def _mapping(self, node: yaml.MappingNode, keys: tuple[str, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            name = self.of(key, keys)
            if not isinstance(name, str):
                raise self._bad(key, "a key that is no text", "Put it in quotes.")
            if name in found:
                raise self._bad(key, f"the key {quoted(name)} a second time", "Keep one.")
            self.lines[(*keys, name)] = key.start_mark.line + 1
            found[name] = self.of(value, (*keys, name))
        return found

    def _scalar(self, node: yaml.ScalarNode) -> str | int | float | bool | None:
        tag = node.tag.removeprefix(_TAG)
        text: str = node.value
        # the resolver reads 2024-01-01 as a date, = and << as marks of their own; here they are texts
        if tag in ("str", "timestamp", "value", "merge"):
            if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
                raise self._bad(node, "half of a surrogate pair", "Write the character.")
            return text
        if tag == "null":
            return None
        if tag in ("int", "float") and _ODD.match(text):
            what = f"{quoted(text)}, which YAML readers take for different numbers or for none"
            raise self._bad(node, what, "Write it in decimals, or put it in quotes.")
        try:
            if tag == "bool":
                return bool(self.scalars.construct_yaml_bool(node))
            # a longer one than 64 bits can neither be a size nor, past 4300 digits, be written out
            if tag == "int" and abs(number := int(self.scalars.construct_yaml_int(node))) < 2**63:
                return number
            if tag == "float" and math.isfinite(real := float(self.scalars.construct_yaml_float(node))):
                return real
        except (ValueError, KeyError, IndexError, OverflowError):
            pass
        what = f"{quoted(text)}, which is no plain text, whole number, finite number, boolean or null"
        raise self._bad(node, what, "Put it in quotes.")

    def _tag(self, node: yaml.Node, expected: str) -> None:
        if node.tag != _TAG + expected:
            raise self._bad(node, f"the tag {quoted(node.tag)}", "Remove it.")

    def _bad(self, node: yaml.Node, what: str, mend: str) -> DataError:
        return DataError(f"{shown(self.path)}:{node.start_mark.line + 1}: holds {what}. {mend}")
