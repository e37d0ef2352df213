"""Where a method's code is, and its hash: from metadata or a file, never by import."""

from __future__ import annotations

import hashlib
import os
import posixpath
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from w2s_harness.contract.errors import DataError, PluginError, UsageError
from w2s_harness.contract.plan import MethodSource
from w2s_harness.data import disk
from w2s_harness.installed.distributions import (
    metadata,
    modules,
    worker_files,
)
from w2s_harness.installed.distributions.metadata import Entry
from w2s_harness.installed.distributions.worker_files import File

MAX_FILE = 2**28
"""Bytes; a longer method file, or file of predictions, is refused."""


def files(source: MethodSource) -> dict[str, bytes]:
    """Every file that could run or be read as part of the method, by name, as it is now.

    What it needs is hashed and not among them. Raises `PluginError` where there is too much of it.
    """
    if source.is_file:
        return {Path(source.filename).name: source.code or b""}
    if source.is_shipped:
        return {Path(source.filename).name: Path(source.filename).read_bytes()}
    return worker_files.contents(
        worker_files.own_files(_entry(source)), f"{source.distribution} {source.version}", worker_files.OWN
    )


def digest_now(source: MethodSource) -> str:
    """`sha256` as it would be now; a file's bytes were read once, so they cannot have changed."""
    if source.is_file:
        return source.sha256
    if source.is_shipped:
        return _file_digest(Path(source.filename))
    entry = _entry(source)
    return _digest(entry, worker_files.own_files(entry), worker_files.needed_files(entry))


def _entry(source: MethodSource) -> Entry:
    """The entry point of an installed method."""
    distribution, version = source.distribution or "", source.version or ""
    return Entry(source.name, source.module, metadata.METHODS, distribution, version, Path(source.info))


def from_file(path: Path) -> MethodSource:
    """The method file at `path`, read and hashed once. Raises `UsageError` where it cannot be read."""
    try:
        code = disk.read_bytes(path, MAX_FILE, "A method file is Python text, or predictions.")
        if path.suffix == ".py":
            disk.check_head(code[: disk.HEAD], disk.shown(path))
    except DataError as bad:
        why = str(bad).removeprefix(f"{disk.shown(path)}: ")
        raise UsageError(f"{disk.shown(path)}: cannot read the method file: {why}") from bad
    shown = disk.shown(path)
    return MethodSource(
        name=shown,
        module=f"w2s_method_{path.stem}".replace("-", "_"),
        distribution=None,
        version=None,
        sha256=hashlib.sha256(code).hexdigest(),
        code=code,
        filename=shown,
        refused="" if shown == str(path) else f"{shown}: the name of the file does not print. Rename it.",
    )


def from_entry(entry: Entry) -> MethodSource:
    """The installed method behind an entry point.

    Raises `PluginError` where its module is missing or its files are too many, too large or cannot be read.
    """
    file = modules.module_file(entry)
    if file is None:
        raise PluginError(_missing(entry))
    source = replace(unread(entry), filename=str(file))
    if entry.is_shipped:
        folders = tuple(str(f) for f in modules.import_folders(entry.info))
        return replace(source, sha256=_file_digest(file), folders=folders)
    refused = _refusal(entry)
    own, needed = ([], []) if refused else (worker_files.own_files(entry), worker_files.needed_files(entry))
    return replace(
        source,
        sha256="" if refused else _digest(entry, own, needed),
        folders=worker_files.imported_from(entry),
        reads=tuple(dict.fromkeys(f.path for f in (*own, *needed) if f.link is None)),
        beside=tuple(f.path for f in needed if f.link is None),
        opened=worker_files.opened(entry),
        editable=modules.of(entry.info) is not None,
        refused=refused,
    )


def _missing(entry: Entry) -> str:
    """Why a method has no module."""
    head = (
        f"{entry.distribution} {entry.version} names the module {entry.module} for the method '{entry.name}'"
    )
    why = modules.refused(entry.info)
    if why:
        return f"{head}, and is installed to be edited, but {why}. Install it without -e."
    return f"{head}, but ships no such file. Reinstall it, or report it to its authors."


def unread(entry: Entry) -> MethodSource:
    """An installed method whose files could not be read: nothing of it runs."""
    return MethodSource(
        name=entry.name,
        module=entry.module,
        distribution=entry.distribution,
        version=entry.version,
        sha256="",
        info=str(entry.info),
    )


def _file_digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _digest(entry: Entry, own: Sequence[File], needed: Sequence[File]) -> str:
    """Digest of every file that is opened to its worker: its own, and where it needs others, theirs."""
    whose = f"{entry.distribution} {entry.version}"
    digest = worker_files.digest(own, whose, worker_files.OWN)
    if not needed:
        return digest
    theirs = worker_files.digest(needed, f"what {whose} needs", worker_files.NEEDED)
    return hashlib.sha256(f"{digest} {theirs}".encode()).hexdigest()


def _refusal(entry: Entry) -> str:
    """Why an untrusted distribution may not offer methods, or an empty string."""
    if metadata.offers(entry.info, metadata.TRUSTED):
        return (
            f"{entry.distribution} offers methods and a trusted plugin (entry-point group "
            f"{metadata.TRUSTED}); ship them as two distributions"
        )
    if not metadata.is_readable(entry.info):
        return f"{entry.distribution}: its RECORD cannot be read, so nobody knows what it installed"
    for name in _start_hooks(entry.info):
        return f"{entry.distribution} offers methods and runs code at interpreter start ({name})"
    for needed in metadata.required(entry.info):
        chain = f"{entry.distribution} offers methods and needs {metadata.distribution_name(needed)}, which"
        if metadata.offers(needed, metadata.TRUSTED):
            return f"{chain} offers a trusted plugin"
        if not metadata.is_readable(needed):
            return f"{chain} has a RECORD that cannot be read"
        for name in _start_hooks(needed):
            return f"{chain} runs code at interpreter start ({name})"
    return ""


_START = frozenset({"sitecustomize", "usercustomize"})


def _start_hooks(info: Path) -> list[str]:
    """The files of a distribution that run when an interpreter starts, or that stand in for part of it."""
    project = modules.of(info)
    redirecting = frozenset() if project is None else project.hooks
    return [
        name
        for name in map(posixpath.normpath, metadata.installed_files(info))
        if name not in redirecting
        and (
            # a module, a package, byte code or an extension of that name
            _START & {part.partition(".")[0].lower() for part in name.split("/")}
            or (name.endswith(".pth") and _executes(info.parent / name))
            or name.endswith((".start", "._pth"))
            or name.rpartition("/")[2] == "pyvenv.cfg"
            or _is_of_the_interpreter(info.parent, name)
        )
    ]


def _is_of_the_interpreter(site: Path, name: str) -> bool:
    """Whether a path of RECORD lies beside site-packages, where the standard library is."""
    path = os.path.normpath(site / name)
    return path.startswith(f"{site.parent}{os.sep}") and not path.startswith(f"{site}{os.sep}")


def _executes(path: Path) -> bool:
    lines = modules.pth_lines(path)
    # one that cannot be read now may be read when the next interpreter starts
    return path.exists() if lines is None else any(map(modules.executes, lines))
