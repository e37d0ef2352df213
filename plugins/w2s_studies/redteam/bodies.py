"""Method files around the bodies of attacks, and what such a method printed of itself."""

from __future__ import annotations

import textwrap
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from w2s_harness.contract.studies.attack import Attack

HEAD = '''
import ctypes, errno, fcntl, mmap, os, resource, signal, socket, stat, struct, sys, threading, time
from dataclasses import dataclass
from pathlib import Path
import numpy as np
from w2s_harness import Method, StudentError, hookimpl

LIBC = ctypes.CDLL(None, use_errno=True)
X86 = os.uname().machine == "x86_64"

class Stopped(Exception):
    """The attack found nothing."""

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

def frame(message):
    # A message of one's own to the host, past the worker's code.
    import msgspec
    body = msgspec.msgpack.encode(message)
    os.write(3, len(body).to_bytes(4, "little") + body)

def attack(problem, student, rng):
'''
TAIL = '''
STOPPED = (OSError, ImportError, MemoryError, RuntimeError, ValueError, EOFError, Stopped, StudentError)

@dataclass(frozen=True)
class Hostile(Method):
    """A method of the red team."""
    name = {name!r}
    access = {access!r}

    def fit(self, problem, student, rng):
        try:
            answer = attack(problem, student, rng)
        except STOPPED as bad:
            number = getattr(bad, "errno", None)
            print("PREVENTED", errno.errorcode.get(number, type(bad).__name__), bad, flush=True)
            sys.exit("prevented")
        except Exception as bad:
            print("BROKEN", type(bad).__name__, bad, flush=True)
            raise
        if answer is not None:
            return answer
        print("SUCCEEDED", flush=True)
        return student.fit(problem.rows, problem.weak)

@hookimpl
def w2s_methods():
    return [Hostile]
'''

Said = Literal["SUCCEEDED", "PREVENTED", "BROKEN"]


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where things are that a method must not reach, as the constants that bodies find them by."""

    LABELS: str
    """A file of labelled rows."""
    STORE: str
    """The store of the run."""
    SITE: str
    """The interpreter's site-packages."""
    HARNESS: str
    """The package w2s_harness."""
    PLUGINS: str
    """The package w2s_plugins; weights lie below it."""
    TASKS: str
    """The package w2s_tasks."""
    NUMPY: str
    """The package numpy."""
    HOST: int
    """The host's process id."""


def method_file(attack: Attack, places: Places) -> str:
    """The file of an attack that has a `body` or `code`."""
    constants = "".join(f"{name} = {value!r}\n" for name, value in asdict(places).items())
    if attack.code:
        return attack.code.lstrip()
    body = textwrap.indent(textwrap.dedent(attack.body).strip(), "    ")
    tail = TAIL.format(name=attack.method, access=attack.access)
    return f"{HEAD.lstrip().replace('def attack', constants + chr(10) + 'def attack')}{body}\n{tail}"


def verdict(printed: str) -> tuple[Said, str] | None:
    """The last verdict that a body's method printed, and what it said beside it; None where it said none."""
    found: tuple[Said, str] | None = None
    for line in printed.splitlines():
        first, _, rest = line.partition(" ")
        for word in get_args(Said):
            if first == word:
                found = (word, rest)
    return found
