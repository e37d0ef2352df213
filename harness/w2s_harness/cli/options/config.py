"""Where a command's defaults come from: the nearest `w2s.yaml` or `[tool.w2s-harness]`."""

from __future__ import annotations

import difflib
import math
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from w2s_harness.contract.errors import DataError, UsageError, nearest
from w2s_harness.data.disk import quoted, read_bytes, shown, text_of

_At = Callable[..., str]
"""`file:line` of a key, or of one in the mapping under it."""
MAX_BYTES = 2**20
"""A longer configuration is refused."""
_PLUGIN_LEVELS = 8
_SPELLINGS = ("w2s.yml", ".w2s.yaml", ".w2s.yml", "w2s.toml", ".w2s.toml", "w2s-harness.yaml")
_REAL = re.compile(r"[-+]?([0-9]+[.]?|[0-9]*[.][0-9]+)([eE][-+]?[0-9]{1,3})?")
_WORDS = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(("false", "no", "off", "0"), False)


@dataclass(frozen=True, slots=True)
class Key:
    """What the flag of a key takes, so that its value can be checked with the line that it stands in."""

    kind: Literal["list", "switch", "count", "whole", "seconds", "text"] = "text"
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """Defaults of `run`'s flags, and the file they stand in."""

    file: Path | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What `plugins: {NAME: {...}}` says, by name."""
    at: _At = field(default=lambda *keys: "", compare=False)


def find(explicit: Path | None, known: Mapping[str, Key]) -> Config:
    """The configuration that `-c` names, else the nearest one upwards to the repository's root.

    `known` are the keys, and what each takes. Raises `UsageError` for a file that is no mapping, holds an
    unknown key or a value that its flag does not take, or settings of a plugin that are no mapping.
    """
    for file in [explicit] if explicit else _candidates(Path.cwd()):
        found = _read(file, required=explicit is not None)
        if found is not None:
            values, at = found
            return Config(file, _checked(values, at, known), _settings(values, at), at)
    return Config()


def strangers(environment: Iterable[str], known: Iterable[str]) -> list[str]:
    """A line for each variable that begins as ours do and that no flag reads."""
    ours = {key.upper() for key in known}
    out = []
    for name in sorted(n.removeprefix("W2S_") for n in environment if n.startswith("W2S_")):
        if name not in ours:
            close = difflib.get_close_matches(name, sorted(ours), n=1)
            hint = f" (did you mean W2S_{close[0]}?)" if close else ""
            out.append(f"W2S_{name}: no flag reads this variable{hint}")
    return out


def _candidates(start: Path) -> list[Path]:
    found = []
    for folder in (start, *start.parents):
        found += [folder / "w2s.yaml", folder / "pyproject.toml"]
        if (folder / ".git").exists():
            break
    for name in _SPELLINGS:
        if (start / name).is_file() and not (start / "w2s.yaml").exists():
            raise UsageError(f"{name} is not read: call it w2s.yaml, or name it with -c {name}")
    return found


def _read(file: Path, *, required: bool) -> tuple[Any, _At] | None:
    needed = required or (os.path.lexists(file) and file.name == "w2s.yaml")
    # a pyproject.toml above that is no file, or somebody else's, is no matter of ours
    if not needed and not os.access(file, os.R_OK):
        return None
    try:
        body = read_bytes(file, MAX_BYTES, "That is too long for a configuration.")
    except DataError as bad:
        if not needed and not file.is_file():
            return None
        why = str(bad).removeprefix(f"{shown(file)}: ")
        raise UsageError(f"{shown(file)}: cannot read the configuration: {why}") from bad
    return _toml(body, file, required=required) if file.suffix == ".toml" else _yaml(body, file)


def _toml(body: bytes, file: Path, *, required: bool) -> tuple[Any, _At] | None:
    try:
        text = text_of(body, shown(file))
        tool = tomllib.loads(text).get("tool")
    except DataError as bad:
        raise UsageError(str(bad)) from bad
    except RecursionError:
        raise UsageError(f"{file}: broken TOML: it is nested too deeply") from None
    except ValueError as bad:
        # tomllib's own error, or Python's for a number of thousands of digits
        raise UsageError(f"{file}: broken TOML: {bad}") from bad
    tables = tool if isinstance(tool, dict) else {}
    if "w2s-harness" not in tables:
        near = [name for name in tables if re.fullmatch(r"w2s(.?harness)?", name)]
        if near or required:
            said = f"; [tool.{near[0]}] is not read" if near else ""
            raise UsageError(f"{file}: there is no table [tool.w2s-harness]{said}. Put the keys under that.")
        return None
    return tables["w2s-harness"], lambda *keys: f"{file}:{_line(text, *keys)}"


def _line(text: str, *keys: str) -> int:
    """The line of a key of our table, or of one under it, from 1; tomllib does not tell it."""
    lines = text.splitlines()
    found = next((n for n, line in enumerate(lines) if re.match(r"\s*\[\s*tool\.[\"']?w2s-harness", line)), 0)
    for key in map(re.escape, keys):
        wanted = re.compile(rf"\s*(\[.*\.\s*[\"']?{key}[\"']?\s*[.\]]|[\"']?{key}[\"']?\s*[.=])")
        found = next((n for n in range(found, len(lines)) if wanted.match(lines[n])), found)
    return found + 1


def _yaml(body: bytes, file: Path) -> tuple[Any, _At]:
    from w2s_harness.data.reading.yaml_file import parsed

    try:
        document = parsed(body, file, may_be_empty=True)
    except DataError as bad:
        raise UsageError(str(bad)) from bad
    return document.value, document.at


def _checked(values: Any, at: _At, known: Mapping[str, Key]) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise UsageError(f"{at('')}: the configuration must be a mapping of flags to values")
    out: dict[str, Any] = {}
    for key, value in values.items():
        name, where = str(key).replace("-", "_"), at(str(key))
        if name not in known:
            raise UsageError(f"{where}: unknown key {quoted(key)}{nearest(name, known)}")
        if name in out:
            raise UsageError(
                f"{where}: the key {quoted(key)} a second time, with '-' and with '_'. Keep one."
            )
        if isinstance(value, dict) and name != "plugins":
            raise UsageError(f"{where}: '{key}' takes a value or a list, not a mapping")
        if not _is_plain(value, _PLUGIN_LEVELS if name == "plugins" else 1):
            raise UsageError(f"{where}: '{key}' takes texts and finite numbers of at most 64 bits")
        if value is not None:
            try:
                out[name] = _as_flag(value, known[name])
            except ValueError as bad:
                raise UsageError(f"{where}: '{key}' takes {bad}, not {_shown(value)}") from None
    return out


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return quoted(value) if isinstance(value, str) else "a list" if isinstance(value, list) else str(value)


def _is_plain(value: Any, levels: int) -> bool:
    """Whether a value, in at most `levels` lists and mappings, is something that can be written on a line."""
    if isinstance(value, dict):
        return levels > 0 and all(isinstance(k, str) and _is_plain(v, levels - 1) for k, v in value.items())
    if isinstance(value, list):
        return levels > 0 and all(_is_plain(v, levels - 1) for v in value)
    if isinstance(value, str):
        return "\0" not in value
    if isinstance(value, int):
        return abs(value) < 2**63
    return value is None or (isinstance(value, float) and math.isfinite(value))


def _settings(values: Mapping[str, Any], at: _At) -> dict[str, Mapping[str, Any]]:
    plugins = values.get("plugins")
    out: dict[str, Mapping[str, Any]] = {}
    for name, block in plugins.items() if isinstance(plugins, dict) else ():
        if block is not None and not isinstance(block, dict):
            what = f"'{name}' takes a mapping of its settings, not {block!r}"
            raise UsageError(f"{at('plugins')}: plugins: {what}")
        if block:
            out[str(name)] = block
    return out


def _as_flag(value: Any, flag: Key) -> Any:
    """What click takes. Raises `ValueError` that says what the flag takes, where `value` is no such thing."""
    if flag.kind == "list":
        items = list(value) if isinstance(value, list | dict) else [value]
        return [_text(item, "texts") for item in items]
    if flag.kind == "switch":
        return _switch(value)
    if flag.kind in ("count", "whole", "seconds"):
        return _number(value, flag.kind)
    if flag.choices:
        return _choice(value, flag.choices)
    if isinstance(value, list):
        # With a comma at its end one number is a list, not a count.
        return ",".join(_text(item, "texts") for item in value) + ("," if len(value) == 1 else "")
    return _text(value, "text or numbers")


def _text(value: Any, what: str) -> str:
    # YAML reads on, off, yes and no as booleans too.
    if value is None or isinstance(value, bool | list | dict):
        raise ValueError(f"{what} (a word that YAML reads as something else goes in quotes)")
    return str(value)


def _switch(value: Any) -> bool:
    if isinstance(value, bool) or (isinstance(value, int) and value in (0, 1)):
        return bool(value)
    if isinstance(value, str) and value.lower() in _WORDS:
        return _WORDS[value.lower()]
    raise ValueError("true or false")


def _number(value: Any, kind: str) -> int | float:
    if kind == "count" and isinstance(value, bool):
        return int(value)
    what = "a number" if kind == "seconds" else "a whole number"
    if isinstance(value, str) and re.fullmatch(r"[-+]?[0-9]{1,18}", value):
        value = int(value)
    elif isinstance(value, str) and _REAL.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float if kind == "seconds" else int):
        raise ValueError(what)
    return value


def _choice(value: Any, choices: tuple[str, ...]) -> str:
    spelt = {True: ("on", "yes", "true"), False: ("off", "no", "false")}
    words = spelt[value] if isinstance(value, bool) else (value,)
    for word in words:
        if word in choices:
            return str(word)
    raise ValueError(" or ".join(choices) + (nearest(value, choices) if isinstance(value, str) else ""))
