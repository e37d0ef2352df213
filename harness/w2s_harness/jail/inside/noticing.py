"""What a worker with the access `text` tells the host: that it compiled something that it was sent.

An audit hook inside the process that it watches catches the careless only: one write to memory mutes it, and
a program can be interpreted without being compiled. What it says is evidence; its silence proves nothing.
"""

from __future__ import annotations

import contextlib
import re
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

from w2s_harness.contract.worker.wire.messages import Noticed
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.jail.showing import visible

SHORTEST = 6
"""Characters of a source that may be a piece of a text rather than a coincidence."""
SHORTEST_TEXT = 16
"""Characters of a text whose presence in a longer source is no coincidence."""
LONGEST_SOURCE = 2**16
"""Characters; a longer source is compared with whole texts only where it is no longer than they are."""
MOST = 100
"""Notices of one worker; the host ends a cell that sends many more."""
LIMIT = 80
"""Characters of a notice."""
STARTING = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen")
"""Events of starting a program, which the jail refuses; nothing that numpy or scipy does raises them."""

_NAME = re.compile(r"[\w.]+")
_IMPORTLIB = "<frozen importlib"


class AuditListener:
    """An audit hook that knows the released texts.

    :param send: passes a notice on; called in whatever thread raised the event.
    :param own: the bytes of the method's own file, which are compiled to load it.
    :param scratch: the folder that the method may write to: modules there may be made of texts.
    """

    def __init__(self, send: Callable[[Noticed], None], own: bytes | None, scratch: str) -> None:
        self._send, self._own, self._scratch = send, own, scratch
        self._texts: frozenset[str] = frozenset()
        self._lines: frozenset[str] = frozenset()
        self._starts: dict[str, list[str]] = {}
        self._all = ""
        self._longest = 0
        self._told: set[tuple[str, str]] = set()
        self._busy = threading.local()

    def know(self, rows: Iterable[TextRow]) -> None:
        """These texts were released too."""
        columns = (text for row in rows for text in row.texts().values())
        texts = sorted(self._texts.union(filter(None, columns)))
        lines = (line.strip() for text in texts for line in text.splitlines())
        self._lines = frozenset(line for line in lines if len(line) >= SHORTEST)
        self._texts = frozenset(texts)
        self._starts = {}
        for text in texts:
            if len(text) >= SHORTEST_TEXT:
                self._starts.setdefault(text[:SHORTEST_TEXT], []).append(text)
        self._all = "\0".join(texts)
        self._longest = max(map(len, texts), default=0)

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Called by the interpreter at every audit event; never raises."""
        if (event != "compile" and event not in STARTING) or getattr(self._busy, "is_set", False):
            return
        self._busy.is_set = True
        try:
            # Boundary: what a hook raises would abort what the method does.
            with contextlib.suppress(Exception):
                self._hear(event, arguments)
        finally:
            self._busy.is_set = False

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != "compile":
            return self._tell(event, str(arguments[0]))
        source, filename = arguments[0], arguments[1]
        if not isinstance(source, str | bytes) or source == self._own or self._is_import(filename):
            return None
        text = source if isinstance(source, str) else source.decode("utf-8", "replace")
        return self._tell(event, text) if self.is_released(text) else None

    def _is_import(self, filename: object) -> bool:
        """Whether an import of an installed module's file asks for it."""
        if not isinstance(filename, str) or not filename.startswith("/"):
            return False
        # Above this frame: `_hear`, `hook`, then whoever compiles.
        asks = sys._getframe(3).f_code.co_filename
        return asks.startswith(_IMPORTLIB) and not filename.startswith(self._scratch)

    def is_released(self, source: str) -> bool:
        """Whether `source` is a released text or a piece of one, contains one, or is mostly their lines.

        A single name or number is none of these: annotations are compiled too.
        """
        text = source.strip()
        if len(text) < SHORTEST or _NAME.fullmatch(text):
            return False
        if len(text) <= self._longest and text in self._all:
            return True
        if len(text) > LONGEST_SOURCE:
            return False
        lines = [line for line in map(str.strip, text.splitlines()) if len(line) >= SHORTEST]
        if 2 * sum(line in self._lines for line in lines) >= max(len(lines), 1):
            return True
        # A dictionary look-up for every position: thousands of texts cost no more than one.
        return any(
            text.startswith(whole, at)
            for at in range(len(text) - SHORTEST_TEXT + 1)
            for whole in self._starts.get(text[at : at + SHORTEST_TEXT], ())
        )

    def _tell(self, event: str, detail: str) -> None:
        shown = visible(detail.strip(), limit=LIMIT)
        if (event, shown) not in self._told and len(self._told) < MOST:
            self._told.add((event, shown))
            self._send(Noticed(event, shown))
