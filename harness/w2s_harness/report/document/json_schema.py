"""The JSON Schema of the leaderboard, made from its types."""

from __future__ import annotations

import ast
import inspect
import json
from typing import Any

import msgspec

from w2s_harness.report.document import document, provenance, records


def schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of `Leaderboard`; each field is described by its docstring."""
    made = msgspec.json.schema(document.Leaderboard)
    described = descriptions()
    for name, part in made["$defs"].items():
        for field, rule in part.get("properties", {}).items():
            # beside "$ref" is legal since 2019-09
            rule["description"] = described[name][field]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{document.SCHEMA.replace('/', ':')}",
        "title": document.SCHEMA,
        **made,
    }


def schema_text() -> str:
    """The schema as it is printed."""
    return json.dumps(schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def descriptions() -> dict[str, dict[str, str]]:
    """The docstring of every field of every type of the document, by type and field."""
    found: dict[str, dict[str, str]] = {}
    for module in (records, provenance, document):
        for node in ast.parse(inspect.getsource(module)).body:
            if isinstance(node, ast.ClassDef):
                found[node.name] = dict(_fields(node))
    return found


def _fields(node: ast.ClassDef) -> list[tuple[str, str]]:
    fields = []
    for field, text in zip(node.body, node.body[1:], strict=False):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            fields.append((field.target.id, inspect.cleandoc(str(text.value.value))))
    return fields
