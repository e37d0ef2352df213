"""The attacks that ship, found by name in the installed package of plugins."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from w2s_harness.contract.errors import PluginError
from w2s_harness.contract.studies.attack import Attack

PACKAGE = "w2s_plugins.redteam"


def shipped() -> list[Attack]:
    """Every attack of the suite, by file and then as listed there.

    Raises `PluginError` where a file does not import or lists no `Attack`s, or where two share a name.
    """
    attacks: list[Attack] = []
    for module in _modules():
        listed = getattr(module, "ATTACKS", None)
        if not listed or not all(isinstance(item, Attack) for item in listed):
            raise PluginError(f"{module.__name__}: ATTACKS must be a list of w2s_harness.Attack objects")
        attacks += listed
    names = [attack.name for attack in attacks]
    for name in names:
        if names.count(name) > 1:
            raise PluginError(f"{PACKAGE}: two attacks are called '{name}'. Rename one.")
    return attacks


def _modules() -> list[ModuleType]:
    try:
        package = importlib.import_module(PACKAGE)
        names = sorted(info.name for info in pkgutil.iter_modules(package.__path__))
        return [importlib.import_module(f"{PACKAGE}.{name}") for name in names]
    except ImportError as bad:
        raise PluginError(f"{PACKAGE}: {bad}. Reinstall w2s-harness.") from bad
