"""What to do where a method's code imports what no worker has."""

from __future__ import annotations

import importlib.util
import re

from w2s_harness.wire.messages import Raised

MODELS = frozenset({"accelerate", "jax", "peft", "safetensors", "tokenizers", "torch", "transformers"})
"""What runs models: the student service's, and closed to methods."""
_NAMED = re.compile(r"No module named '([A-Za-z_][A-Za-z0-9_]*)(?:\.[\w.]*)?'")


def hint(error: Raised) -> str:
    """How an import that failed for want of a module is mended; empty for any other error."""
    found = _NAMED.match(error.message) if error.kind in ("ModuleNotFoundError", "ImportError") else None
    if found is None:
        return ""
    name = found[1]
    if name in MODELS:
        return f"No worker has {name}: a method trains and reads the model through `student`."
    if _is_installed(name):
        return (
            f"{name} is installed here, but a worker sees only what the method's distribution declares: put "
            "it into its dependencies. A single file has numpy, scipy and the standard library."
        )
    return f"Install {name}, and put it into the dependencies of the method's distribution."


def _is_installed(name: str) -> bool:
    """Whether the host could import a top-level module, found without importing it."""
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
