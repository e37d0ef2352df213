"""Imports inside the jail: what may not be read is not there, and no byte code of a method's is run.

A library asks for optional packages and expects `ImportError`. Landlock lets `stat` see a file that it does
not let be read, so without this the answer would be `PermissionError`.

What is hashed, shown to guards and reviewed is source. So what lies outside the libraries of every worker is
compiled from its source, whatever lies in `__pycache__`, and byte code without source, or in an archive, is
refused.
"""

from __future__ import annotations

import os
import sys
import zipimport
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader, SourcelessFileLoader
from types import CodeType, ModuleType


class FreshLoader(SourceFileLoader):
    """Compiles a module from its source, every time."""

    def get_code(self, fullname: str) -> CodeType:
        """The module's code."""
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


class ReadableFinder:
    """`PathFinder`, without what cannot be opened and without byte code of others."""

    def __init__(self, trusted: Iterable[str]) -> None:
        self._trusted = tuple(trusted)
        self._known: dict[str, bool] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's spec, or None where it is missing or closed. Raises `ImportError` for byte code."""
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None or not spec.has_location:
            return spec
        try:
            os.close(os.open(spec.origin, os.O_RDONLY | os.O_CLOEXEC))
        except PermissionError:
            return None
        if not self._is_trusted(spec.origin):
            if isinstance(spec.loader, SourcelessFileLoader):
                raise ImportError(
                    f"{spec.origin} is byte code without source, which is not run. Ship the source.",
                    name=fullname,
                )
            if isinstance(spec.loader, SourceFileLoader):
                spec.loader, spec.cached = FreshLoader(fullname, spec.origin), None
        return spec

    def _is_trusted(self, origin: str) -> bool:
        real = os.path.realpath(origin)
        folder = os.path.dirname(real)  # noqa: PTH120 (a Path each is slow)
        if folder not in self._known:
            self._known[folder] = any(folder == top or folder.startswith(top + "/") for top in self._trusted)
        return self._known[folder] or real in self._trusted

    def invalidate_caches(self) -> None:
        """Forget what folders held."""
        PathFinder.invalidate_caches()

    @staticmethod
    def find_distributions(*arguments: object, **options: object) -> object:
        """Installed distributions, as `importlib.metadata` asks for them."""
        return PathFinder.find_distributions(*arguments, **options)  # type: ignore[arg-type]


def guard_imports(trusted: Iterable[str]) -> None:
    """From now on, imports in this process pass over what cannot be read, and run source alone.

    :param trusted: files and folders of ours and of the libraries that every worker may use.
    """
    finder = ReadableFinder(trusted)
    sys.meta_path[:] = [finder if known is PathFinder else known for known in sys.meta_path]
    sys.path_hooks[:] = [hook for hook in sys.path_hooks if hook is not zipimport.zipimporter]
    sys.path_importer_cache.clear()
