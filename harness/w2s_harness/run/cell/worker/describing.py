"""What a method says of itself, asked of a worker once per version of its code."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Self

import msgspec

from w2s_harness.contract.plan import MethodSource
from w2s_harness.contract.worker.wire.messages import MethodInfo, Source
from w2s_harness.jail.host.describe import describe
from w2s_harness.jail.host.jail import Jail
from w2s_harness.jail.host.launcher import Zygote
from w2s_harness.jail.host.readable import worker_path
from w2s_harness.run.kept.store import Store, key_of
from w2s_harness.run.work.code_digest import code_of

_TIMEOUT_S = 30.0


class Describer:
    """Holds the run's zygote, which starts when a worker is first needed."""

    def __init__(self, store: Store, jail: Jail) -> None:
        self.jail = jail
        self._store = store
        self._zygote: Zygote | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *bad: Any) -> None:
        if self._zygote is not None:
            self._zygote.__exit__(*bad)

    def __call__(self, source: MethodSource) -> Sequence[MethodInfo]:
        """The methods that a module offers. Raises `WorkerError` where it does not load."""
        code = [code_of("w2s_harness.jail.inside.zygote"), code_of("w2s_harness")]
        key = key_of("describe", [source.sha256, source.module, source.editable, *code])
        known: Sequence[MethodInfo] | None = None
        with suppress(msgspec.ValidationError):  # it said what it may not
            known = msgspec.convert(self._store.get(key), tuple[MethodInfo, ...])
        if known is None:
            known = describe(self.zygote(), wire_source(source), _TIMEOUT_S, order=self.jail.order(source))
            self._store.put(key, msgspec.to_builtins(known))
        return known

    def zygote(self) -> Zygote:
        """The zygote. It knows no folder of a method's: workers add theirs when they are locked down."""
        with self._lock:
            if self._zygote is None:
                self._zygote = Zygote(worker_path()).__enter__()
            return self._zygote


def wire_source(source: MethodSource) -> Source:
    """A method's source as a worker is told it."""
    return Source(module=source.module, filename=source.filename, code=source.code)
