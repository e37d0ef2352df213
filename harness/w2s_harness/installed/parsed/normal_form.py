"""How alike two sources are, without all that a copyist changes and the method does not feel."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from w2s_harness.installed.parsed import syntax

OWN = "own"
"""Stands for a name that the source itself gave."""
VALUE = "value"
"""Stands for a constant."""
Runs = Counter[tuple[str, ...]]
"""How often each run of words stands in a normal form."""
_RUN = 4
"""Words in a row that are compared."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def normal_form(source: str) -> str:
    """Source without names of its own, docstrings, comments, annotations, constants, imports and order.

    A line for each function, class without its methods, and other top-level statement, sorted. Imported
    names are written in full (`np.sort` is `numpy.sort`); own names are numbered by their first use within
    a line. Of source that does not parse, all but comments and spacing stays.
    """
    try:
        tree = syntax.tree(source)
        own = _OwnNames.of(tree)
        bare = _Bare(own, dict(_imported(tree))).visit(tree)
        return "\n".join(sorted(ast.dump(_Numbered(own).visit(piece)) for piece in _pieces(bare.body)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return " ".join(re.sub(r"#[^\n]*", "", source).split())


def runs(form: str) -> Runs:
    """The runs of 4 words of a normal form."""
    found: Runs = Counter()
    for line in form.splitlines():
        words = re.findall(r"\w+(?:\.\w+)*", line)
        found.update(tuple(words[i : i + _RUN]) for i in range(max(1, len(words) - _RUN + 1)))
    return found


def alike(a: Runs, b: Runs) -> float:
    """How alike two sources are, in [0, 1]: the share of runs of 4 words that their normal forms share.

    2 |A and B| / (|A| + |B|) over multisets (Dice 1945); 1 for equal normal forms.
    """
    total = a.total() + b.total()
    return 2 * (a & b).total() / total if total else 1.0


@dataclass(frozen=True, slots=True)
class _OwnNames:
    """What the source itself named."""

    names: frozenset[str]
    """Variables, arguments, functions, classes."""
    attributes: frozenset[str]
    """Fields and methods of its classes, and what it sets on objects."""

    @classmethod
    def of(cls, tree: ast.Module) -> _OwnNames:
        names, attributes = set[str](), set[str]()
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                attributes.add(node.attr)
            elif isinstance(node, ast.arg):
                names.add(node.arg)
            elif isinstance(node, ast.ExceptHandler | _Definition) and node.name:
                names.add(node.name)
            if isinstance(node, ast.ClassDef):
                attributes.update(_members(node))
        return cls(frozenset(names), frozenset(attributes))


def _members(node: ast.ClassDef) -> Iterator[str]:
    for part in node.body:
        if isinstance(part, _Definition):
            yield part.name
        elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            yield part.target.id
        elif isinstance(part, ast.Assign):
            yield from (target.id for target in part.targets if isinstance(target, ast.Name))


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(name in this source, full name) of what it imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.split(".")[0]
                yield alias.asname or root, alias.name if alias.asname else root
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module or ''}.{alias.name}"


def _pieces(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Top-level statements, with the methods of a class apart from it."""
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            yield from _pieces([part for part in statement.body if isinstance(part, _Definition)])
            statement.body = [part for part in statement.body if not isinstance(part, _Definition)]
        yield statement


class _Bare(ast.NodeTransformer):
    """Takes docstrings, annotations, imports and constants away; writes imported names in full."""

    def __init__(self, own: _OwnNames, imported: Mapping[str, str]) -> None:
        self._own, self._imported = own, imported

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                setattr(node, field, [statement for statement in block if not _says_nothing(statement)])
        if isinstance(node, _Function):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = _name(VALUE)
        return node

    def visit_Constant(self, node: ast.Constant | ast.JoinedStr) -> ast.AST:
        return _name(VALUE)

    visit_JoinedStr = visit_Constant

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        return _name(VALUE) if _is_value(node.operand) else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        return _name(VALUE) if _is_value(node.left) and _is_value(node.right) else node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return _name(node.id if node.id in self._own.names else self._imported.get(node.id, node.id))

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        value = node.value
        known = isinstance(value, ast.Name) and value.id.split(".")[0] in {
            full.split(".")[0] for full in self._imported.values()
        }
        return _name(f"{value.id}.{node.attr}") if known and isinstance(value, ast.Name) else node


class _Numbered(ast.NodeTransformer):
    """Numbers own names by their first use."""

    def __init__(self, own: _OwnNames) -> None:
        self._own = own
        self._numbers: dict[str, str] = {}

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return _name(self._number(node.id, self._own.names))

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        node.attr = self._number(node.attr, self._own.attributes)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg = self._number(node.arg, self._own.names)
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        node.name = node.name and self._number(node.name, self._own.names)
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id in self._own.names:
            for keyword in node.keywords:
                keyword.arg = keyword.arg and self._number(keyword.arg, self._own.names)
        return self.generic_visit(node)

    def visit_ClassDef(self, node: _Definition) -> ast.AST:
        node.name = self._number(node.name, self._own.names)
        return self.generic_visit(node)

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef

    def _number(self, name: str, own: frozenset[str]) -> str:
        return self._numbers.setdefault(name, f"{OWN}{len(self._numbers)}") if name in own else name


def _says_nothing(statement: ast.AST) -> bool:
    """A docstring or any other bare constant, `pass`, or an import."""
    if isinstance(statement, ast.Expr):
        return _is_value(statement.value)
    return isinstance(statement, ast.Pass | ast.Import | ast.ImportFrom)


def _is_value(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == VALUE


def _name(text: str) -> ast.Name:
    return ast.Name(id=text, ctx=ast.Load())
