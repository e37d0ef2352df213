"""Where a command's defaults come from: the nearest `w2s.yaml` or `[tool.w2s-harness]`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from w2s_harness.errors import UsageError, nearest


@dataclass(frozen=True, slots=True)
class Config:
    """Defaults of `run`'s flags, and the file they stand in."""

    file: Path | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


def find(explicit: Path | None, known: Mapping[str, bool]) -> Config:
    """The configuration that `-c` names, else the nearest one upwards to the repository's root.

    `known` are the keys, and whether each takes a list. Raises `UsageError` for a file that is no mapping
    or holds an unknown key.
    """
    for file in [explicit] if explicit else _candidates(Path.cwd()):
        values = _read(file, required=explicit is not None)
        if values is not None:
            return Config(file, _checked(values, file, known))
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
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as bad:
        raise UsageError(f"{file}: not UTF-8 text ({bad.reason} at byte {bad.start})") from bad
    except OSError as bad:
        if required:
            raise UsageError(f"{file}: cannot read the configuration: {bad.strerror}") from bad
        return None
    if file.suffix == ".toml":
        try:
            return tomllib.loads(text).get("tool", {}).get("w2s-harness")
        except tomllib.TOMLDecodeError as bad:
            raise UsageError(f"{file}: broken TOML: {bad}") from bad
    return _yaml(text, file)


def _yaml(text: str, file: Path) -> Any:
    import yaml

    try:
        return yaml.safe_load(text) or {}
    except yaml.YAMLError as bad:
        mark = getattr(bad, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise UsageError(f"{file}{line}: broken YAML: {getattr(bad, 'problem', bad)}") from bad


def _checked(values: Any, file: Path, known: Mapping[str, bool]) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise UsageError(f"{file}: the configuration must be a mapping of flags to values")
    out: dict[str, Any] = {}
    for key, value in values.items():
        name = str(key).replace("-", "_")
        if name not in known:
            raise UsageError(f"{file}: unknown key '{key}'{nearest(name, known)}")
        if isinstance(value, dict) and name != "plugins":
            raise UsageError(f"{file}: '{key}' takes a value or a list, not a mapping")
        out[name] = _as_flag(value, takes_list=known[name])
    return out


def _as_flag(value: Any, *, takes_list: bool) -> Any:
    """What click takes: text for a flag that is given once, a list for one that may be repeated."""
    if takes_list:
        return list(map(str, value)) if isinstance(value, list | dict) else [str(value)]
    return ",".join(map(str, value)) if isinstance(value, list) else value
