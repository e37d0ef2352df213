"""What redirects imports when an interpreter starts: `.pth` files, and the finders that build tools write."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from w2s_harness.installed import small_files
from w2s_harness.installed.parsed import syntax

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
