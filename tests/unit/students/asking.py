"""What tests ask a session with, and what they make of its replies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from w2s_harness.contract.worker.wire import messages as wire


def ints(values: Iterable[int]) -> wire.Array:
    return wire.pack(np.array(list(values)), "i8")


def handle(reply: wire.Reply) -> int:
    assert isinstance(reply, wire.Handled), reply
    return reply.handle


def values(reply: wire.Reply) -> np.ndarray[Any, Any]:
    assert isinstance(reply, wire.Values), reply
    return wire.unpack(reply.values)


def refused(reply: wire.Reply, why: str, *, fatal: bool = False) -> None:
    assert isinstance(reply, wire.Refused) and why in reply.reason and reply.fatal is fatal, reply
