"""How files are read, replaced and added to, with one clear line where that fails."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import TypeVar

from w2s_harness.contract.errors import DataError, HarnessError, StoreError, nearest

T = TypeVar("T")

KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a disk"),
)
"""What can stand where a file is meant."""
MARK = b"\xef\xbb\xbf"
"""The byte order mark of UTF-8."""
_WIDE = (
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_NO_TEXT = tuple(
    (re.compile(start, re.DOTALL), what, mend)
    for start, what, mend in (
        (rb"\x1f\x8b", "is compressed (gzip)", "Unpack it: gunzip"),
        (rb"\x1f[\x9d\xa0]", "is compressed (compress)", "Unpack it: uncompress"),
        (rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)", "is compressed (bzip2)", "Unpack it: bunzip2"),
        (rb"\xfd7zXZ\0", "is compressed (xz)", "Unpack it: unxz"),
        (rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", "is compressed (zstd)", "Unpack it: unzstd"),
        (rb"\x04\x22\x4d\x18", "is compressed (lz4)", "Unpack it: unlz4"),
        (rb"PK(?:\x03\x04|\x05\x06|\x07\x08)", "is a zip archive (an .xlsx is one)", "Unpack or export it"),
        (rb"7z\xbc\xaf\x27\x1c", "is a 7-Zip archive", "Unpack it"),
        (rb".{257}ustar[\0 ]", "is a tar archive", "Unpack it: tar -xf"),
        (rb"PAR1[\0-\x20]", "is a Parquet file", "Export it as text"),
        (rb"ARROW1\0", "is an Arrow file", "Export it as text"),
        (rb"\x89HDF\r\n", "is an HDF5 file", "Export it as text"),
        (rb"\x93NUMPY", "is a NumPy array", "Export it as text"),
        (rb"SQLite format 3\0", "is an SQLite data base", "Export it as text"),
        (rb"%PDF-", "is a PDF", "Export it as text"),
    )
)
_LINK = re.compile(rb"[\w./-]*[\w-]\.(?:jsonl?|csv|ya?ml)\s*")
"""What is left of a link to a data file where git or an archive cannot make one."""
HEAD = 512
"""Bytes of a file's beginning by which `check_head` knows it."""


def shown(path: Path | str) -> str:
    """`path` as text that stays on one line and can be printed."""
    text = str(path)
    return text if text.isprintable() else ascii(text)


def kind_of(mode: int) -> str | None:
    """What a file of this `st_mode` is, with its article; None for a regular one."""
    return next((name for is_one, name in KINDS if is_one(mode)), None)


def open_regular(path: Path, mend: str = "Name a file.") -> BufferedReader:
    """Open a regular file for reading bytes; links are followed.

    Raises `DataError` for anything else, ended by `mend` where what stands there is no file. A pipe or a
    device is never opened: it would be waited for.
    """
    try:
        found = kind_of(path.stat().st_mode)
        if found is not None:
            raise DataError(f"{shown(path)}: not a regular file but {found}. {mend}")
        # whoever puts a pipe in the file's place meanwhile does not make us wait for it either
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise DataError(f"{shown(path)}: not a regular file. {mend}")
        return os.fdopen(file, "rb")
    except FileNotFoundError:
        raise DataError(f"{shown(path)}: {absence(path)}") from None
    except OSError as bad:
        raise DataError(f"{shown(path)}: cannot be read ({bad.strerror}). Check the file.") from None
    except ValueError:
        raise DataError(f"{shown(path)}: not a path (it holds a NUL). Name a file.") from None


def absence(path: Path) -> str:
    """Why nothing is found at `path`, with the mend: a link that leads nowhere, or no file."""
    if path.is_symlink():
        return f"the link leads nowhere (to {shown(path.readlink())}). Mend it, or name another file."
    return "no such file. Check the path."


def read_bytes(path: Path, most: int, mend: str, *, no_file: str = "Name a file.") -> bytes:
    """The whole of a regular file. Raises `DataError` as `open_regular`, and for more than `most` bytes.

    :param mend: what to do about a file that is too long. :param no_file: about what is no file.
    """
    with open_regular(path, no_file) as file:
        try:
            data = file.read(most + 1)
        except OSError as bad:
            raise DataError(f"{shown(path)}: cannot be read ({bad.strerror}). Check the file.") from None
    if len(data) > most:
        size = f"{most // 2**20} MiB" if most >= 2**20 else f"{most} bytes"
        raise DataError(f"{shown(path)}: over {size}. {mend}")
    return data


def check_head(start: bytes, name: str) -> None:
    """Raise `DataError` where a file that begins with `start` (`HEAD` bytes, or all) is no UTF-8 text.

    That is one which is compressed, an archive or another binary format, UTF-16 or UTF-32; `name` is what
    the error calls it.
    """
    for mark, what in _WIDE:
        if start.startswith(mark):
            raise DataError(f"{name}: is {what} (it starts with its byte order mark). Save it as UTF-8.")
    for pattern, what, mend in _NO_TEXT:
        if pattern.match(start):
            raise DataError(f"{name}: {what}, no text. {mend}, then name what comes out.")
    if start.startswith(b"version https://git-lfs."):
        raise DataError(f"{name}: is a pointer of Git LFS, not the file. Run `git lfs pull`.")
    if len(start) < HEAD and _LINK.fullmatch(start):
        what = f"holds {start.strip().decode()!r} alone: a link that a copy wrote out as text leads nowhere"
        raise DataError(f"{name}: {what}. Put the file that it meant there.")


def decoded(line: bytes, at: str) -> str:
    """`line` as text; `DataError` at `at` where it is not UTF-8, holds a NUL or starts with a mark."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as bad:
        what = f"byte {bad.start + 1} is not UTF-8"
        raise DataError(f"{at}: {what}. Save the file as UTF-8.") from None
    if text.startswith("\ufeff"):
        raise DataError(f"{at}: starts with a byte order mark. Save the file as UTF-8 without it.")
    if "\0" in text:
        what = f"byte {line.index(0) + 1} is a NUL, as in UTF-16 or a binary file"
        raise DataError(f"{at}: {what}. Save the file as UTF-8.")
    return text


def text_of(data: bytes, name: str, *, takes_mark: bool = False) -> str:
    """A whole file as text. Raises `DataError`, one line with `name` and the line, for what is none.

    :param takes_mark: pass over a byte order mark of UTF-8 at the start, which spreadsheets write.
    """
    check_head(data[:HEAD], name)
    if takes_mark:
        data = data.removeprefix(MARK)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" not in text and "\ufeff" not in text:
        return text
    # only now line by line, to tell which one it is
    lines = data.splitlines(keepends=True)
    return "".join(decoded(line, f"{name}:{n}") for n, line in enumerate(lines, 1))


# -- writing ----------------------------------------------------------------------------------------------


@contextmanager
def writing(root: Path) -> Iterator[None]:
    """Turns what the system says of a failed write to a store into one line with the mend."""
    try:
        yield
    except OSError as bad:
        where = bad.filename or root
        if bad.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StoreError(
                f"{where}: no space left. Free some, then run the same command again: finished work is kept."
            ) from bad
        what = f"{where}: cannot write to the store: {bad.strerror}"
        raise StoreError(f"{what}. Mend that, or name another with --store.") from bad


@contextmanager
def write_errors(before: str, after: str = "", error: type[HarnessError] = StoreError) -> Iterator[None]:
    """Turns what the system says of any other failed write into one line: `before`, its words, `after`."""
    try:
        yield
    except OSError as bad:
        raise error(f"{before}{bad.strerror or bad}{after}") from bad


@contextmanager
def beside(path: Path, data: bytes, mode: int = 0o666) -> Iterator[Path]:
    """A file of its own that holds `data`, on the disk and next to `path`; removed unless it is moved.

    `mode` is what its permissions are before the umask.
    """
    # a name that is made of the file's could be too long
    waiting = path.with_name(f".tmp-{secrets.token_hex(8)}")
    try:
        with open(waiting, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield waiting
    finally:
        waiting.unlink(missing_ok=True)


def replace_file(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Write a file so that a reader sees the old bytes or the new, never a part. Raises `OSError`."""
    with beside(path, data, mode) as waiting:
        waiting.replace(path)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut, where its file system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


# -- lines ------------------------------------------------------------------------------------------------


def append(path: Path, lines: bytes, *, cut: bool = False, mode: int = 0o644, wait: bool = True) -> None:
    """Add whole lines to a file, as `add_lines`. A link is not followed."""
    descriptor = open_lines(path, mode)
    try:
        is_new = os.fstat(descriptor).st_size == 0
        add_lines(descriptor, lines, cut=cut, wait=wait)
    finally:
        os.close(descriptor)
    if is_new and wait:
        sync_folder(path.parent)


def open_lines(path: Path, mode: int = 0o644) -> int:
    """A file of lines, opened for `add_lines`; made where there is none. Raises `OSError`, as for a link."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY, mode)


def add_lines(descriptor: int, lines: bytes, *, cut: bool = False, wait: bool = False) -> None:
    """Write at the end, where a last line that a kill left torn swallows nothing. Raises `OSError`.

    Such a line is ended. With `cut`, for a file of one process whose every line must be whole, it is cut
    off instead, and so is what a full disk took of `lines`. With `wait` the disk holds them at the end.
    """
    with _alone(descriptor):
        size = os.lseek(descriptor, 0, os.SEEK_END)
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            if cut:
                size = os.pread(descriptor, size, 0).rfind(b"\n") + 1
                os.ftruncate(descriptor, size)
            else:
                lines = b"\n" + lines
        try:
            rest = memoryview(lines)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            if wait:
                os.fsync(descriptor)
        except OSError:
            if cut:
                os.ftruncate(descriptor, size)
            raise


@contextmanager
def _alone(descriptor: int) -> Iterator[None]:
    """Keep other writers of the file waiting: half a line of theirs would look like a torn one."""
    with suppress(OSError, ValueError):  # some network file systems have no locks; what is closed fails below
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        with suppress(OSError, ValueError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)


def whole_lines(path: Path, form: type[T]) -> list[T]:
    """The JSON lines of a file that `append` wrote, without torn ones; none of no file. Raises `OSError`."""
    import msgspec

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return []
    with os.fdopen(descriptor, "rb") as file:
        data = file.read()
    found = []
    for line in data.split(b"\n"):
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            found.append(msgspec.json.decode(line, type=form))
    return found


# -- how a name or a value from a data file looks inside a one-line error ------------------------------------

_LONGEST = 60
_MOST = 1000


def quoted(name: str) -> str:
    """A name from a file in quotes, cut and escaped so that it cannot break the line."""
    text = name if len(name) <= _LONGEST else name[:_LONGEST] + "..."
    return repr(text) if text.isprintable() else ascii(text)


def described(value: object) -> str:
    """A value from a file: scalars as JSON writes them, cut; a list or an object by its type."""
    if isinstance(value, str):
        return json.dumps(value if len(value) <= _LONGEST else value[:_LONGEST] + "...")
    if value is None or isinstance(value, bool | int | float):
        text = json.dumps(value)
        return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
    # never repr(): a list that is nested deeply enough would exhaust the stack
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    kind = type(value)
    return f"a {kind.__name__}" if kind.__module__ == "builtins" else f"a {kind.__module__}.{kind.__name__}"


def hint(name: str, known: Iterable[str]) -> str:
    """The near-name hint of `errors.nearest`, from the first names that can stand in one short line."""
    # comparing with each of the million columns that one line can hold would take minutes
    return nearest(name, [k for k in islice(known, _MOST) if k.isprintable() and len(k) <= _LONGEST])
