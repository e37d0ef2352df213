"""One agent's tools: their descriptions, and each call checked, run, written down and answered once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from w2s_harness.contract.errors import HarnessError
from w2s_harness.installed.parsed.syntax import code_lines
from w2s_harness.scoring.metered.oracle import OracleError
from w2s_studies.agents.books.journal import Journal
from w2s_studies.agents.tools.contract import FAMILIES, ToolResult, capped
from w2s_studies.agents.tools.evaluating import Desk, RefusedError, Wish, evaluate, parameters, plain_name
from w2s_studies.agents.tools.workspace import KINDS, SHARED, ForumError, Workspace, WorkspaceError, one_line

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


_READ_CHARACTERS = 60_000
_METHOD_CHARACTERS = 250_000


class AgentTools:
    """The toolbox of the agent `who`; `answers` keeps what was answered, by the call's id."""

    def __init__(self, who: str, desk: Desk, answers: Journal) -> None:
        self.who, self._desk, self._answers = who, desk, answers
        self._workspace: Workspace = desk.forum.workspaces[who]
        kept = answers.read()
        self._known = {
            line["call"]: ToolResult(line["text"], line["is_error"], line["facts"])
            for line in kept
            if "text" in line
        }
        self._read: list[str] = [line["read"] for line in kept if "read" in line]
        self._edits: dict[str, str] = {line["call"]: line["edit"] for line in kept if "edit" in line}
        self._tools = {schema["name"]: getattr(self, f"_{schema['name']}") for schema in SCHEMAS}

    @property
    def schemas(self) -> Sequence[Mapping[str, Any]]:
        """Of every tool."""
        return SCHEMAS

    def call(self, name: str, arguments: Any, call_id: str) -> ToolResult:
        """Run a tool; see `contract.Toolbox`."""
        if call_id in self._known:
            return self._known[call_id]
        try:
            if why := fault(name, arguments):
                raise RefusedError(why)
            result: ToolResult = self._tools[name](call=call_id, **arguments)
        except (RefusedError, WorkspaceError, ForumError, OracleError) as bad:
            result = ToolResult(str(bad), is_error=True)
        line = {
            "call": call_id, "text": result.text, "is_error": result.is_error, "facts": dict(result.facts),
        }  # fmt: skip
        self._answers.append(line)
        self._known[call_id] = result
        return result

    # -- files ------------------------------------------------------------------------------------------

    def _opened(self, path: str, call: str) -> str:
        """A file's text; that a shared one was used is written down first."""
        text = self._workspace.read(path)
        plain = self._workspace.plain(path)
        if plain.startswith(f"{SHARED}/") and plain not in self._read:
            self._answers.append({"call": call, "read": plain})
            self._read.append(plain)
        return text

    def _method(self, path: str, call: str) -> str:
        """A method file's text, short enough for the host to compare it with all others."""
        code = self._opened(path, call)
        if len(code) > _METHOD_CHARACTERS:
            raise RefusedError(
                f"{path}: a method file has at most {_METHOD_CHARACTERS} characters, not {len(code)}"
            )
        return code

    def _list_files(self, call: str) -> ToolResult:
        entries = self._workspace.files()
        text = "\n".join(f"{size:8d}  {path}" for path, size in entries.items()) or "the workspace is empty"
        return ToolResult(text, facts={"files": list(entries)})

    def _read_file(self, path: str, call: str, from_line: int = 1) -> ToolResult:
        lines = self._opened(path, call).splitlines(keepends=True)
        if from_line > max(1, len(lines)):
            raise RefusedError(f"read_file, from_line: {path} has {len(lines)} lines")
        text = "".join(lines[from_line - 1 :])
        if len(text) > _READ_CHARACTERS:
            # whole lines where it can be, and where to go on
            end = text.rfind("\n", 0, _READ_CHARACTERS) + 1 or _READ_CHARACTERS
            following = from_line + len(text[:end].splitlines())
            rest = len(text) - end
            text = f"{text[:end]}\n... {rest} characters more; go on with from_line {following}"
        return ToolResult(text)

    def _write_file(self, path: str, text: str, call: str) -> ToolResult:
        self._workspace.write(path, text)
        return ToolResult(f"wrote {path}")

    def _edit_file(self, path: str, old: str, new: str, call: str) -> ToolResult:
        # A kill between the edit and its answer leaves the text that the edit came to.
        if self._edits.get(call) != _digest(self._workspace.read(path)):
            text = self._workspace.edited(path, old, new)
            self._answers.append({"call": call, "edit": _digest(text)})
            self._workspace.write(path, text)
        return ToolResult(f"edited {path}")

    # -- scripts and evaluations ------------------------------------------------------------------------

    def _run_script(self, call: str, path: str | None = None, text: str | None = None) -> ToolResult:
        if (path is None) == (text is None):
            raise RefusedError("run_script: give either path or text")
        script = self._opened(path, call) if path is not None else text
        found = self._desk.referee.script(script or "", self._workspace.root)
        self._desk.charge(self.who, found.seconds)
        shown = capped(found.output).rstrip("\n") or "(it printed nothing)"
        return ToolResult(f"{shown}\n{found.error}".rstrip(), is_error=bool(found.error))

    def _evaluate(
        self,
        method_file: str,
        call: str,
        params: Mapping[str, Any] | None = None,
        verdicts: bool = False,
        family: str = "",
    ) -> ToolResult:
        wish = Wish(
            who=self.who, call=call, name=plain_name(method_file), code=self._method(method_file, call),
            parameters=parameters(params or {}), verdicts=verdicts, family=family,
        )  # fmt: skip
        return evaluate(self._desk, wish)

    # -- others -----------------------------------------------------------------------------------------

    def _submit(
        self,
        method_file: str,
        title: str,
        summary: str,
        call: str,
        params: Mapping[str, Any] | None = None,
        family: str = "",
    ) -> ToolResult:
        changed = parameters(params or {})
        code = self._method(method_file, call)
        mine = [one["call"] for one in self._desk.forum.submissions() if one["who"] == self.who]
        if call not in mine and len(mine) >= self._desk.max_submissions:
            raise RefusedError(f"an agent hands in {self._desk.max_submissions} methods at most")
        line = {
            "who": self.who, "call": call, "name": plain_name(method_file),
            "label": self._label(method_file, code, changed), "sha256": _digest(code),
            "params": changed, "title": title, "summary": summary, "family": family,
            "lineage": self._desk.lineages.of(code, self.who), "read": list(self._read),
            "lines": code_lines(code), "at_s": self._desk.clock(),
        }  # fmt: skip
        n, path = self._desk.forum.submit(line, code.encode())
        return ToolResult(f"handed in as number {n}; others see it as {path}", facts={"n": n})

    def _label(self, method_file: str, code: str, changed: Mapping[str, Any]) -> str:
        """What the method calls itself, from a copy of the host's."""
        file = self._desk.folder / "agents" / self.who / "checked" / f"{plain_name(method_file)}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code, encoding="utf-8")
        try:
            return self._desk.referee.label(file, changed)
        except HarnessError as bad:
            why = " ".join(str(bad).replace(str(file), method_file).split())
            raise RefusedError(f"it does not load: {why}") from None

    def _share_finding(self, kind: str, title: str, text: str, call: str) -> ToolResult:
        return ToolResult(f"shared as {self._desk.forum.share(self.who, kind, title, text, call)}")

    def _leaderboard(self, call: str) -> ToolResult:
        told: dict[str, list[float]] = {}
        for line in self._desk.evaluations.read():
            if line["told"] is not None:
                told.setdefault(line["who"], []).append(line["told"])
        best = {who: max(numbers) for who, numbers in told.items()}
        handed = [
            {k: one[k] for k in ("n", "who", "label")} | {"title": one_line(one["title"])}
            for one in self._desk.forum.submissions()
        ]
        rows = [
            f"{who}: best PGR told {best[who]:.2f} (in order: {', '.join(f'{x:.2f}' for x in told[who])})"
            for who in sorted(best, key=lambda who: (-best[who], who))
        ]
        rows += [f"handed in {h['n']}: {h['label']} by {h['who']}: {h['title']}" for h in handed]
        return ToolResult("\n".join(rows) or "nothing yet", facts={"told": best, "handed_in": handed})


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
