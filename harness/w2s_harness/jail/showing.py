"""What text that a method wrote looks like when people see it."""

from __future__ import annotations

import importlib.util
import re

from w2s_harness.contract.errors import HarnessError
from w2s_harness.contract.worker.wire.messages import Raised

LIMIT = 2_000
"""Characters of an error that are shown."""
MODELS = frozenset({"accelerate", "jax", "peft", "safetensors", "tokenizers", "torch", "transformers"})
"""What runs models: the student service's, and closed to methods."""
_NAMED = re.compile(r"No module named '([A-Za-z_][A-Za-z0-9_]*)(?:\.[\w.]*)?'")


def visible(text: str, *, limit: int = LIMIT, keep: str = "") -> str:
    r"""`text` with every character that does not print written as an escape, cut to `limit` characters.

    A terminal obeys control characters and bidirectional marks, and a log line ends at a line break, so
    none of these may pass: ESC becomes `\x1b`. Characters in `keep`, such as a line break, stay.
    """
    text = text[: limit + 1]
    shown = "".join(c if c.isprintable() or c in keep else _escape(c) for c in text)
    return shown if len(shown) <= limit else shown[: max(limit - 3, 0)] + "..."


def raised(error: Raised) -> str:
    """What a method raised as one message: `ValueError: bad (confident.py:14 in fit: x = 1 / 0)`.

    At most `LIMIT` characters, the method's own frames innermost last; a breach of the contract has no kind.
    """
    head = f"{error.kind}: {error.message}" if error.kind else error.message
    frames = "; ".join(error.frames)
    room = LIMIT - min(len(frames) + 3, LIMIT // 2)
    shown = visible(head, limit=room)
    if frames:
        shown = f"{shown} ({visible(frames, limit=LIMIT - len(shown) - 3)})"
    mend = _hint(error)
    return f"{shown}. {mend}" if mend and len(shown) + len(mend) + 2 <= LIMIT else shown


def said(bad: BaseException) -> str:
    """What an exception says, on one line: of others its type before that. Never raises."""
    try:
        words = str(bad)
    except Exception:  # noqa: BLE001 (boundary: an exception class of others)
        words = "(its message cannot be shown)"
    if isinstance(bad, HarnessError):
        return visible(words)
    return visible(f"{type(bad).__name__}: {words}" if words else type(bad).__name__)


def _hint(error: Raised) -> str:
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


def _escape(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
