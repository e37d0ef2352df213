"""Imports inside the jail: a module that may not be read is not there.

A library asks for optional packages and expects `ImportError`. Landlock lets `stat` see a file that it does
not let be read, so without this the answer would be `PermissionError`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType


class ReadableFinder:
    """`PathFinder`, without what cannot be opened."""

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's spec, or None where it is missing or closed."""
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None or not spec.has_location:
            return spec
        try:
            os.close(os.open(spec.origin, os.O_RDONLY | os.O_CLOEXEC))
        except PermissionError:
            return None
        return spec

    @classmethod
    def invalidate_caches(cls) -> None:
        """Forget what folders held."""
        PathFinder.invalidate_caches()

    @staticmethod
    def find_distributions(*arguments: object, **options: object) -> object:
        """Installed distributions, as `importlib.metadata` asks for them."""
        return PathFinder.find_distributions(*arguments, **options)  # type: ignore[arg-type]


def look_past_closed_modules() -> None:
    """From now on, imports in this process pass over modules that cannot be read."""
    sys.meta_path[:] = [ReadableFinder if finder is PathFinder else finder for finder in sys.meta_path]
