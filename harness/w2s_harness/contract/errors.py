"""What can go wrong, as the user meets it: one line, the mend, an exit code."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the command line, as pytest's."""

    OK = 0
    """Every cell ran."""
    CELL_FAILED = 1
    """A cell failed or was disqualified; the rest ran."""
    INTERRUPTED = 2
    """Ctrl-C or SIGTERM; the same command, run again, resumes."""
    INTERNAL = 3
    """A bug in w2s-harness."""
    USAGE = 4
    """The command line, a plan, a file, a folder or a plugin is not usable."""
    NOTHING_SELECTED = 5
    """The selection holds no cell."""


class HarnessError(Exception):
    """An error that its reader can mend; printed as one line, without a traceback.

    The message names the file, line, plugin or flag at fault and says what to do about it.
    """

    exit_code: ExitCode = ExitCode.USAGE


class UsageError(HarnessError):
    """A flag, a name or a configuration value is not usable."""


class NothingSelectedError(HarnessError):
    """The selection is empty."""

    exit_code = ExitCode.NOTHING_SELECTED


class PluginError(HarnessError):
    """A plugin does not load, or breaks the contract of `hookspecs.py`."""


class TaskError(PluginError):
    """A task's own code does not load its rows; the other tasks of a plan may."""


class DataError(HarnessError):
    """A data file breaks its format; the message starts with `file:line`."""


class ModelError(HarnessError):
    """A model cannot be loaded, or does not do what its pair asks of it."""


class StoreError(HarnessError):
    """The store cannot be read or written."""


class WorkerError(HarnessError):
    """A method worker broke the protocol, died, or ran out of time; fails its cell only."""

    exit_code = ExitCode.CELL_FAILED


class BudgetError(WorkerError):
    """A cell asked for more than the plan allows it."""


class UnableError(WorkerError):
    """A model was asked for what it cannot do, as an encoder for a prediction; the row is `skipped`."""


class Skip(HarnessError):
    """Raised by a method's `fit` that cannot work on this pair or task, with the reason in a sentence.

    The row is `skipped` with that reason: no failure, and no score. Raised anywhere else it fails the cell.
    """

    exit_code = ExitCode.OK


class NoGapError(HarnessError):
    """Weak and ceiling are too close for a performance gap to be recovered."""

    exit_code = ExitCode.OK


def nearest(name: str, known: Iterable[str]) -> str:
    """The hint ` (did you mean 'x'?)` for a name close to `name`, or an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" (did you mean '{close[0]}'?)" if close else ""
