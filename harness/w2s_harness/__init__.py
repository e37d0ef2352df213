"""Weak-to-strong supervision experiments whose numbers can be trusted.

Everything a plugin author needs is importable from here; names load when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from w2s_harness.attack import Attack
    from w2s_harness.balance import agreement, balanced_z
    from w2s_harness.data.jsonl import read_jsonl
    from w2s_harness.dialogue import AgentModel, BrokenReplyError, ContextExceededError, Reply, Usage
    from w2s_harness.errors import DataError, HarnessError, ModelError, PluginError, Skip, UsageError
    from w2s_harness.evidence import CellEvidence, MethodEvidence, Seen, SettingView
    from w2s_harness.hookspecs import hookimpl
    from w2s_harness.kinds import Kind, kind_of
    from w2s_harness.multiplicity import holm
    from w2s_harness.plan import Cell, PlannedMethod
    from w2s_harness.student import Handle, Notes, Rows, Student, StudentError
    from w2s_harness.types import Example, Method, Model, Pair, Problem, Task, Verdict, World

__version__ = "0.1.0"

_HOME = {
    "AgentModel": "dialogue",
    "Attack": "attack",
    "BrokenReplyError": "dialogue",
    "Cell": "plan",
    "CellEvidence": "evidence",
    "ContextExceededError": "dialogue",
    "DataError": "errors",
    "Example": "types",
    "Handle": "student",
    "HarnessError": "errors",
    "Kind": "kinds",
    "Method": "types",
    "MethodEvidence": "evidence",
    "Model": "types",
    "ModelError": "errors",
    "Notes": "student",
    "Pair": "types",
    "PlannedMethod": "plan",
    "PluginError": "errors",
    "Problem": "types",
    "Reply": "dialogue",
    "Rows": "student",
    "Seen": "evidence",
    "SettingView": "evidence",
    "Skip": "errors",
    "Student": "student",
    "StudentError": "student",
    "Task": "types",
    "Usage": "dialogue",
    "UsageError": "errors",
    "Verdict": "types",
    "World": "types",
    "agreement": "balance",
    "balanced_z": "balance",
    "holm": "multiplicity",
    "hookimpl": "hookspecs",
    "kind_of": "kinds",
    "read_jsonl": "data.jsonl",
}

__all__ = [
    "AgentModel",
    "Attack",
    "BrokenReplyError",
    "Cell",
    "CellEvidence",
    "ContextExceededError",
    "DataError",
    "Example",
    "Handle",
    "HarnessError",
    "Kind",
    "Method",
    "MethodEvidence",
    "Model",
    "ModelError",
    "Notes",
    "Pair",
    "PlannedMethod",
    "PluginError",
    "Problem",
    "Reply",
    "Rows",
    "Seen",
    "SettingView",
    "Skip",
    "Student",
    "StudentError",
    "Task",
    "Usage",
    "UsageError",
    "Verdict",
    "World",
    "agreement",
    "balanced_z",
    "holm",
    "hookimpl",
    "kind_of",
    "read_jsonl",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its module (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'w2s_harness' has no attribute '{name}'")
    return getattr(importlib.import_module(f"w2s_harness.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
