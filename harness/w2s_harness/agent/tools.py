"""One agent's tools: files, scripts, evaluations, submissions, findings."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from w2s_harness.agent.contract import Evaluation, Referee, ToolResult
from w2s_harness.agent.forum import Forum
from w2s_harness.agent.journal import Journal
from w2s_harness.agent.lineage import Lineages
from w2s_harness.agent.lines import code_lines
from w2s_harness.agent.schemas import SCHEMAS
from w2s_harness.agent.scripting import capped
from w2s_harness.agent.workspace import SHARED, Workspace, WorkspaceError
from w2s_harness.errors import HarnessError
from w2s_harness.scoring.oracle import Answer, Oracle, OracleError

_READ_CHARACTERS = 60_000
_NUMBER = re.compile(r"[-+]?\d[\d.,]*(e[-+]?\d+)?\s*%?", re.IGNORECASE)
_REPEATABLE = ("list_files", "read_file", "write_file", "leaderboard")
"""Tools whose second call does no harm: their answers are not kept."""


class RefusedError(Exception):
    """The agent asked for what cannot be; one sentence that it is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What all agents of a run share, and where the host writes down what they did."""

    folder: Path
    referee: Referee
    oracle: Oracle
    lineages: Lineages
    forum: Forum
    evaluations: Journal
    clock: Callable[[], float]
    """Seconds that agents have worked."""
    charge: Callable[[str, float], None]
    """Charges an agent for seconds of the host's machine."""
    max_submissions: int = 5
    """Of one agent."""


class AgentTools:
    """The toolbox of the agent `who`; `answers` keeps what was answered, by the call's id."""

    def __init__(self, who: str, desk: Desk, answers: Journal) -> None:
        self.who, self._desk, self._answers = who, desk, answers
        self._workspace: Workspace = desk.forum.workspaces[who]
        kept = answers.read()
        self._known = {line["call"]: _kept(line) for line in kept if "text" in line}
        self._read: list[str] = [line["read"] for line in kept if "read" in line]
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
            self._check(name, arguments)
            result: ToolResult = self._tools[name](call=call_id, **arguments)
        except (RefusedError, WorkspaceError, OracleError) as bad:
            result = ToolResult(str(bad), is_error=True)
        if name not in _REPEATABLE:
            line = {
                "call": call_id,
                "text": result.text,
                "is_error": result.is_error,
                "facts": dict(result.facts),
            }
            self._answers.append(line)
            self._known[call_id] = result
        return result

    def _check(self, name: str, arguments: Any) -> None:
        import jsonschema

        schema = next((s for s in SCHEMAS if s["name"] == name), None)
        if schema is None:
            raise RefusedError(f"there is no tool {name!r}. There are: {', '.join(self._tools)}.")
        try:
            jsonschema.validate(arguments, schema["input_schema"])
        except jsonschema.ValidationError as bad:
            where = "/".join(map(str, bad.absolute_path))
            raise RefusedError(f"{name}{f', {where}' if where else ''}: {bad.message[:300]}") from None

    # -- files ------------------------------------------------------------------------------------------

    def _list_files(self, call: str) -> ToolResult:
        entries = self._workspace.files()
        text = "\n".join(f"{e.size:8d}  {e.path}" for e in entries) or "the workspace is empty"
        return ToolResult(text, facts={"files": [e.path for e in entries]})

    def _read_file(self, path: str, call: str) -> ToolResult:
        text = self._workspace.read(path)
        if path.startswith(f"{SHARED}/") and path not in self._read:
            self._read.append(path)
            self._answers.append({"call": call, "read": path})
        return ToolResult(capped(text, _READ_CHARACTERS), facts={"text": text})

    def _write_file(self, path: str, text: str, call: str) -> ToolResult:
        self._workspace.write(path, text)
        return ToolResult(f"wrote {path}")

    def _edit_file(self, path: str, old: str, new: str, call: str) -> ToolResult:
        self._workspace.edit(path, old, new)
        return ToolResult(f"edited {path}")

    # -- scripts and evaluations ------------------------------------------------------------------------

    def _run_script(self, call: str, path: str | None = None, text: str | None = None) -> ToolResult:
        if (path is None) == (text is None):
            raise RefusedError("run_script: give either path or text")
        script = self._workspace.read(path) if path is not None else text
        found = self._desk.referee.script(script or "", self._workspace.root)
        self._desk.charge(self.who, found.seconds)
        shown = capped(found.output) or "(it printed nothing)"
        return ToolResult(f"{shown}\n{found.error}".rstrip(), is_error=bool(found.error))

    def _evaluate(
        self, method_file: str, call: str, params: Mapping[str, Any] | None = None, verdicts: bool = False
    ) -> ToolResult:
        code = self._workspace.read(method_file)
        lineage = self._desk.lineages.of(code, self.who)
        oracle = self._desk.oracle
        if oracle.left(self.who, lineage) == 0 and not oracle.was_asked(self.who, call):
            raise RefusedError(f"no query is left for this method's lineage ({lineage}), so it was not run")
        n, file = self._copied(method_file, code, call)
        found = self._desk.referee.evaluate(file, params or {})
        self._desk.charge(self.who, found.seconds)
        if found.predictions:
            lineage = self._desk.lineages.of(code, self.who, found.predictions)
        answer = self._asked(found, lineage, call)
        shown, charged = self._verdicts(found, lineage, call, verdicts)
        answer = charged or answer
        self._write_down(n, found, lineage, call, answer)
        return _told(found, answer, shown)

    def _copied(self, method_file: str, code: str, call: str) -> tuple[int, Path]:
        """The evaluation's number and the host's copy of its file; the same for a call done again."""
        name = Path(method_file).stem.replace(":", "-").replace(",", "-") or "method"
        own = f"{self.who}-{hashlib.sha256(call.encode()).hexdigest()[:12]}"
        folder = self._desk.folder / "evaluations" / own
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        file = folder / f"{name}.py"
        file.write_text(code, encoding="utf-8")
        return len(self._desk.evaluations.read()) + 1, file

    def _asked(self, found: Evaluation, lineage: str, call: str) -> Answer:
        oracle, source = self._desk.oracle, found.sha256
        if found.outcomes is None or found.groups is None:
            because = f"no score: {found.error[:500]}"
            return oracle.refuse(who=self.who, lineage=lineage, source=source, because=because, call=call)
        return oracle.ask(
            who=self.who, lineage=lineage, source=source, predictions=found.predictions,
            outcomes=found.outcomes, groups=found.groups, call=call,
        )  # fmt: skip

    def _verdicts(
        self, found: Evaluation, lineage: str, call: str, wanted: bool
    ) -> tuple[list[str], Answer | None]:
        """What is told of verdicts, and the last answer that they were paid for with."""
        shown, charged = [], None
        for k, verdict in enumerate(found.verdicts):
            told = f"{verdict['guard']}: {verdict['level']}, {verdict['because']}"
            if verdict["label_free"]:
                shown.append(told)
            elif wanted:
                try:
                    charged = self._desk.oracle.charge(
                        who=self.who, lineage=lineage, source=found.sha256, call=call,
                        what=f"the verdict {k + 1} of {verdict['guard']}",
                    )  # fmt: skip
                except OracleError as bad:
                    shown.append(str(bad))
                    break
                shown.append(_NUMBER.sub("#", told))
        return shown, charged

    def _write_down(self, n: int, found: Evaluation, lineage: str, call: str, answer: Answer) -> None:
        """For the host alone: the exact numbers."""
        if any((one["who"], one["call"]) == (self.who, call) for one in self._desk.evaluations.read()):
            return
        line = {
            "n": n, "who": self.who, "call": call, "label": found.label, "sha256": found.sha256,
            "params": dict(found.parameters), "lineage": lineage, "pgr": found.pgr,
            "accuracy": found.accuracy, "error": found.error, "predictions": found.predictions,
            "told": answer.pgr,
            "verdicts": [dict(v) for v in found.verdicts], "flops": found.flops, "seconds": found.seconds,
            "at_s": self._desk.clock(),
        }  # fmt: skip
        self._desk.evaluations.append(line)

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
        code = self._workspace.read(method_file)
        others = [
            one for one in self._desk.forum.submissions() if (one["who"], one["call"]) != (self.who, call)
        ]
        if sum(one["who"] == self.who for one in others) >= self._desk.max_submissions:
            raise RefusedError(f"an agent hands in {self._desk.max_submissions} methods at most")
        label = self._label(method_file, code, params or {}, call)
        taken = next((one for one in others if one["label"] == label), None)
        digest = hashlib.sha256(code.encode()).hexdigest()
        if taken is not None and taken["sha256"] != digest:
            raise RefusedError(f"{taken['who']} handed in another method called {label}. Rename yours.")
        line = {
            "who": self.who, "call": call, "name": Path(method_file).stem, "label": label, "sha256": digest,
            "params": dict(params or {}), "title": title, "summary": summary, "family": family,
            "lineage": self._desk.lineages.of(code, self.who), "read": list(self._read),
            "lines": code_lines(code), "at_s": self._desk.clock(),
        }  # fmt: skip
        n, path = self._desk.forum.submit(line, code.encode())
        return ToolResult(f"handed in as number {n}; others see it as {path}", facts={"n": n})

    def _label(self, method_file: str, code: str, params: Mapping[str, Any], call: str) -> str:
        _, file = self._copied(method_file, code, f"submit {call}")
        try:
            return self._desk.referee.label(file, params)
        except HarnessError as bad:
            raise RefusedError(f"it does not load: {str(bad).replace(str(file), method_file)}") from None

    def _share_finding(self, kind: str, title: str, text: str, call: str) -> ToolResult:
        path = self._desk.forum.share(self.who, kind, title[:200], text[:20_000], call)
        return ToolResult(f"shared as {path}")

    def _leaderboard(self, call: str) -> ToolResult:
        told: dict[str, float] = {}
        for line in self._desk.evaluations.read():
            if line["told"] is not None:
                told[line["who"]] = max(told.get(line["who"], line["told"]), line["told"])
        handed = [
            {k: one[k] for k in ("n", "who", "label", "title")} for one in self._desk.forum.submissions()
        ]
        rows = [f"{who}: best PGR told {pgr:.2f}" for who, pgr in sorted(told.items(), key=lambda x: -x[1])]
        rows += [f"handed in {h['n']}: {h['label']} by {h['who']}: {h['title']}" for h in handed]
        return ToolResult("\n".join(rows) or "nothing yet", facts={"told": told, "handed_in": handed})


def _told(found: Evaluation, answer: Answer, verdicts: Sequence[str]) -> ToolResult:
    lines = [answer.sentence, *verdicts]
    if found.teacher is not None:
        lines.append(f"T = {found.teacher:.2f}: share of decisions that change with a flipped teacher")
    if found.output:
        lines.append(f"printed during fit:\n{capped(found.output)}")
    facts = {"pgr": answer.pgr, "improved": answer.improved, "left": answer.left, "error": bool(found.error)}
    return ToolResult("\n".join(lines), is_error=bool(found.error), facts=facts)


def _kept(line: Mapping[str, Any]) -> ToolResult:
    return ToolResult(line["text"], line["is_error"], json.loads(json.dumps(line["facts"])))
