"""Hostile methods: source text that runs in a real worker, and what came of it."""

from __future__ import annotations

import textwrap
import threading
from dataclasses import dataclass

from w2s_harness.errors import WorkerError
from w2s_harness.experiment.conversation import converse
from w2s_harness.isolation.launcher import Worker, Zygote
from w2s_harness.isolation.policy import Order
from w2s_harness.wire import messages as wire

HEAD = """
import ctypes, errno, fcntl, mmap, os, resource, signal, socket, stat, struct, sys, threading, time
from dataclasses import dataclass
from pathlib import Path
from w2s_harness import Method, hookimpl

LIBC = ctypes.CDLL(None, use_errno=True)
X86 = os.uname().machine == "x86_64"

def checked(result):
    if result in (-1, 2**64 - 1):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result

def call(name, *arguments):
    # A function of libc; raises OSError with its errno.
    return checked(getattr(LIBC, name)(*[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]))

def system(x86, arm, *arguments):
    # A system call by its number on each machine.
    LIBC.syscall.restype = ctypes.c_long
    number = x86 if X86 else arm
    typed = [ctypes.c_long(a) if isinstance(a, int) else a for a in (number, *arguments)]
    return checked(LIBC.syscall(*typed))

def attack():
"""
TAIL = """
@dataclass(frozen=True)
class Hostile(Method):
    '''A method of the red team.'''
    name = "hostile"

    def fit(self, problem, student, rng):
        try:
            attack()
        except (OSError, ImportError, MemoryError, RuntimeError) as bad:
            number = getattr(bad, "errno", None)
            print("PREVENTED", errno.errorcode.get(number, type(bad).__name__), bad, flush=True)
        else:
            print("SUCCEEDED", flush=True)
        return student.fit(problem.rows, problem.weak)

@hookimpl
def w2s_methods():
    return [Hostile]
"""


@dataclass(frozen=True)
class Outcome:
    """What an attack came to."""

    why: str
    """The errno or exception that stopped it, `SUCCEEDED`, or how the cell failed."""
    printed: str
    failed: bool
    """Whether the cell failed."""

    @property
    def succeeded(self) -> bool:
        return self.why == "SUCCEEDED"


def source(body: str) -> wire.Source:
    """A method file that runs `body` inside `fit`; an exception there means that it was prevented."""
    code = HEAD.lstrip() + textwrap.indent(textwrap.dedent(body).strip(), "    ") + "\n" + TAIL
    return wire.Source("w2s_method_hostile", "hostile.py", code.encode())


def run(zygote: Zygote, body: str, order: Order, clock_s: float = 10) -> Outcome:
    """Run an attack in a worker of its own."""
    with zygote.spawn(order) as worker:
        return in_worker(worker, body, clock_s)


def in_worker(worker: Worker, body: str, clock_s: float = 10) -> Outcome:
    start = wire.Start(
        source=source(body),
        method="hostile",
        parameters={},
        kind="verify",
        weak=wire.pack([0.1, 0.9, 0.6]),
        access=(),
        seed=7,
        layers=1,
        features=1,
        templates=("plain",),
        train=wire.Released(3),
    )
    failed = ""
    try:
        converse(worker, start, lambda request: wire.Handled(1), clock_s=clock_s, cancelled=threading.Event())
    except WorkerError as bad:
        failed = str(bad)
    printed = worker.output()
    if failed:
        return Outcome(failed, printed, True)
    verdicts = [x.split() for x in printed.splitlines() if x.startswith(("PREVENTED", "SUCCEEDED"))]
    (verdict,) = verdicts
    return Outcome("SUCCEEDED" if verdict[0] == "SUCCEEDED" else verdict[1], printed, False)
