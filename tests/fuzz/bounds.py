"""What every reader must keep to: a result or one clear error, within a time and a size."""

from __future__ import annotations

import resource
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from w2s_harness.contract.errors import HarnessError

PATIENCE_S = 20.0
"""A read that takes longer hangs: most take a millisecond."""
CAP = 256 * 2**20
"""Bytes by which the process may grow over one input of at most 64 KiB."""


class HangError(BaseException):
    """A reader did not come back; not an `Exception`, so that no reader swallows it."""


def fuzz(
    inputs: Iterable[bytes],
    read: Callable[[bytes], object],
    *,
    cap: int = CAP,
    patience_s: float = PATIENCE_S,
) -> int:
    """Give each input to `read` and return how many were accepted.

    Fails at the first one that ends in another exception than a `HarnessError`, takes more than `patience_s`,
    or makes the process grow by more than `cap` bytes (the kernel refuses them).
    """
    accepted = 0
    with _alarm(patience_s):
        for number, body in enumerate(inputs):
            signal.setitimer(signal.ITIMER_REAL, patience_s)
            try:
                with _capped(cap):
                    read(body)
                accepted += 1
            except HarnessError as refused:
                assert str(refused).strip(), f"input {number} is refused without a word: {body[:400]!r}"
            except (Exception, HangError) as bad:
                raise AssertionError(f"input {number} ended in {bad!r:.400}: {body[:400]!r}") from bad
    return accepted


@contextmanager
def _capped(cap: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + cap, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@contextmanager
def _alarm(patience_s: float) -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise HangError(f"no answer within {patience_s:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
