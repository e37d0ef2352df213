"""Where a command's defaults come from: the nearest `w2s.yaml` or `[tool.w2s-harness]`."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from w2s_harness.data.wording import quoted
from w2s_harness.errors import DataError, UsageError, nearest

MAX_BYTES = 2**20
"""A longer configuration is refused."""
_PLUGIN_LEVELS = 8


@dataclass(frozen=True, slots=True)
class Config:
    """Defaults of `run`'s flags, and the file they stand in."""

    file: Path | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What `plugins: {NAME: {...}}` says, by name."""


def find(explicit: Path | None, known: Mapping[str, bool]) -> Config:
    """The configuration that `-c` names, else the nearest one upwards to the repository's root.

    `known` are the keys, and whether each takes a list. Raises `UsageError` for a file that is no mapping,
    holds an unknown key, or settings of a plugin that are no mapping.
    """
    for file in [explicit] if explicit else _candidates(Path.cwd()):
        values = _read(file, required=explicit is not None)
        if values is not None:
            return Config(file, _checked(values, file, known), _settings(values, file))
    return Config()


def _candidates(start: Path) -> list[Path]:
    found = []
    for folder in (start, *start.parents):
        found += [folder / "w2s.yaml", folder / "pyproject.toml"]
        if (folder / ".git").exists():
            break
    return found


def _read(file: Path, *, required: bool) -> Any:
    try:
        with file.open("rb") as opened:
            body = opened.read(MAX_BYTES + 1)
    except OSError as bad:
        if required:
            raise UsageError(f"{file}: cannot read the configuration: {bad.strerror}") from bad
        return None
    if len(body) > MAX_BYTES:
        raise UsageError(f"{file}: over {MAX_BYTES} bytes, too long for a configuration")
    return _toml(body, file) if file.suffix == ".toml" else _yaml(body, file)


def _toml(body: bytes, file: Path) -> Any:
    try:
        tool = tomllib.loads(body.decode("utf-8")).get("tool")
    except UnicodeDecodeError as bad:
        raise UsageError(f"{file}: not UTF-8 text ({bad.reason} at byte {bad.start})") from bad
    except RecursionError:
        raise UsageError(f"{file}: broken TOML: it is nested too deeply") from None
    except ValueError as bad:
        # tomllib's own error, or Python's for a number of thousands of digits
        raise UsageError(f"{file}: broken TOML: {bad}") from bad
    return tool.get("w2s-harness") if isinstance(tool, dict) else None


def _yaml(body: bytes, file: Path) -> Any:
    from w2s_harness.data.yaml_file import parsed

    try:
        return parsed(body, file, may_be_empty=True).value
    except DataError as bad:
        raise UsageError(str(bad)) from bad


def _checked(values: Any, file: Path, known: Mapping[str, bool]) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise UsageError(f"{file}: the configuration must be a mapping of flags to values")
    out: dict[str, Any] = {}
    for key, value in values.items():
        name = str(key).replace("-", "_")
        if name not in known:
            raise UsageError(f"{file}: unknown key {quoted(key)}{nearest(name, known)}")
        if isinstance(value, dict) and name != "plugins":
            raise UsageError(f"{file}: '{key}' takes a value or a list, not a mapping")
        if not _is_plain(value, _PLUGIN_LEVELS if name == "plugins" else 1):
            raise UsageError(f"{file}: '{key}' takes texts and finite numbers of at most 64 bits")
        if value is not None:
            out[name] = _as_flag(value, takes_list=known[name])
    return out


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


def _settings(values: Mapping[str, Any], file: Path) -> dict[str, Mapping[str, Any]]:
    plugins = values.get("plugins")
    out: dict[str, Mapping[str, Any]] = {}
    for name, block in plugins.items() if isinstance(plugins, dict) else ():
        if block is not None and not isinstance(block, dict):
            raise UsageError(f"{file}: plugins: '{name}' takes a mapping of its settings, not {block!r}")
        if block:
            out[str(name)] = block
    return out


def _as_flag(value: Any, *, takes_list: bool) -> Any:
    """What click takes: text for a flag that is given once, a list for one that may be repeated."""
    if takes_list:
        return list(map(str, value)) if isinstance(value, list | dict) else [str(value)]
    return ",".join(map(str, value)) if isinstance(value, list) else value
