"""Texts are not run: no access `text` where they hold programs, and a run that is seen disqualifies.

A worker with `text` reports what it compiles, from inside the process that it watches. A report is evidence;
silence proves nothing, since one write to memory mutes the report, and the verdict says so.
"""

from __future__ import annotations

from collections.abc import Sequence

from w2s_harness import Cell, CellEvidence, MethodEvidence, PlannedMethod, Seen, Task, Verdict, hookimpl

NAME = "no-test-access"
SETTINGS: dict[str, float] = {}
"""This guard has no settings."""
_SHOWN = 200
"""Characters of a notice that stand in the verdict."""


@hookimpl
def w2s_grant(task: Task, access: frozenset[str]) -> frozenset[str] | None:
    """No `text` on a task whose texts hold programs."""
    return access - {"text"} if task.holds_code else None


@hookimpl
def w2s_observe(cell: Cell, seen: Seen) -> Verdict | None:
    """Disqualify a worker that compiled what it was sent; flag one that tried to start a program."""
    return _verdict(seen.notices, str(cell), len(seen.notices)) if seen.notices else None


@hookimpl
def w2s_judge_method(method: PlannedMethod, evidence: MethodEvidence) -> Verdict:
    """What was seen in counterfactual cells, which no other hook is shown; else what silence is worth."""
    task = evidence.setting.task
    found = [(w.seen.notices, _world(w)) for w in evidence.worlds if w.seen.notices]
    if found:
        # a compiled text before a program that was started: the worst of all cells is what is said
        notices, where = min(found, key=lambda item: not _compiled(item[0]))
        return _verdict(notices, where, sum(len(said) for said, _ in found))
    real = sum(len(cell.seen.notices) for cell in evidence.cells.values())
    if real:
        because = f"its worker reported {real} events in its real cells, which are judged one by one"
        return Verdict(NAME, "note", because, {"notices": float(real)}, label_free=True)
    if "text" in method.access and not task.holds_code:
        because = "it was granted texts and nothing was seen to run them, which proves nothing"
        return Verdict(NAME, "note", because, {"text_granted": 1.0}, label_free=True)
    return Verdict(
        NAME, "ok", "it was sent no text that could be run", {"text_granted": 0.0}, label_free=True
    )


def _verdict(notices: Sequence[str], where: str, count: int) -> Verdict:
    """What `count` notices, of which `notices` are a cell's, come to."""
    numbers = {"notices": float(count)}
    if compiled := _compiled(notices):
        because = f"a text that it was sent was compiled in {where}: {_shown(compiled[0])}"
        return Verdict(NAME, "disqualify", because, numbers, finding="execution", label_free=True)
    because = f"it tried to start a program in {where}, which the jail refuses: {_shown(notices[0])}"
    return Verdict(NAME, "flag", because, numbers, finding="starts-programs", label_free=True)


def _compiled(notices: Sequence[str]) -> list[str]:
    return [notice for notice in notices if notice.startswith("compile")]


def _world(cell: CellEvidence) -> str:
    return f"the world {cell.world.name} of seed {cell.seed}" if cell.world else f"seed {cell.seed}"


def _shown(notice: str) -> str:
    return notice if len(notice) <= _SHOWN else f"{notice[:_SHOWN]}..."
