"""What workers may read and import: worked out by the host from where things are installed.

Everything is closed but what is named here, so task packages, their data and the pairs' weights are too.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

from w2s_harness.jail.policy import Folders

LIBRARIES = ("numpy", "scipy", "msgspec", "pluggy")
"""Installed packages that every method may use."""
PACKAGES = ("w2s_harness", "w2s_plugins", "numpy", "msgspec", "pluggy", "scipy")
"""What methods may import beside the standard library; missing ones are left out."""
HARNESS = (
    "__init__.py",
    "contract/__init__.py",
    "contract/errors.py",
    "contract/hookspecs.py",
    "contract/types.py",
    "contract/worker",
    "jail",
)
"""The modules of w2s_harness that run in a worker."""
PLUGINS = ("__init__.py", "methods")
"""Of w2s_plugins: its pairs hold weights."""
_SITE = ("site-packages", "dist-packages")
_SYSTEM_LIBRARIES = (
    "ld-linux*", "libbz2*", "libc.*", "libc-*", "libcrypt.*", "libcrypto*", "libdl*", "libexpat*", "libffi*",
    "libgcc_s*", "libgdbm*", "libgfortran*", "libgomp*", "liblapack*", "liblzma*", "libm.*", "libm-*",
    "libmvec*", "libncurses*", "libnsl*", "libopenblas*", "libpthread*", "libpython3*", "libquadmath*",
    "libreadline*", "libresolv*", "librt*", "libsqlite3*", "libssl*", "libstdc++*", "libtinfo*", "libtirpc*",
    "libutil*", "libuuid*", "libz.*", "libzstd*",
)  # fmt: skip
"""Shared libraries that the standard library and ordinary wheels load late."""


def base() -> Folders:
    """What every worker may read: interpreter, system libraries, `LIBRARIES`, the worker's own modules."""
    closed = _site_folders()
    paths = [p for folder in _interpreter() for p in open_except(folder, closed)]
    paths += [p for folder in _system_libraries() for p in _runtime(folder)]
    paths += ["/etc/ld.so.cache"]
    paths += [p for name in LIBRARIES for p in _package(name)]
    plugins = _parts("w2s_plugins", PLUGINS)
    paths += _parts("w2s_harness", HARNESS) + plugins
    shown = [*_interpreter(), *_system_libraries(), "/etc/ld.so.cache", *plugins]
    shown += [p for name in (*LIBRARIES, "w2s_harness") for p in _package(name)]
    return Folders(
        read=_existing(paths),
        names=_existing(worker_path()),
        shown=_existing(shown),
        hidden=_existing(closed),
    )


def worker_path() -> tuple[str, ...]:
    """A worker's `sys.path`, without `.pth` files or working directory: each folder once, in this order.

    The standard library's, and those that hold `PACKAGES`.
    """
    paths = sysconfig.get_paths()
    roots = [paths["stdlib"], paths["platstdlib"]]
    # lib-dynload has no name of its own in sysconfig; it is wherever this interpreter found it.
    inside = [p for p in sys.path if any(Path(p).parent == Path(r) and "packages" not in p for r in roots)]
    holding = [str(Path(folder).parent) for name in PACKAGES for folder in _package(name)[::2]]
    return tuple(dict.fromkeys(str(Path(f)) for f in (*roots, *inside, *holding)))


def of_method(paths: Iterable[str], names: Iterable[str], closed: Iterable[str] = ()) -> Folders:
    """The files and folders `paths` of a method, imported from `names`, without what is `closed`."""
    shut = [os.path.realpath(path) for path in closed]
    read = _existing(p for path in paths for p in open_except(os.path.realpath(path), shut))
    return Folders(read=read, names=_existing(names), shown=tuple(_in_few(read)))


def _in_few(files: Sequence[str]) -> Iterator[str]:
    """The folders that hold `files` where all of a folder is open, so that a worker's root needs few mounts.

    Byte code aside, which nothing opens: it is seen there and cannot be read.
    """
    opened, whole = frozenset(files), set[str]()
    folders = {os.path.dirname(file) for file in files}  # noqa: PTH120 (a Path each is slow)
    for folder in sorted(folders, key=lambda f: -f.count("/")):
        if _is_whole(folder, opened, whole):
            whole.add(folder)
    for path in (*files, *whole):
        parent = os.path.dirname(path)  # noqa: PTH120
        if parent not in whole:
            yield path


def _is_whole(folder: str, opened: frozenset[str], whole: set[str]) -> bool:
    try:
        with os.scandir(folder) as entries:
            return all(e.path in opened or e.path in whole or e.name == "__pycache__" for e in entries)
    except OSError:
        return False


def open_except(path: str, closed: Iterable[str]) -> list[str]:
    """`path`, or the entries under it that cover all but `closed` and what is inside that.

    The kernel's rules only open; so where a closed folder lies inside, its siblings are opened instead.
    """
    shut = list(closed)
    if any(_is_inside(path, other) for other in shut):
        return []
    inner = [other for other in shut if _is_inside(other, path)]
    if not inner:
        return [path]
    with os.scandir(path) as entries:
        names = sorted(entry.path for entry in entries if not entry.is_symlink())
    return [p for name in names for p in open_except(name, inner)]


def _is_inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _interpreter() -> list[str]:
    paths = sysconfig.get_paths()
    return [os.path.realpath(paths[name]) for name in ("stdlib", "platstdlib")]


def _site_folders() -> list[str]:
    """Every folder of installed packages at or under the interpreter's."""
    paths = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    paths += [str(Path(folder, site)) for folder in _interpreter() for site in _SITE]
    return list(dict.fromkeys(os.path.realpath(p) for p in paths))


def _system_libraries() -> list[str]:
    """Folders from which this very process loaded shared libraries, but not from installed packages."""
    triple = sysconfig.get_config_var("MULTIARCH") or ""
    folders = ["/lib64", "/usr/lib64", f"/lib/{triple}", f"/usr/lib/{triple}", "/usr/lib", "/lib"]
    folders.append(sysconfig.get_config_var("LIBDIR") or "")
    return list(dict.fromkeys(os.path.realpath(f) for f in folders if os.path.isdir(f)))  # noqa: PTH112


def _runtime(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if ".so" in entry.name and any(fnmatch(entry.name, known) for known in _SYSTEM_LIBRARIES):
                yield os.path.realpath(entry.path)


def _package(name: str) -> list[str]:
    """A package's folder, and the one beside it with its shared libraries."""
    spec = importlib.util.find_spec(name)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    return [p for folder in folders for p in (folder, f"{folder}.libs")]


def _parts(name: str, parts: Iterable[str]) -> list[str]:
    return [str(Path(folder, part)) for folder in _package(name)[::2] for part in parts]


def _existing(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(os.path.realpath(p) for p in paths if os.path.exists(p)))  # noqa: PTH110
