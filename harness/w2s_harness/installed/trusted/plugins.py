"""Loading trusted plugins into the host: only what a plan, a flag or `w2s.yaml` names.

pluggy's own entry-point loader is not used: one failing import would end the host, a second distribution
with the same name would be skipped in silence, and misspelt hooks would pass.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pluggy

from w2s_harness.contract import hookspecs
from w2s_harness.contract.errors import DataError, HarnessError, PluginError, UsageError, nearest
from w2s_harness.contract.plan import MethodSource
from w2s_harness.contract.types import Pair, Task, TaskKind
from w2s_harness.data.disk import HEAD, check_head, open_regular, shown
from w2s_harness.installed import sources
from w2s_harness.installed.distributions import metadata, modules, site_folders
from w2s_harness.installed.distributions.metadata import Entry
from w2s_harness.installed.parsed import declared
from w2s_harness.installed.trusted import refusals


class Plugins:
    """The plugins of one run: what is installed, what is loaded, what failed to load."""

    def __init__(self, *, folders: list[Path] | None = None, methods_env: Path | None = None) -> None:
        self.manager = pluggy.PluginManager(hookspecs.PROJECT)
        self.manager.add_hookspecs(hookspecs)
        self.trusted = {e.name: e for e in metadata.entries(metadata.TRUSTED, folders=folders)}
        self.contested: dict[str, str] = {}
        """Why a method's name is nobody's, by name: two distributions offer it."""
        found = metadata.entries(metadata.METHODS, folders=folders, twins=self.contested)
        self.methods = {e.name: e for e in found}
        self.methods_env = methods_env
        """The environment of `--methods-env`."""
        if methods_env is not None:
            self._add_methods(site_folders.environment_folder(methods_env))
        self.blocked: set[str] = set()
        self.loaded: dict[str, dict[str, Any]] = {}
        """What runs in the host beside our own modules, with its hash."""
        self.settings: dict[str, Mapping[str, Any]] = {}
        """What `plugins: {NAME: {...}}` of `w2s.yaml` says, by the plugin's name."""
        self._files: dict[str, Path] = {}

    def _add_methods(self, folder: Path) -> None:
        """Methods of another environment, read by workers alone; it may not pose as w2s-harness."""
        for entry in metadata.entries(metadata.METHODS, folders=[folder], twins=self.contested):
            if entry.is_shipped:
                continue
            other = self.methods.get(entry.name)
            if other is not None:
                why = (
                    f"two distributions offer the method '{entry.name}': {other} and {entry} in {folder}. "
                    "Uninstall one of them."
                )
                if other.is_shipped:
                    raise PluginError(why)
                self.contested[entry.name] = why
            self.methods[entry.name] = entry

    @property
    def hook(self) -> Any:
        """Pluggy's hook callers."""
        return self.manager.hook

    def switch(self, spec: str) -> None:
        """Obey one `-p`: `NAME` or `FILE.py` loads a plugin, `no:NAME` switches one off.

        Raises `UsageError` for an unknown name, `PluginError` for a plugin that does not load.
        """
        if spec.startswith("no:"):
            name, known = spec[3:], {*self.trusted, *self.loaded}
            if name not in known | self.blocked and not self.manager.has_plugin(name):
                hint = f"{nearest(name, known)}. `w2s-harness list` shows what is there."
                raise UsageError(f"-p {spec}: no such plugin{hint}")
            self.blocked.add(name)
            self._unload(name)
        elif spec.endswith(".py"):
            self._load_file(Path(spec))
        elif spec in self.trusted:
            self._load(self.trusted[spec])
        else:
            raise UsageError(
                f"-p {spec}: no such plugin{nearest(spec, self.trusted)}. "
                "`w2s-harness list` shows what is installed."
            )

    def _unload(self, name: str) -> None:
        if self.manager.has_plugin(name):
            self.manager.unregister(name=name)
            self.loaded.pop(name, None)

    def _load_file(self, path: Path) -> None:
        if path.stem in self.trusted or self.manager.has_plugin(path.stem):
            raise PluginError(f"{path}: the name '{path.stem}' is taken by another plugin. Rename the file.")
        refusals.check_file(path)
        self._register(path.stem, _import_file(path), path)
        self._files[path.stem] = path

    def register(self, name: str, module: object) -> None:
        """Register a plugin of our own, such as the terminal."""
        if name not in self.blocked:
            self.manager.register(module, name)

    @property
    def added(self) -> list[str]:
        """What `-p` would have to be given for the loaded plugins that are not ours: names, and files."""
        ours = {name for name, entry in self.trusted.items() if entry.is_shipped}
        return [str(self._files.get(name, name)) for name in sorted(set(self.loaded) - ours)]

    def shipped(self, hook: str) -> list[str]:
        """Names of shipped trusted plugins whose module defines `hook`."""
        return [e.name for e in self.trusted.values() if e.is_shipped and hook in modules.offered(e)]

    def offering(self, hook: str) -> list[str]:
        """Names of installed trusted plugins whose module defines `hook`, read without importing them."""
        return sorted(name for name, entry in self.trusted.items() if hook in modules.offered(entry))

    # -- guards -----------------------------------------------------------------------------------------

    def use_guards(self, spec: str) -> None:
        """Obey `--guards`: `default`, `all`, `none`, or names and files; it has the last word on ours.

        `default` is every guard that w2s-harness ships, `all` every installed one. Raises `UsageError` for an
        unknown name or a plugin that is no guard, `PluginError` for one that does not load.
        """
        words = list(dict.fromkeys(word.strip() for word in spec.split(",") if word.strip()))
        if not words or ("none" in words and len(words) > 1):
            raise UsageError(f"--guards {spec}: give default, all, none, or names (NAME,NAME)")
        groups = {"default": self.shipped_guards, "none": (), "all": _guards_of(self.trusted.values())}
        names = [name for word in words for name in groups.get(word, (word,))]
        for name in self.shipped_guards:
            if name not in names:
                self._unload(name)
        for name in dict.fromkeys(names):
            if name.endswith(".py"):
                self._load_file(Path(name))
            else:
                self._load(self._guard_entry(name))
            plugin = Path(name).stem if name.endswith(".py") else name
            if self.manager.has_plugin(plugin) and plugin not in self.guards:
                has = ", ".join(sorted(hookspecs.GUARD_HOOKS))
                raise UsageError(f"--guards {name}: that plugin is no guard: it has none of the hooks {has}")

    def _guard_entry(self, name: str) -> Entry:
        if name not in self.trusted:
            known = _guards_of(self.trusted.values()) or self.trusted
            raise UsageError(
                f"--guards {name}: no such guard{nearest(name, known)}. `w2s-harness list guards` shows what "
                "is installed; a guard in a file is named by its path (./mine.py)."
            )
        return self.trusted[name]

    @cached_property
    def shipped_guards(self) -> tuple[str, ...]:
        """Names of the guards that w2s-harness ships, from metadata."""
        return _guards_of(e for e in self.trusted.values() if e.is_shipped)

    @property
    def guards(self) -> tuple[str, ...]:
        """Names of the loaded plugins that have a guard's hook, sorted."""
        impls = [i for hook in hookspecs.GUARD_HOOKS for i in getattr(self.hook, hook).get_hookimpls()]
        return tuple(sorted({impl.plugin_name for impl in impls}))

    @property
    def guards_off(self) -> tuple[str, ...]:
        """Names of the shipped guards that are not on, sorted."""
        return tuple(sorted(set(self.shipped_guards) - set(self.guards)))

    # -- settings ---------------------------------------------------------------------------------------

    def configure(self, settings: Mapping[str, Mapping[str, Any]]) -> None:
        """Take what `plugins: {NAME: {...}}` says; a file's block stands under its path.

        Raises `UsageError` for a name that no plugin has, installed or loaded.
        """
        for written, block in settings.items():
            name = Path(written).stem if written.endswith(".py") else written
            known = {*self.trusted, *self.loaded}
            if name not in known and not written.endswith(".py"):
                raise UsageError(
                    f"plugins: settings for '{written}', which no plugin is called{nearest(name, known)}"
                )
            self._check_keys(name, block)
            self.settings[name] = dict(block)

    def _check_keys(self, name: str, block: Mapping[str, Any]) -> None:
        file = modules.module_file(self.trusted[name]) if name in self.trusted else None
        known = declared.guard_settings(file) if file else None
        for key, value in block.items():
            if known is not None and key not in known:
                raise UsageError(
                    f"plugins: '{name}' has no setting '{key}'{nearest(str(key), known)}. "
                    f"It has: {', '.join(known) or 'none'}"
                )
            if known is not None and refusals.is_other(value, known[key]):
                raise UsageError(f"plugins: '{name}': {key} is {value!r}, and {known[key]!r} by default")

    def settings_for(self, name: str, task: Task) -> Mapping[str, Any]:
        """What a guard is told of its settings on a task: `w2s.yaml`'s, and above them the task's own."""
        return {**self.settings.get(name, {}), **task.guards.get(name, {})}

    # -- tasks, pairs and methods -----------------------------------------------------------------------

    def task(self, name: str) -> Task:
        """The task called `name`. Raises `UsageError` (unknown) or `PluginError` (does not load)."""
        task: Task = self._find(name, "w2s_tasks", "task")
        return task

    def pair(self, name: str) -> Pair:
        """The pair called `name`. Raises as `task`."""
        pair: Pair = self._find(name, "w2s_pairs", "pair")
        return pair

    def method(self, name: str) -> MethodSource:
        """The installed method called `name`. Raises as `method_entry` and `sources.from_entry`."""
        return sources.from_entry(self.method_entry(name))

    def method_entry(self, name: str) -> Entry:
        """The entry of a method, from metadata. Raises `UsageError` for an unknown name."""
        entry = self.methods.get(name)
        if entry is None:
            raise UsageError(refusals.method(name, self.methods, self.trusted.values()))
        return entry

    def pair_if_known(self, name: str) -> Pair | None:
        """The pair called `name`, or None where no plugin offers it. Raises `PluginError`."""
        found: Pair | None = self._known("w2s_pairs", name).get(name)
        return found

    def _known(self, hook: str, name: str) -> dict[str, Any]:
        """What loaded plugins offer, after the one that is called `name` was loaded."""
        known = self._offers(hook)
        if name not in known and name in self.trusted and hook in modules.offered(self.trusted[name]):
            self._load(self.trusted[name])
            known = self._offers(hook)
        return known

    def _find(self, name: str, hook: str, noun: str) -> Any:
        known = self._known(hook, name)
        if name not in known and name in self.blocked:
            raise UsageError(f"{noun} '{name}': its plugin is switched off. Take -p no:{name} away.")
        if name not in known:
            impls = [i for i in getattr(self.hook, hook).get_hookimpls() if i.plugin_name == name]
            own = [item.name for impl in impls for item in _listed(impl, hook)]
            raise UsageError(refusals.thing(name, noun, known, own, self.trusted, self.methods))
        return known[name]

    def _offers(self, hook: str) -> dict[str, Any]:
        found: dict[str, tuple[str, Any]] = {}
        for impl in getattr(self.hook, hook).get_hookimpls():
            for item in _listed(impl, hook):
                self._refuse_ours(item.name, impl.plugin_name, hook)
                other, first = found.setdefault(item.name, (impl.plugin_name, item))
                if first is not item:
                    raise PluginError(refusals.twins(item.name, hook[4:-1], other, impl.plugin_name))
        return {name: item for name, (_, item) in found.items()}

    def _refuse_ours(self, name: str, plugin: str, hook: str) -> None:
        """A shipped name cannot be taken, whether or not its own plugin is loaded."""
        entry = self.trusted.get(name)
        if entry is not None and entry.is_shipped and plugin != name and hook in modules.offered(entry):
            raise PluginError(
                f"plugin '{plugin}': the {hook[4:-1]} '{name}' is w2s-harness's own. Give yours another name."
            )

    def _load(self, entry: Entry) -> None:
        if entry.name in self.blocked or self.manager.has_plugin(entry.name):
            return
        with _importing(entry):
            module = importlib.import_module(entry.module)
        self._register(entry.name, module, modules.module_file(entry))
        self.loaded[entry.name] |= {"distribution": entry.distribution, "version": entry.version}

    def _register(self, name: str, module: ModuleType, file: Path | None) -> None:
        refusals.check_module(module)
        try:
            self.manager.register(module, name)
        except (pluggy.PluginValidationError, ValueError) as bad:
            raise PluginError(f"{module.__file__}: {str(bad).splitlines()[-1]}") from bad
        for caller in self.manager.get_hookcallers(module) or ():
            for impl in caller.get_hookimpls():
                if impl.plugin is module:
                    impl.function = _guarded(name, caller.name, impl.function)  # type: ignore[misc]
        digest = hashlib.sha256(file.read_bytes()).hexdigest() if file else ""
        self.loaded[name] = {"sha256": digest, "distribution": None, "version": None}


def _guards_of(entries: Iterable[Entry]) -> tuple[str, ...]:
    """Names of those that are guards, sorted; one of ours that cannot be read counts: loading says why."""
    return tuple(sorted(e.name for e in entries if _is_guard(e)))


def _is_guard(entry: Entry) -> bool:
    hooks = modules.offered(entry)
    return bool(hooks & hookspecs.GUARD_HOOKS) or (entry.is_shipped and not hooks)


def _guarded(plugin: str, hook: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, with whatever it raises turned into one line that names the plugin."""

    def call(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except HarnessError:
            raise
        except Exception as bad:
            raise PluginError(f"plugin '{plugin}': {hook}() raised {type(bad).__name__}: {bad}") from bad

    return call


def _listed(impl: pluggy.HookImpl, hook: str) -> Sequence[Any]:
    """What a registration hook answered. Raises `PluginError` where it is no list of named things."""
    answer = impl.function()
    kind: type = Task if hook == "w2s_tasks" else Pair
    if not isinstance(answer, Sequence) or not all(isinstance(item, kind) for item in answer):
        raise PluginError(
            f"plugin '{impl.plugin_name}': {hook}() must return a list of {kind.__name__} objects, "
            f"not {answer!r}"
        )
    for item in answer:
        name = getattr(item, "name", None)
        if not isinstance(name, str) or not name or not name.isprintable():
            raise PluginError(
                f"plugin '{impl.plugin_name}': {hook}() returned a {type(item).__name__} without a name. "
                'Give its class `name = "..."`.'
            )
        if isinstance(item, Task) and getattr(item, "kind", None) not in get_args(TaskKind):
            raise PluginError(
                f"plugin '{impl.plugin_name}': the task '{name}' has no kind. Give its class `kind`, one of "
                f"{', '.join(get_args(TaskKind))}."
            )
    return answer


@contextmanager
def _importing(what: Entry | Path) -> Iterator[None]:
    """Turns whatever an import raises into one line that names the plugin."""
    try:
        yield
    except (Exception, SystemExit) as bad:  # a plugin that calls sys.exit() must not end the host
        raise PluginError(f"plugin {what} does not import: {type(bad).__name__}: {bad}") from bad


def _import_file(path: Path) -> ModuleType:
    try:
        with open_regular(path, "Name a Python file.") as file:
            check_head(file.read(HEAD), shown(path))
    except DataError as bad:
        raise UsageError(f"-p {bad}") from bad
    name = f"w2s_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    with _importing(path):
        spec.loader.exec_module(module)
    return module
