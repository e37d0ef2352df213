"""The tools of an agent, as the Messages format describes them, and what is wrong with a call of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from w2s_studies.agents.tools.contract import FAMILIES
from w2s_studies.agents.tools.forum import KINDS

_TEXT = {"type": "string"}
_TITLE = {"type": "string", "minLength": 1, "maxLength": 200}
_LONG = {"type": "string", "maxLength": 20_000}
_PATH = {"type": "string", "description": "Relative to the workspace."}
_PARAMS = {
    "type": "object",
    "description": "Parameters of the method that shall differ from their defaults.",
    "additionalProperties": {"type": ["string", "number", "boolean"]},
    "maxProperties": 50,
}


def _tool(
    name: str, description: str, required: Mapping[str, Any], optional: Mapping[str, Any]
) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
        "additionalProperties": False,
    }
    return {"name": name, "description": description, "input_schema": schema}


SCHEMAS = (
    _tool("list_files", "Every file of the workspace, with its size.", {}, {}),
    _tool(
        "read_file",
        "The text of a file; shared/ holds what others told and handed in. A long one is told in parts.",
        {"path": _PATH},
        {"from_line": {"type": "integer", "minimum": 1, "description": "Where to begin; 1 if left out."}},
    ),
    _tool("write_file", "Make or replace a file.", {"path": _PATH, "text": _TEXT}, {}),
    _tool(
        "edit_file",
        "Replace a text that stands exactly once in a file.",
        {"path": _PATH, "old": _TEXT, "new": _TEXT},
        {},
    ),
    _tool(
        "run_script",
        "Run Python (numpy, scipy) in a jail, with `problem` (rows, weak labels), `student` and `rng` of the "
        "training phase as a method's fit has them. No gold label and no test row is there. It reads your "
        "own files by name under the path `workspace`, not shared/, and writes nothing that stays. Costs no "
        "query.",
        {},
        {"path": _PATH, "text": {"type": "string", "description": "The script itself, instead of a path."}},
    ),
    _tool(
        "evaluate",
        "A full guarded run of a method file on the feedback split. Costs one query of the oracle: it tells "
        "a rounded PGR only where it beats your best by more than its error. Verdicts that hang on gold "
        "labels are told with verdicts=true, at one more query each.",
        {"method_file": _PATH},
        {"params": _PARAMS, "verdicts": {"type": "boolean"}, "family": {"enum": list(FAMILIES)}},
    ),
    _tool(
        "submit",
        "Hand a method in. After all agents have stopped it is measured on data that no query touched and on "
        "tasks that nobody saw; that number counts.",
        {"method_file": _PATH, "title": _TITLE, "summary": _LONG},
        {"params": _PARAMS, "family": {"enum": list(FAMILIES)}},
    ),
    _tool(
        "share_finding",
        "Tell the other agents something; it appears in every workspace under shared/findings.",
        {"kind": {"enum": list(KINDS)}, "title": _TITLE, "text": _LONG},
        {},
    ),
    _tool("leaderboard", "What the oracle has told each agent so far, and what was handed in.", {}, {}),
)
"""Every tool: name, description and the JSON schema of its input."""


def fault(name: str, arguments: Any) -> str:
    """What is wrong with a call, in one sentence; empty where nothing is."""
    import jsonschema

    schema = next((s for s in SCHEMAS if s["name"] == name), None)
    if schema is None:
        return f"there is no tool {str(name)[:80]!r}. There are: {', '.join(s['name'] for s in SCHEMAS)}."
    try:
        json.dumps(arguments, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return f"{name}: a text holds half of a surrogate pair, which is no UTF-8"
    except (TypeError, ValueError, RecursionError):
        return f"{name}: the arguments are no JSON object"
    try:
        jsonschema.validate(arguments, schema["input_schema"])
    except jsonschema.ValidationError as bad:
        where = "/".join(str(part)[:80] for part in bad.absolute_path)
        return f"{name}{f', {where}' if where else ''}: {_sentence(bad)}"
    return ""


def _sentence(bad: Any) -> str:
    """The message of jsonschema, without the whole of a long value before it."""
    message, value = str(bad.message), repr(bad.instance)
    if message.startswith(value) and len(value) > 80:
        message = f"{value[:80]}... {message[len(value) :].lstrip()}"
    return message if len(message) <= 400 else f"{message[:400]}..."
