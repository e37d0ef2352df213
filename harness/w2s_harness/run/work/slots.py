"""How many job slots a run has: threads of the host, each with a student service of its own."""

from __future__ import annotations

import os
import re
from pathlib import Path

from w2s_harness.contract.errors import UsageError

_SLOT_MIB = 1000
_MOST_SLOTS = 256


def slot_count(text: str) -> int:
    """`-n`: a number, or `auto` for cores capped by memory (and by GPUs where there are any).

    Raises `UsageError` for anything else.
    """
    if text != "auto":
        if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < 1:
            raise UsageError(f"-n {text[:40]}: give a number of job slots from 1 up, or auto")
        if int(text) > _MOST_SLOTS:
            raise UsageError(f"-n {text}: each slot is a process with a model in it; at most {_MOST_SLOTS}")
        return int(text)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    gpus = len(list(Path("/dev").glob("nvidia[0-9]*")))
    return max(1, min(cores, _available_mib() // _SLOT_MIB, gpus or cores))


def _available_mib() -> int:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return 4 * _SLOT_MIB
    return next(
        (int(line.split()[1]) // 1024 for line in lines if line.startswith("MemAvailable")), 4 * _SLOT_MIB
    )
