"""Loading trusted plugins into the host: only what a plan, a flag or `w2s.yaml` names.

pluggy's own entry-point loader is not used: one failing import would end the host, a second distribution
with the same name would be skipped in silence, and misspelt hooks would pass.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pluggy

from w2s_harness import hookspecs
from w2s_harness.discovery import metadata, sources
from w2s_harness.discovery.metadata import Entry
from w2s_harness.discovery.sources import MethodSource
from w2s_harness.errors import PluginError, UsageError, nearest
from w2s_harness.types import Pair, Task

Named = TypeVar("Named", Task, Pair)


class Plugins:
    """The plugins of one run: what is installed, what is loaded, what failed to load."""

    def __init__(self, *, folders: list[Path] | None = None) -> None:
        self.manager = pluggy.PluginManager(hookspecs.PROJECT)
        self.manager.add_hookspecs(hookspecs)
        self.trusted = {e.name: e for e in metadata.entries(metadata.TRUSTED, folders=folders)}
        self.methods = {e.name: e for e in metadata.entries(metadata.METHODS, folders=folders)}
        self.blocked: set[str] = set()
        self.loaded: dict[str, dict[str, Any]] = {}
        """Plugins of other distributions that run in the host, with their hashes."""

    @property
    def hook(self) -> Any:
        """Pluggy's hook callers."""
        return self.manager.hook

    def switch(self, spec: str) -> None:
        """Obey one `-p`: `NAME` or `FILE.py` loads a plugin, `no:NAME` switches one off.

        Raises `UsageError` for an unknown name, `PluginError` for a plugin that does not load.
        """
        if spec.startswith("no:"):
            self.blocked.add(spec[3:])
            if self.manager.has_plugin(spec[3:]):
                self.manager.unregister(name=spec[3:])
        elif spec.endswith(".py"):
            self._register(Path(spec).stem, _import_file(Path(spec)), Path(spec), "file")
        elif spec in self.trusted:
            self._load(self.trusted[spec])
        else:
            raise UsageError(
                f"-p {spec}: no such plugin{nearest(spec, self.trusted)}. "
                "`w2s-harness list` shows what is installed."
            )

    def register(self, name: str, module: object) -> None:
        """Register a plugin of our own, such as the terminal."""
        if name not in self.blocked:
            self.manager.register(module, name)

    def shipped(self, hook: str) -> list[str]:
        """Names of shipped trusted plugins whose module defines `hook`."""
        return [e.name for e in self.trusted.values() if e.is_shipped and hook in offered(e)]

    def task(self, name: str) -> Task:
        """The task called `name`. Raises `UsageError` (unknown) or `PluginError` (does not load)."""
        task: Task = self._find(name, "w2s_tasks", "task")
        return task

    def pair(self, name: str) -> Pair:
        """The pair called `name`. Raises as `task`."""
        pair: Pair = self._find(name, "w2s_pairs", "pair")
        return pair

    def method(self, name: str) -> MethodSource:
        """The installed method called `name`, from metadata. Raises `UsageError` for an unknown name."""
        entry = self.methods.get(name)
        if entry is None:
            raise UsageError(
                f"unknown method '{name}'{nearest(name, self.methods)}. `w2s-harness list methods` shows "
                "all; a method file is named by its path (./mine.py)."
            )
        return sources.from_entry(entry)

    def _find(self, name: str, hook: str, noun: str) -> Any:
        known = self._offers(hook)
        if name not in known and name in self.trusted and hook in offered(self.trusted[name]):
            self._load(self.trusted[name])
            known = self._offers(hook)
        if name not in known:
            names = {*known, *(n for n, e in self.trusted.items() if hook in offered(e))}
            raise UsageError(
                f"unknown {noun} '{name}'{nearest(name, names)}. `w2s-harness list {noun}s` shows all."
            )
        return known[name]

    def _offers(self, hook: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for impl in getattr(self.hook, hook).get_hookimpls():
            items = _call(impl.plugin_name, hook, impl.function)
            for item in items:
                other = found.setdefault(item.name, item)
                if other is not item and type(other) is not type(item):
                    raise PluginError(
                        f"two plugins offer the {hook[4:-1]} '{item.name}'. Switch one off (-p no:NAME)."
                    )
        return found

    def _load(self, entry: Entry) -> None:
        if entry.name in self.blocked or self.manager.has_plugin(entry.name):
            return
        with _importing(entry):
            module = importlib.import_module(entry.module)
        self._register(entry.name, module, metadata.module_file(entry), str(entry))
        if not entry.is_shipped:
            self.loaded[entry.name] |= {"distribution": entry.distribution, "version": entry.version}

    def _register(self, name: str, module: ModuleType, file: Path | None, origin: str) -> None:
        for attribute in vars(module):
            marked = getattr(getattr(module, attribute), f"{hookspecs.PROJECT}_impl", None)
            if marked is not None and attribute not in hookspecs.NAMES:
                raise PluginError(
                    f"{module.__file__}: there is no hook '{attribute}'{nearest(attribute, hookspecs.NAMES)}."
                    " hookspecs.py lists all."
                )
        try:
            self.manager.register(module, name)
        except (pluggy.PluginValidationError, ValueError) as bad:
            raise PluginError(f"{module.__file__}: {str(bad).splitlines()[-1]}") from bad
        digest = hashlib.sha256(file.read_bytes()).hexdigest() if file else ""
        self.loaded[name] = {"origin": origin, "sha256": digest, "distribution": None, "version": None}


def offered(entry: Entry) -> frozenset[str]:
    """The hooks that an installed plugin's module defines, read without importing it."""
    file = metadata.module_file(entry)
    return sources.offered_hooks(file) if file else frozenset()


def _call(plugin: str, hook: str, function: Callable[[], Iterable[Any]]) -> Sequence[Any]:
    try:
        return list(function())
    except Exception as bad:
        raise PluginError(f"plugin '{plugin}': {hook}() raised {type(bad).__name__}: {bad}") from bad


class _importing:
    """Turns whatever an import raises into one line that names the plugin."""

    def __init__(self, what: Entry | Path) -> None:
        self.what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, bad: BaseException | None, tb: object) -> None:
        if isinstance(bad, Exception):
            raise PluginError(f"plugin {self.what} does not import: {type(bad).__name__}: {bad}") from bad


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UsageError(f"-p {path}: no such file")
    name = f"w2s_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    with _importing(path):
        spec.loader.exec_module(module)
    return module
