"""Where the modules of a distribution lie; of an editable install, which folders of a project they are in.

Such a folder is honoured only where pip marks the installation editable (`direct_url.json`) and the project
that it names holds that distribution's own metadata; never one of the system, an environment or a store.
"""

from __future__ import annotations

import ast
import configparser
import json
import os
import re
import sys
import tomllib
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

from w2s_harness.installed import small_files
from w2s_harness.installed.distributions import metadata
from w2s_harness.installed.parsed import declared, syntax

_SYSTEM = (
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/run", "/sbin", "/sys",
    "/usr/bin", "/usr/include", "/usr/lib", "/usr/lib64", "/usr/sbin", "/usr/share",
)  # fmt: skip
"""No project lies in these."""
_NO_PROJECT = ("/", "/home", "/media", "/mnt", "/opt", "/root", "/srv", "/tmp", "/usr", "/usr/local", "/var",
         "/var/lib", "/var/log", "/var/tmp")  # fmt: skip
"""No project is one of these."""
_FOREIGN = frozenset({".w2s", "site-packages", "dist-packages", "__pycache__", "node_modules"})
"""Folders that are never a project's own source."""


@dataclass(frozen=True, slots=True)
class Editable:
    """An editable install that is honoured."""

    root: Path
    """The project's folder."""
    imported_from: tuple[Path, ...]
    """Folders that stand in for an entry of `sys.path`, inside the project."""
    tops: tuple[Path, ...]
    """The top-level modules and packages of those folders that its worker may read."""
    hooks: frozenset[str]
    """The files beside the metadata that a build tool wrote to redirect imports, by name."""


def of(info: Path) -> Editable | None:
    """What an installation's editable source is; None where it is none, or is not honoured."""
    found = _marked(info)
    return None if isinstance(found, str) else found


def refused(info: Path) -> str:
    """Why an installation that pip marks editable is not honoured; empty where it is, or is not marked."""
    found = _marked(info)
    return found if isinstance(found, str) else ""


def _marked(info: Path) -> Editable | str | None:
    url = _url(info)
    if url is None:
        return None
    root = Path(os.path.realpath(url))
    name = metadata.normalised(metadata.name_and_version(info)[0])
    if _is_forbidden(root):
        return f"{root} is no folder of a project"
    if name not in _names(root):
        return f"{root} holds no metadata of the project '{name}' (pyproject.toml, setup.cfg, setup.py)"
    folders, mapped, hooks = _redirections(info, root)
    named = {point.value.partition(":")[0].partition(".")[0].strip() for point in metadata.all_points(info)}
    tops: dict[Path, None] = dict.fromkeys(mapped)
    for folder in folders:
        tops.update(dict.fromkeys(_tops(folder, named if folder == root else None)))
    homes = dict.fromkeys([*folders, *(top.parent for top in mapped)])
    return Editable(root, tuple(homes), tuple(tops), frozenset(hooks))


def _url(info: Path) -> str | None:
    """The path of an install that pip marks editable."""
    try:
        record = json.loads(small_files.text(info / "direct_url.json"))
        url = urllib.parse.urlparse(record["url"])
        marked = record["dir_info"]["editable"] is True and url.scheme == "file"
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return urllib.parse.unquote(url.path) if marked and url.path.startswith("/") else None


def _is_forbidden(root: Path) -> bool:
    home = os.path.realpath(os.path.expanduser("~"))  # noqa: PTH111 (a home that is not there)
    prefixes = {os.path.realpath(p) for p in (sys.prefix, sys.base_prefix, sys.exec_prefix)}
    return (
        not root.is_dir()
        or str(root) in (*_NO_PROJECT, home, *prefixes)
        or any(folder in (str(root), *map(str, root.parents)) for folder in map(os.path.realpath, _SYSTEM))
        or bool(_FOREIGN & set(root.parts))
        or (root / "pyvenv.cfg").exists()
        or (root / "conda-meta").exists()
    )


# -- whose project it is --------------------------------------------------------------------------------


def _names(root: Path) -> set[str]:
    """The names by which a folder's own metadata calls its project, normalised."""
    found: set[str] = set()
    for reader in (_of_pyproject, _of_setup_cfg, _of_setup_py, _of_egg_info):
        try:
            found.update(metadata.normalised(name) for name in reader(root))
        except (OSError, ValueError, LookupError, TypeError, AttributeError, SyntaxError, RecursionError,
                MemoryError, configparser.Error):  # fmt: skip
            continue
    return found


def _of_pyproject(root: Path) -> Iterator[str]:
    document = tomllib.loads(small_files.text(root / "pyproject.toml"))
    for table in (document.get("project"), document.get("tool", {}).get("poetry")):
        if isinstance(table, dict) and isinstance(table.get("name"), str):
            yield table["name"]


def _of_setup_cfg(root: Path) -> Iterator[str]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(small_files.text(root / "setup.cfg"))
    yield parser["metadata"]["name"]


def _of_setup_py(root: Path) -> Iterator[str]:
    """Of `setup(name="...")` with the name written out; nothing of it is run."""
    for node in ast.walk(syntax.of_file(root / "setup.py") or ast.Module([], [])):
        if isinstance(node, ast.Call):
            for word in node.keywords:
                if word.arg == "name" and isinstance(word.value, ast.Constant):
                    yield str(word.value.value)


def _of_egg_info(root: Path) -> Iterator[str]:
    for file in sorted([*root.glob("*.egg-info/PKG-INFO"), *root.glob("src/*.egg-info/PKG-INFO")])[:10]:
        name = HeaderParser().parsestr(small_files.text(file), headersonly=True)["Name"]
        if name:
            yield name


# -- where its modules are ------------------------------------------------------------------------------


def _redirections(info: Path, root: Path) -> tuple[list[Path], list[Path], set[str]]:
    """Folders of its `.pth` files, modules and packages that its finders map, and the files that say so."""
    folders: list[Path] = []
    mapped: list[Path] = []
    hooks: set[str] = set()
    for name in metadata.own_files(info):
        if "/" in name or not name.endswith(".pth"):
            continue
        lines = pth_lines(info.parent / name) or []
        finders = [found[1] for line in lines if (found := FINDER.fullmatch(line))]
        tables = [mapping(info.parent / f"{finder}.py") for finder in finders]
        has_other_code = any(executes(line) and not FINDER.fullmatch(line) for line in lines)
        if finders and all(table is not None for table in tables) and not has_other_code:
            hooks |= {name, *(f"{finder}.py" for finder in finders)}
            mapped += [top for table in tables for top in _mapped(table or {}, root)]
        for line in lines:
            folder = Path(os.path.realpath(info.parent / line))
            if not FINDER.fullmatch(line) and _is_source(folder, root) and folder.is_dir():
                folders.append(folder)
    return list(dict.fromkeys(folders)), list(dict.fromkeys(mapped)), hooks


def _mapped(table: dict[str, str], root: Path) -> Iterator[Path]:
    for name, target in table.items():
        path = Path(os.path.realpath(target))
        if path.name == "__init__.py":
            path = path.parent
        for candidate in (path, path.with_name(f"{path.name}.py")):
            # under another name than its own no entry of sys.path would find it
            is_named = candidate.name in (name, f"{name}.py")
            if is_named and candidate.exists() and _is_source(candidate.parent, root):
                yield candidate
                break


def _is_source(folder: Path, root: Path) -> bool:
    if root not in (folder, *folder.parents):
        return False
    inner = folder.relative_to(root).parts
    places = [root.joinpath(*inner[:n]) for n in range(1, len(inner) + 1)]
    return not _FOREIGN & set(inner) and not any((place / "pyvenv.cfg").exists() for place in places)


def _tops(folder: Path, named: set[str] | None) -> Iterator[Path]:
    """The modules and packages of a folder; of a project's own, which holds more than source, with `named`.

    There a folder counts where it has an `__init__.py`, or an entry point names it.
    """
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in found:
        path = Path(entry.path)
        stem, _, suffix = entry.name.partition(".")
        if not stem.isidentifier() or entry.name in _FOREIGN or entry.is_symlink():
            continue
        if entry.is_dir() and not suffix:
            is_package = named is None or entry.name in named or (path / "__init__.py").is_file()
            if is_package and not (path / "pyvenv.cfg").exists():
                yield path
        elif entry.is_file() and (suffix == "py" or suffix.endswith("so")):
            yield path


# -- where a distribution is imported from ----------------------------------------------------------------


def import_folders(info: Path) -> list[Path]:
    """The folders from which a distribution's modules are imported: also an editable one that is honoured.

    Our own may come from an editable wheel, of which pip does not say so; its `.pth` names folders instead.
    """
    names = {metadata.distribution_name(info), metadata.normalised(metadata.name_and_version(info)[0])}
    if names == {metadata.OURS}:
        return [info.parent, *_pth_folders(info)]
    found = of(info)
    return [info.parent, *(found.imported_from if found is not None else ())]


def _pth_folders(info: Path) -> list[Path]:
    """The folders that the `.pth` files of a distribution add to `sys.path`; asked of what is trusted."""
    files = [info.parent / line for line in metadata.installed_files(info) if line.endswith(".pth")]
    folders = [file.parent / line for file in files for line in pth_lines(file) or []]
    return [folder for folder in folders if folder.is_dir()]


def module_file(entry: metadata.Entry) -> Path | None:
    """Where the entry's module lies on disk, found without importing its packages."""
    parts = entry.module.split(".")
    if not all(part.isidentifier() for part in parts):
        return None
    folders = import_folders(entry.info)
    if entry.group == metadata.TRUSTED:
        # The host imports it, so from wherever the interpreter does.
        folders += _pth_folders(entry.info)
    for folder in folders:
        relative = folder.joinpath(*parts)
        for candidate in (relative.with_suffix(".py"), relative / "__init__.py"):
            if _is_inside(candidate, folder, entry):
                return candidate
    return None


def _is_inside(candidate: Path, folder: Path, entry: metadata.Entry) -> bool:
    """Whether it is there, and no link leads out of the folder; our own packages may be links."""
    try:
        if not candidate.is_file():
            return False
    except OSError:
        return False
    home = os.path.realpath(folder)
    return entry.is_shipped or os.path.realpath(candidate).startswith(home.rstrip("/") + "/")


def offered(entry: metadata.Entry) -> frozenset[str]:
    """The hooks that an installed plugin's module defines, read without importing it."""
    file = module_file(entry)
    return declared.offered_hooks(file) if file is not None else frozenset()


# -- what redirects imports when an interpreter starts: `.pth` files, and the finders of build tools --------

FINDER = re.compile(r"import (\w+)(?:; ?\1\.install\(\))?;?")
"""A line of a `.pth` file that switches a finder on."""
_WORDS = frozenset({
    "Dict", "F", "ImportError", "List", "MAPPING", "ModuleSpec", "NAMESPACES", "None", "Optional",
    "PATH_PLACEHOLDER", "Path", "PathFinder", "RedirectingFinder", "Type", "Union", "_",
    "_EditableFinder", "_EditableNamespaceFinder", "__future__", "_find_spec", "_fullname",
    "_path_hook", "_paths", "all_suffixes", "annotations", "any", "append", "bool", "candidate",
    "candidate_path", "candidates", "chain", "child", "classmethod", "cls", "dict", "editables",
    "exists", "extra_path", "find_module", "find_spec", "finder", "fullname", "get", "hook",
    "importlib", "init", "install", "is_package", "items", "itertools", "list", "machinery",
    "map_module", "meta_path", "module_suffixes", "name", "object", "parent", "path", "path_hooks",
    "pathlib", "paths", "pkg", "pkg_path", "redirector", "replace", "rest", "reversed", "rpartition",
    "spec", "spec_from_file_location", "split", "startswith", "str", "strip",
    "submodule_search_locations", "sys", "target", "tuple", "type", "typing", "util", "with_suffix", "x",
})  # fmt: skip
"""All that the finders of setuptools and `editables` ever name: one that names more is not theirs."""


def pth_lines(path: Path) -> list[str] | None:
    """The lines of a `.pth` file that say something; None where it cannot be read."""
    try:
        text = small_files.read(path).decode("utf-8", "replace")
    except OSError:
        return None
    lines = (line.strip("\ufeff\ufffe\ufffd\0 \t\r\n\f\v") for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def executes(line: str) -> bool:
    """Whether a line of a `.pth` file is code, by the rule of any version of Python."""
    return re.match(r"import[\s;\\]", line) is not None


def mapping(file: Path) -> dict[str, str] | None:
    """What a generated finder maps: top-level name to path; None where another hand wrote it."""
    tree = syntax.of_file(file)
    if tree is None or not _is_generated(tree):
        return None
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign | ast.Assign):
            targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
            if any(isinstance(t, ast.Name) and t.id == "MAPPING" for t in targets) and node.value is not None:
                found.update(_strings(_literal(node.value)))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            words = [a.value for a in node.args if isinstance(a, ast.Constant)]
            if node.func.attr == "map_module" and len(words) == 2:
                found.update(_strings({words[0]: words[1]}))
    return found


def _literal(node: ast.expr) -> object:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, RecursionError, MemoryError):
        return None


def _strings(table: object) -> dict[str, str]:
    items = table.items() if isinstance(table, dict) else ()
    return {k: v for k, v in items if isinstance(k, str) and isinstance(v, str)}


def _is_generated(tree: ast.Module) -> bool:
    """Whether a finder names nothing but what the build tools' own do, and so cannot do more than they."""
    for node in ast.walk(tree):
        named = {getattr(node, part, None) for part in ("id", "attr", "arg", "name", "asname")}
        named |= set((getattr(node, "module", None) or "").split("."))
        words = {word for word in named if isinstance(word, str) and word}
        if not {part for word in words for part in word.split(".")} <= _WORDS:
            return False
    return True
