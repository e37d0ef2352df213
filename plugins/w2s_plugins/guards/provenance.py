"""A changed method is another method: its source after the last cell must be the one that was planned."""

from __future__ import annotations

from w2s_harness import MethodEvidence, PlannedMethod, Verdict, hookimpl

NAME = "provenance"
SETTINGS: dict[str, float] = {}
"""This guard has no settings."""
_DIGITS = 12
"""Hexadecimal digits of a hash that are shown; the row holds all."""


@hookimpl
def w2s_judge_method(method: PlannedMethod, evidence: MethodEvidence) -> Verdict:
    """Disqualify where the source changed during the run; note where nothing but a folder vouches for it."""
    planned = method.source.sha256
    if evidence.source_now != planned:
        now = evidence.source_now[:_DIGITS] or "gone"
        because = f"its source changed during the run: planned {planned[:_DIGITS]}, afterwards {now}"
        return Verdict(NAME, "disqualify", because, finding="changed", whole_method=True, label_free=True)
    source = f"sha256 {planned[:_DIGITS]}"
    if method.source.distribution is None:
        return Verdict(NAME, "ok", f"a file, read once before the run ({source})", label_free=True)
    name = f"{method.source.distribution} {method.source.version}"
    if method.source.editable:
        because = (
            f"an editable install of {name}: its version does not fix its source, its hash does ({source})"
        )
        return Verdict(NAME, "note", because, finding="editable", label_free=True)
    return Verdict(NAME, "ok", f"{name}, unchanged during the run ({source})", label_free=True)
