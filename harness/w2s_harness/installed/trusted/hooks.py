"""Whether a trusted plugin's module has hooks, and only such as there are: a silent plugin does nothing."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from w2s_harness.contract import hookspecs
from w2s_harness.contract.errors import PluginError, UsageError, nearest
from w2s_harness.installed.parsed import declared

METHODS = "w2s_methods"


def check_file(path: Path) -> None:
    """Refuse a method file before the host runs it. Raises `UsageError`."""
    if declared.offered_hooks(path) == {METHODS}:
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
    if not marked - {METHODS}:
        has = f"no hook but {METHODS}, which the host never calls" if marked else "no hook"
        raise PluginError(f"{module.__file__}: it has {has}, so it does nothing as a plugin.")


def _is_marked(value: object) -> bool:
    """Whether `hookimpl` marked it; what answers to any name, or raises at one, is not."""
    try:
        return isinstance(getattr(value, f"{hookspecs.PROJECT}_impl", None), dict)
    except Exception:  # noqa: BLE001 (boundary: an object of a plugin's)
        return False
