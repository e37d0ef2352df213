"""How a data file is found, opened and decoded, with one clear line where that fails."""

from __future__ import annotations

import stat
from io import BufferedReader
from pathlib import Path

from w2s_harness.data.wording import shown
from w2s_harness.errors import DataError


def missing(path: Path) -> bool:
    """Whether nothing stands at `path`; what cannot be told for want of permission counts as there."""
    try:
        path.stat()
    except PermissionError:
        return False
    except (OSError, ValueError):
        return True
    return False


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading bytes; `DataError` for anything else (a pipe would wait for ever)."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise DataError(f"{shown(path)}: not a regular file. Name a file.")
        return path.open("rb")
    except FileNotFoundError:
        raise DataError(f"{shown(path)}: no such file. Check the path.") from None
    except OSError as bad:
        raise DataError(f"{shown(path)}: cannot be read ({bad.strerror}). Check the file.") from None
    except ValueError:
        raise DataError(f"{shown(path)}: not a path (it holds a NUL). Name a file.") from None


def decoded(line: bytes, at: str) -> str:
    """`line` as text; `DataError` at `at` where it is not UTF-8 or starts with a byte order mark."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as bad:
        what = f"byte {bad.start + 1} is not UTF-8"
        raise DataError(f"{at}: {what}. Save the file as UTF-8.") from None
    if text.startswith("\ufeff"):
        raise DataError(f"{at}: starts with a byte order mark. Save the file as UTF-8 without it.")
    return text
