"""What the classes of a module declare: names, settings with types and defaults, marks; read, never run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from w2s_harness.installed import small_files
from w2s_harness.installed.parsed import syntax

MARKS = ("access", "track", "reference", "authors", "kind", "version", "exposure", "pair", "holds_code")
"""Class variables that say what a method or task is."""


def classes(file: Path) -> list[dict[str, Any]]:
    """Every class of a module that gives itself a name: `name`, `about`, `parameters` and its marks.

    Parameters are the fields of a dataclass and of its bases in the same module, each with `type`, `default`
    and `about`; a default that is no literal and no constant of the module is shown as source. A module that
    cannot be read has none.
    """
    try:
        tree = syntax.tree(small_files.read(file))
    except (OSError, SyntaxError, ValueError):
        return []
    constants = dict(_assigned(tree.body))
    known = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    found = []
    for node in known.values():
        name = literal(dict(_assigned(node.body)).get("name"), constants)
        if isinstance(name, str):
            found.append(_described(name, node, known, constants))
    return found


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
