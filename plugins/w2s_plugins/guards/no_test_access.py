"""Texts are not run: no access `text` where they hold programs, and a run that is seen disqualifies.

A worker with `text` reports what it compiles, from inside the process that it watches. A report is evidence;
silence proves nothing, since one write to memory mutes the report, and the verdict says so.
"""

from __future__ import annotations

from w2s_harness import Cell, MethodEvidence, PlannedMethod, Seen, Task, Verdict, hookimpl

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
    """Disqualify a worker that compiled what it was sent; note one that tried to start a program."""
    compiled = [n for n in seen.notices if n.startswith("compile")]
    if compiled:
        return Verdict(
            NAME,
            "disqualify",
            f"a text that it was sent was compiled in {cell}: {_shown(compiled[0])}",
            {"notices": len(compiled)},
            finding="execution",
        )
    if seen.notices:
        because = f"it tried to start a program in {cell}, which the jail refuses: {_shown(seen.notices[0])}"
        return Verdict(NAME, "flag", because, {"notices": len(seen.notices)}, finding="starts-programs")
    return None


@hookimpl
def w2s_judge_method(method: PlannedMethod, evidence: MethodEvidence) -> Verdict:
    """What is known where nothing was seen."""
    task = evidence.setting.task
    if "text" in method.access and not task.holds_code:
        return Verdict(
            NAME,
            "note",
            "it was granted texts and nothing was seen to run them, which proves nothing",
            {"text_granted": 1.0},
        )
    return Verdict(NAME, "ok", "it was sent no text that could be run", {"text_granted": 0.0})


def _shown(notice: str) -> str:
    return notice if len(notice) <= _SHOWN else f"{notice[:_SHOWN]}..."
