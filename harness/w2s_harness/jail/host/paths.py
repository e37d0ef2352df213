"""What a worker can import: a `sys.path` of the host's making, without `.pth` files or working directory."""

from __future__ import annotations

import importlib.util
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

PACKAGES = ("w2s_harness", "w2s_plugins", "numpy", "msgspec", "pluggy", "scipy")
"""What methods may rely on; missing ones are left out."""


def worker_path(extra: Iterable[str | Path] = ()) -> tuple[str, ...]:
    """The standard library's folders, those that hold `PACKAGES`, and `extra`, each once, in this order.

    :param extra: folders from which further method modules are imported.
    """
    folders = [*_standard_library(), *(f for name in PACKAGES for f in _holding(name)), *extra]
    return tuple(dict.fromkeys(str(Path(f)) for f in folders))


def _standard_library() -> list[str]:
    paths = sysconfig.get_paths()
    roots = [paths["stdlib"], paths["platstdlib"]]
    # lib-dynload has no name of its own in sysconfig; it is wherever this interpreter found it.
    inside = [p for p in sys.path if any(Path(p).parent == Path(r) and "packages" not in p for r in roots)]
    return [*roots, *inside]


def _holding(name: str) -> list[str]:
    """The folder that holds a top-level package, found without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None:
        return []
    return [str(Path(f).parent) for f in spec.submodule_search_locations or ()] or [
        str(Path(spec.origin or "").parent)
    ]
