"""What a worker may read, write and use: made by the host, obeyed in the worker, printable.

An order goes to the zygote as a sealed file in memory, since a packet holds 64 KiB and no more.
"""

from __future__ import annotations

import fcntl
import os
from typing import Any, Literal, TypeVar

import msgspec

from w2s_harness.contract.errors import WorkerError

Mode = Literal["require", "best", "off"]
"""`require`: no method runs without Landlock and seccomp. `best`: what there is. `off`: limits only."""
READ_DEVICES = ("/dev/zero", "/dev/urandom", "/dev/random")
WRITE_DEVICES = ("/dev/null",)
READ_PROC = ("/proc/self/maps",)
"""Its own address map: thread pools look there for the libraries that they are to bound."""
ENVIRONMENT = {"LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""Of a worker, beside its folders."""
MOST = 64 * 2**20
"""Bytes of an order; it names every file that is open to a worker."""
PACKET = b"order"
"""What is sent beside the descriptor."""
_SEALS = 0b1111
"""No more seals, no shrinking, growing or writing."""
T = TypeVar("T")


class ProcessLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one worker may use up."""

    memory_bytes: int = 4 * 2**30
    """Address space."""
    cpu_s: int = 600
    """Processor time over all threads."""
    file_bytes: int = 64 * 2**20
    """One file."""
    descriptors: int = 256
    threads: int = 64
    scratch_bytes: int = 256 * 2**20
    """All files of its scratch folder."""
    scratch_files: int = 10_000


class Folders(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Paths that are open, absolute, without symbolic links where that can be had."""

    read: tuple[str, ...] = ()
    """Files, and folders with all that is in them."""
    names: tuple[str, ...] = ()
    """Folders whose entries may be listed, and theirs, but not read: where `import` looks."""
    shown: tuple[str, ...] = ()
    """What stands in the worker's own root where it has one: `read` in few pieces, so a little more."""
    hidden: tuple[str, ...] = ()
    """Folders inside `shown` that look empty there."""

    def __add__(self, other: Folders) -> Folders:
        return Folders(
            read=tuple(dict.fromkeys(self.read + other.read)),
            names=tuple(dict.fromkeys(self.names + other.names)),
            shown=tuple(dict.fromkeys(self.shown + other.shown)),
            hidden=tuple(dict.fromkeys(self.hidden + other.hidden)),
        )


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the host tells the zygote of one worker."""

    scratch: str = ""
    """The folder that it may write in."""
    mode: Mode = "best"
    folders: Folders = Folders()
    """Open beside what every worker may read: the method's own code."""
    limits: ProcessLimits = ProcessLimits()
    namespaces: bool = True
    """Whether to try for namespaces: without them the level is `L1` at most."""


def printed(order: Order, base: Folders) -> str:
    """The policy as people read it."""
    lines = [f"mode   {order.mode}"]
    both = base + order.folders
    lines += [f"read   {path}" for path in (*both.read, *READ_DEVICES, *READ_PROC)]
    lines += [f"names  {path}" for path in both.names]
    lines += [f"write  {path}" for path in (order.scratch, *WRITE_DEVICES)]
    lines += [f"limit  {name} {value}" for name, value in msgspec.structs.asdict(order.limits).items()]
    return "\n".join((*lines, "reach  nothing: no network, no other process, no signal"))


def sealed(message: msgspec.Struct) -> int:
    """A descriptor of a file in memory that holds `message` as JSON and can be changed no more.

    Raises `WorkerError` for paths that UTF-8 cannot hold.
    """
    try:
        body = memoryview(msgspec.json.encode(message))
    except UnicodeEncodeError as bad:
        raise WorkerError(f"a path of the worker's is not UTF-8: {bad.object[:100]!r}. Rename it.") from None
    fd = os.memfd_create("w2s-order", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        while body:
            body = body[os.write(fd, body) :]
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
    except BaseException:
        os.close(fd)
        raise
    return fd


def opened(fd: int, kind: type[T] | Any) -> T:
    """What `sealed` wrote. Raises `ValueError` or `msgspec.DecodeError` for anything else."""
    size = os.fstat(fd).st_size
    if size > MOST:
        raise ValueError(f"an order of {size} bytes")
    message: T = msgspec.json.decode(os.pread(fd, size, 0), type=kind)
    return message
