"""One evaluation for an agent: a guarded run on feedback, paid by its line of descent, told with no label."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from w2s_harness.contract.plan import Value
from w2s_harness.data.disk import replace_file
from w2s_harness.installed.parsed.normal_form import Runs, alike, normal_form, runs
from w2s_harness.installed.parsed.syntax import code_lines
from w2s_harness.scoring.metered.oracle import Answer, Oracle, OracleError
from w2s_studies.agents.books.journal import Journal
from w2s_studies.agents.tools.contract import Evaluation, Referee, ToolResult, capped
from w2s_studies.agents.tools.workspace import Forum

ALIKE = 0.95
"""Similarity from which a method is a copy. Of the shipped methods no two reach it."""


class Lineages:
    """Names the lineage of methods; thread-safe. With `lines`, what was named is known again on resume.

    A source has the lineage of the first one with the same normal form, else of the one that it is most
    like from `ALIKE` on, else a new one, `WHO/NUMBER`. Predictions that were seen before have the lineage
    they were first seen in; that holds for this query, and the source keeps its own for others.
    """

    def __init__(self, lines: Journal | None = None) -> None:
        self._lines = lines
        self._lock = threading.Lock()
        self._forms: dict[str, tuple[str, Runs]] = {}
        """Lineage and runs by normal form."""
        self._predictions: dict[str, str] = {}
        self._count: Counter[str] = Counter()
        for line in lines.read() if lines is not None else ():
            self._learn(line)

    def of(self, source: str, who: str, predictions: str | None = None) -> str:
        """The lineage of a source (its text) with, once it ran, the SHA-256 of its predictions."""
        form = normal_form(source)
        with self._lock:
            known = self._forms.get(form)
            lineage = known[0] if known is not None else self._nearest(form)
            new: dict[str, Any] = {}
            if lineage is None:
                lineage = f"{who}/{self._count[who] + 1}"
                new["begun_by"] = who
            if known is None:
                new["form"] = form
            answer = lineage
            if predictions is not None:
                answer = self._predictions.get(predictions, lineage)
                if predictions not in self._predictions:
                    new["predictions"] = predictions
            if new:
                line = {"lineage": lineage, **new}
                if self._lines is not None:
                    self._lines.append(line)
                self._learn(line)
            return answer

    def _nearest(self, form: str) -> str | None:
        mine = runs(form)
        close = [(alike(mine, theirs), lineage) for lineage, theirs in self._forms.values()]
        best, lineage = max(close, key=lambda one: one[0], default=(0.0, None))
        return lineage if best >= ALIKE else None

    def _learn(self, line: Mapping[str, Any]) -> None:
        if "begun_by" in line:
            self._count[line["begun_by"]] += 1
        if "form" in line:
            self._forms[line["form"]] = (line["lineage"], runs(line["form"]))
        if "predictions" in line:
            self._predictions[line["predictions"]] = line["lineage"]


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
    spent: Callable[[], float] = lambda: 0.0
    """US dollars that all agents have spent."""
    max_submissions: int = 5
    """Of one agent."""


_NUMBER = re.compile(r"[-+]?\d[\d.,]*(e[-+]?\d+)?(\s*%)?", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_WORD = re.compile(r"[A-Za-z0-9_.+-]{0,100}")
_LARGEST = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What an agent asked to have evaluated."""

    who: str
    call: str
    name: str
    """The file's name without folder and ending; see `plain_name`."""
    code: str
    parameters: Mapping[str, Value]
    verdicts: bool
    """Whether to pay for the verdicts that hang on labels too."""
    family: str = ""
    """The kind of idea, where its author says so."""


def plain_name(method_file: str) -> str:
    """The name of a method file as the host's copy bears it, where `,`, `:` and `*` mean something else."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", Path(method_file).stem).lstrip(".") or "method"


def parameters(given: Mapping[str, Any]) -> dict[str, Value]:
    """Parameters that can be spelled behind a method's name. Raises `RefusedError` for others.

    A value with `,` or `:` in it would end the method there and name another one.
    """
    for key, value in given.items():
        if _NAME.fullmatch(key) is None:
            raise RefusedError(f"params: {key[:80]!r} is no name of a parameter")
        if isinstance(value, str) and _WORD.fullmatch(value) is None:
            raise RefusedError(f"params, {key}: a text has at most 100 letters, digits, '_', '.', '+', '-'")
        if not isinstance(value, str | bool) and not abs(value) <= _LARGEST:
            raise RefusedError(f"params, {key}: a number lies within 2**53 of 0")
    return dict(given)


def evaluate(desk: Desk, wish: Wish) -> ToolResult:
    """Run a method, ask the oracle, write down the exact numbers, and tell what may be told.

    Raises `RefusedError` without a run where no query is left. The same call once more, after a kill, is
    paid once.
    """
    lineage = desk.lineages.of(wish.code, wish.who)
    if desk.oracle.left(wish.who, lineage) == 0 and not desk.oracle.was_asked(wish.who, wish.call):
        raise RefusedError(f"no query is left for this method's lineage ({lineage}), so it was not run")
    n, file = _copied(desk, wish)
    found = desk.referee.evaluate(file, wish.parameters)
    desk.charge(wish.who, found.seconds)
    if found.predictions:
        lineage = desk.lineages.of(wish.code, wish.who, found.predictions)
    answer = _asked(desk, wish, found, lineage)
    shown, left = _verdicts(desk, wish, found, lineage)
    _write_down(desk, wish, n, found, lineage, answer)
    return _told(found, answer, shown, answer.left if left is None else left)


def _copied(desk: Desk, wish: Wish) -> tuple[int, Path]:
    """The evaluation's number and the host's copy of its file; the same for a call done again."""
    root, own = desk.folder / "evaluations", {"who": wish.who, "call": wish.call}
    root.mkdir(parents=True, exist_ok=True)
    for known in root.glob("[0-9]*/call.json"):
        if json.loads(known.read_text(encoding="utf-8")) == own:
            break
    else:
        known = _numbered(root) / "call.json"
        replace_file(known, json.dumps(own).encode())
    file = known.with_name(f"{wish.name}.py")
    file.write_text(wish.code, encoding="utf-8")
    return int(known.parent.name), file


def _numbered(root: Path) -> Path:
    """A new folder with the next number; agents may ask at once."""
    n = 1 + max((int(path.name) for path in root.iterdir() if path.name.isdigit()), default=0)
    while True:
        try:
            (root / f"{n:04d}").mkdir()
        except FileExistsError:
            n += 1
        else:
            return root / f"{n:04d}"


def _asked(desk: Desk, wish: Wish, found: Evaluation, lineage: str) -> Answer:
    asker = {"who": wish.who, "lineage": lineage, "source": found.sha256, "call": wish.call}
    if found.outcomes is None or found.groups is None:
        return desk.oracle.refuse(**asker, because=f"no score: {found.error[:500]}")
    return desk.oracle.ask(
        **asker, predictions=found.predictions, outcomes=found.outcomes, groups=found.groups
    )


def _verdicts(desk: Desk, wish: Wish, found: Evaluation, lineage: str) -> tuple[list[str], int | None]:
    """What is told of verdicts, and the queries left where some were paid for."""
    shown: list[str] = []
    left = None
    for k, verdict in enumerate(found.verdicts):
        head, because = f"{verdict['guard']}: {verdict['level']}", verdict["because"]
        if verdict["label_free"]:
            shown.append(f"{head}, {because}")
        elif wish.verdicts:
            try:
                left = desk.oracle.charge(
                    who=wish.who, lineage=lineage, source=found.sha256, call=wish.call,
                    what=f"the verdict {k + 1} of {verdict['guard']}",
                ).left  # fmt: skip
            except OracleError as bad:
                shown.append(f"{bad}; the verdicts after it are not told either")
                break
            shown.append(f"{head}, {_NUMBER.sub('#', because)}")
    return shown, left


def _write_down(desk: Desk, wish: Wish, n: int, found: Evaluation, lineage: str, answer: Answer) -> None:
    """For the host alone: the exact numbers."""
    if any((one["who"], one["call"]) == (wish.who, wish.call) for one in desk.evaluations.read()):
        return
    line = {
        "n": n, "who": wish.who, "call": wish.call, "label": found.label, "sha256": found.sha256,
        "params": dict(found.parameters), "lineage": lineage, "pgr": found.pgr,
        "accuracy": found.accuracy, "error": found.error, "predictions": found.predictions,
        "told": answer.pgr,
        "verdicts": [dict(v) for v in found.verdicts], "flops": found.flops, "seconds": found.seconds,
        "at_s": desk.clock(), "usd": desk.spent(), "family": wish.family, "lines": code_lines(wish.code),
        "form": hashlib.sha256(normal_form(wish.code).encode()).hexdigest(),
    }  # fmt: skip
    desk.evaluations.append(line)


def _told(found: Evaluation, answer: Answer, verdicts: Sequence[str], left: int) -> ToolResult:
    lines = [answer.sentence, *verdicts]
    if left != answer.left:
        lines.append(f"With the verdicts paid for, {left} {'query is' if left == 1 else 'queries are'} left.")
    if found.teacher is not None:
        lines.append(f"T = {found.teacher:.2f}: share of decisions that change with a flipped teacher")
    if found.output:
        lines.append(f"printed during fit:\n{capped(found.output)}")
    facts = {"pgr": answer.pgr, "improved": answer.improved, "left": left, "error": bool(found.error)}
    return ToolResult("\n".join(lines), is_error=bool(found.error), facts=facts)
