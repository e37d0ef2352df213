"""What a module declares: classes with their settings and marks, hooks, texts; read, never run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from w2s_harness.contract import hookspecs
from w2s_harness.installed.parsed import syntax

MARKS = ("access", "track", "reference", "authors", "kind", "version", "exposure", "pair", "holds_code")
"""Class variables that say what a method or task is."""


def classes(file: Path) -> list[dict[str, Any]]:
    """Every class of a module that gives itself a name: `name`, `about`, `parameters` and its marks.

    Parameters are the fields of a dataclass and of its bases in the same module, each with `type`, `default`
    and `about`; a default that is no literal and no constant of the module is shown as source. A module that
    cannot be read has none.
    """
    tree = syntax.of_file(file)
    if tree is None:
        return []
    constants = dict(_assigned(tree.body))
    known = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    found = []
    for node in known.values():
        name = literal(dict(_assigned(node.body)).get("name"), constants)
        if isinstance(name, str):
            found.append(_described(name, node, known, constants))
    return found


def summary(file: Path) -> str:
    """The first line of `documentation`."""
    return documentation(file).partition("\n")[0]


def documentation(file: Path) -> str:
    """The docstring of the class that a plugin module names, else the module's own; '' if unreadable."""
    tree = syntax.of_file(file)
    if tree is None:
        return ""
    documented = [c for c in tree.body if isinstance(c, ast.ClassDef) and ast.get_docstring(c)]
    named = [c for c in documented if "name" in dict(_assigned(c.body))]
    if not named and not offered_hooks(file) & hookspecs.GUARD_HOOKS:
        named = documented
    return (ast.get_docstring(named[0] if named else tree) or "").strip()


def named_pair(file: Path) -> str:
    """The pair that a module's task names as its own (`pair = "..."`); '' for none."""
    tree = syntax.of_file(file)
    classes = [dict(_assigned(c.body)) for c in (tree.body if tree else ()) if isinstance(c, ast.ClassDef)]
    values = [assigned["pair"] for assigned in classes if {"name", "pair"} <= assigned.keys()]
    return next((v.value for v in values if isinstance(v, ast.Constant) and isinstance(v.value, str)), "")


def offered_hooks(file: Path) -> frozenset[str]:
    """The names of the `w2s_` functions that a module defines at its top level."""
    tree = syntax.of_file(file)
    functions = (d.name for d in (tree.body if tree else ()) if isinstance(d, ast.FunctionDef))
    return frozenset(name for name in functions if name.startswith("w2s_"))


def guard_settings(file: Path) -> dict[str, Any] | None:
    """The settings of a guard and their defaults: its module's `SETTINGS = {...}`.

    A value may be a literal or the name of one of the module's own constants; another one is shown as source.
    `None` where the module declares none, so that nobody knows which it takes.
    """
    tree = syntax.of_file(file)
    assigned = dict(_assigned(tree.body)) if tree else {}
    table = assigned.get("SETTINGS")
    if not isinstance(table, ast.Dict):
        return None
    return {
        key.value: literal(value, assigned)
        for key, value in zip(table.keys, table.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }


def literal(value: ast.expr | None, constants: Mapping[str, ast.expr]) -> Any:
    """A literal's value; of a constant of the module its value; of anything else its source."""
    if isinstance(value, ast.Name):
        value = constants.get(value.id, value)
    if value is None:
        return None
    try:
        found = ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return _source(value)
    return list(found) if isinstance(found, tuple | set) else found


def _source(node: ast.AST) -> str:
    """What was written, near enough."""
    try:
        return ast.unparse(node)
    except RecursionError:
        return "(nested too deeply to be shown)"


def _described(
    name: str, node: ast.ClassDef, known: Mapping[str, ast.ClassDef], constants: Mapping[str, ast.expr]
) -> dict[str, Any]:
    line = _line(node, known)
    values: dict[str, ast.expr] = {}
    parameters: dict[str, Any] = {}
    for each in line:
        values |= dict(_assigned(each.body))
        if _is_dataclass(each):
            parameters |= dict(_fields(each, constants))
    marks = {mark: literal(values[mark], constants) for mark in MARKS if mark in values}
    return {
        "name": name,
        "about": (ast.get_docstring(node) or "").strip(),
        "parameters": parameters,
        **{mark: value for mark, value in marks.items() if mark not in parameters},
    }


def _line(node: ast.ClassDef, known: Mapping[str, ast.ClassDef]) -> list[ast.ClassDef]:
    """A class after its bases in the same module, each once."""
    found: list[ast.ClassDef] = []
    todo = [node]
    while todo:
        each = todo.pop()
        if each not in found:
            found.append(each)
            todo += [known[base.id] for base in each.bases if isinstance(base, ast.Name) and base.id in known]
    return found[::-1]


def _fields(node: ast.ClassDef, constants: Mapping[str, ast.expr]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The fields of a dataclass; what stands under one as a text is about it."""
    for part, after in zip(node.body, [*node.body[1:], None], strict=True):
        if not isinstance(part, ast.AnnAssign) or not isinstance(part.target, ast.Name):
            continue
        kind = _kind(part.annotation, constants)
        if "ClassVar" in kind:
            continue
        text = after.value if isinstance(after, ast.Expr) else None
        about = text.value if isinstance(text, ast.Constant) and isinstance(text.value, str) else ""
        has = {"default": literal(part.value, constants)} if part.value is not None else {}
        yield part.target.id, {"type": kind, **has, "about": " ".join(about.split())}


def _kind(annotation: ast.expr, constants: Mapping[str, ast.expr]) -> str:
    """A type as it was written; of a choice of texts, those."""
    if isinstance(annotation, ast.Name):
        annotation = constants.get(annotation.id, annotation)
    if isinstance(annotation, ast.Subscript) and _source(annotation.value).endswith("Literal"):
        inside = annotation.slice
        choices = inside.elts if isinstance(inside, ast.Tuple) else [inside]
        return " | ".join(str(literal(choice, {})) for choice in choices)
    return _source(annotation)


def _assigned(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    """The names that statements assign, alone or several at once, with what they are given."""
    for part in body:
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name) and part.value is not None:
            yield part.target.id, part.value
        if not isinstance(part, ast.Assign):
            continue
        for target in part.targets:
            if isinstance(target, ast.Name):
                yield target.id, part.value
            elif isinstance(target, ast.Tuple) and isinstance(part.value, ast.Tuple):
                pairs = zip(target.elts, part.value.elts, strict=False)
                yield from ((name.id, value) for name, value in pairs if isinstance(name, ast.Name))


def _is_dataclass(node: ast.ClassDef) -> bool:
    plain = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
    return any(_source(d).rpartition(".")[2] == "dataclass" for d in plain)
