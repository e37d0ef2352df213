"""Weak-to-strong supervision experiments whose numbers can be trusted.

Everything a plugin author needs is importable from here; names load when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from w2s_harness.contract.errors import DataError, HarnessError, ModelError, PluginError, Skip, UsageError
    from w2s_harness.contract.guards.evidence import CellEvidence, MethodEvidence, Seen, SettingView
    from w2s_harness.contract.guards.measures import agreement, balanced_z, holm
    from w2s_harness.contract.hookspecs import hookimpl
    from w2s_harness.contract.kinds import Kind, kind_of
    from w2s_harness.contract.plan import Cell, Plan, PlannedMethod
    from w2s_harness.contract.studies import (
        AgentModel,
        Attack,
        BrokenReplyError,
        ContextExceededError,
        Reply,
        Usage,
    )
    from w2s_harness.contract.types import Example, Method, Model, Pair, Problem, Task, Verdict, World
    from w2s_harness.contract.worker.student import Handle, Notes, Rows, Student, StudentError
    from w2s_harness.data.reading.strict_json import read_jsonl

__version__ = "0.1.0"

_HOME = {
    name: home
    for home, names in {
        "contract.errors": "DataError HarnessError ModelError PluginError Skip UsageError",
        "contract.guards.evidence": "CellEvidence MethodEvidence Seen SettingView",
        "contract.guards.measures": "agreement balanced_z holm",
        "contract.hookspecs": "hookimpl",
        "contract.kinds": "Kind kind_of",
        "contract.plan": "Cell Plan PlannedMethod",
        "contract.studies": "AgentModel Attack BrokenReplyError ContextExceededError Reply Usage",
        "contract.types": "Example Method Model Pair Problem Task Verdict World",
        "contract.worker.student": "Handle Notes Rows Student StudentError",
        "data.reading.strict_json": "read_jsonl",
    }.items()
    for name in names.split()
}
"""By name, the module that it is from."""

__all__ = [
    "AgentModel", "Attack", "BrokenReplyError", "Cell", "CellEvidence", "ContextExceededError", "DataError",
    "Example", "Handle", "HarnessError", "Kind", "Method", "MethodEvidence", "Model", "ModelError", "Notes",
    "Pair", "Plan", "PlannedMethod", "PluginError", "Problem", "Reply", "Rows", "Seen", "SettingView",
    "Skip", "Student", "StudentError", "Task", "Usage", "UsageError", "Verdict", "World", "agreement",
    "balanced_z", "holm", "hookimpl", "kind_of", "read_jsonl",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Load a public name from its module (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'w2s_harness' has no attribute '{name}'")
    return getattr(importlib.import_module(f"w2s_harness.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
