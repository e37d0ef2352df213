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
    "AgentModel": "contract.studies",
    "Attack": "contract.studies",
    "BrokenReplyError": "contract.studies",
    "Cell": "contract.plan",
    "CellEvidence": "contract.guards.evidence",
    "ContextExceededError": "contract.studies",
    "DataError": "contract.errors",
    "Example": "contract.types",
    "Handle": "contract.worker.student",
    "HarnessError": "contract.errors",
    "Kind": "contract.kinds",
    "Method": "contract.types",
    "MethodEvidence": "contract.guards.evidence",
    "Model": "contract.types",
    "ModelError": "contract.errors",
    "Notes": "contract.worker.student",
    "Pair": "contract.types",
    "Plan": "contract.plan",
    "PlannedMethod": "contract.plan",
    "PluginError": "contract.errors",
    "Problem": "contract.types",
    "Reply": "contract.studies",
    "Rows": "contract.worker.student",
    "Seen": "contract.guards.evidence",
    "SettingView": "contract.guards.evidence",
    "Skip": "contract.errors",
    "Student": "contract.worker.student",
    "StudentError": "contract.worker.student",
    "Task": "contract.types",
    "Usage": "contract.studies",
    "UsageError": "contract.errors",
    "Verdict": "contract.types",
    "World": "contract.types",
    "agreement": "contract.guards.measures",
    "balanced_z": "contract.guards.measures",
    "holm": "contract.guards.measures",
    "hookimpl": "contract.hookspecs",
    "kind_of": "contract.kinds",
    "read_jsonl": "data.reading.strict_json",
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
    "Plan",
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
