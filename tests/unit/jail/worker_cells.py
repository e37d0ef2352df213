"""Cells that run a method given as source text, and a service that answers them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np

from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.jail.host.launcher import Worker

HEAD = """
from dataclasses import dataclass
import os, sys, time
import numpy as np
from w2s_harness import Method, hookimpl

@dataclass(frozen=True)
class M(Method):
    '''A method under test.'''
    name = "m"
    def fit(self, problem, student, rng):
"""
TAIL = """
@hookimpl
def w2s_methods():
    return [M]
"""


def method(body: str, *, after: str = "") -> wire.Source:
    """A method file whose `fit` is `body`."""
    body = textwrap.indent(textwrap.dedent(body).strip(), " " * 8)
    code = HEAD.lstrip() + body + "\n" + textwrap.dedent(after) + TAIL
    return wire.Source("w2s_method_mine", "/home/me/mine.py", code.encode())


def start(
    source: wire.Source,
    *,
    name: str = "m",
    parameters: dict | None = None,
    access: Sequence[str] = (),
    weak: Sequence[float] = (0.1, 0.9, 0.6),
    kind: str = "verify",
    train: wire.Released | None = None,
    test: wire.Released | None = None,
    bait: dict[str, bytes] | None = None,
) -> wire.Start:
    return wire.Start(
        source=source,
        method=name,
        parameters=parameters or {},
        kind=kind,
        weak=wire.pack(np.asarray(weak)),
        access=tuple(access),
        seed=7,
        layers=3,
        features=2,
        templates=("plain",),
        train=train or wire.Released(len(weak)),
        test=test,
        share_true=0.5 if kind == "verify" else None,
        bait=bait or {},
    )


class Service:
    """Answers every fit with the next handle and every predict with positions / 10; remembers requests."""

    def __init__(self) -> None:
        self.requests: list[wire.Request] = []
        self.worker: Worker | None = None
        self.notices: list[wire.Noticed] = []

    def __call__(self, request: wire.Request) -> wire.Reply:
        self.requests.append(request)
        if isinstance(request, wire.Predict):
            return wire.Values(wire.pack(wire.unpack(request.rows.index) / 10))
        if isinstance(request, wire.Embed):
            return wire.Values(wire.pack(np.outer(wire.unpack(request.rows.index), [1.0, 10.0]), "f4"))
        return wire.Handled(len(self.requests))
