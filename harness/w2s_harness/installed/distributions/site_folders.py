"""Where distributions lie: the folders of this interpreter, or those of an environment that a flag names."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from w2s_harness.contract.errors import UsageError


def site_folders() -> list[Path]:
    """The interpreter's site-packages folders that exist, without duplicates, in `sys.path` order."""
    paths = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()]
    if site.ENABLE_USER_SITE:
        paths.append(site.getusersitepackages())
    if _sees_system_packages():
        paths += [p for p in sys.path if p.startswith(sys.base_prefix) and p.endswith("-packages")]
    unique = dict.fromkeys(os.path.realpath(p) for p in paths)
    return [Path(p) for p in unique if os.path.isdir(p)]  # noqa: PTH112 (a Path each is slow)


def environment_folder(environment: Path) -> Path:
    """The site-packages of a virtual environment, found without running its `python`.

    Raises `UsageError` where it has none, or is of another minor version of Python than this one.
    """
    wanted = f"python{sys.version_info.major}.{sys.version_info.minor}"
    folder = environment / "lib" / wanted / "site-packages"
    if folder.is_dir():
        return folder.resolve()
    others = sorted(p.parent.name for p in environment.glob("lib/python*/site-packages"))
    if others:
        raise UsageError(
            f"--methods-env {environment}: is of {others[0]}, workers run {wanted}. Make it with that."
        )
    raise UsageError(
        f"--methods-env {environment}: no virtual environment: it has no lib/{wanted}/site-packages"
    )


def info_folders(folders: Iterable[Path]) -> Iterator[Path]:
    """The `.dist-info` folders in some folders whose names print, each name once."""
    seen: set[str] = set()
    for folder in folders:
        try:
            names = sorted(os.listdir(folder))  # noqa: PTH208 (a Path each is slow)
        except OSError:
            continue
        for name in names:
            if name.endswith(".dist-info") and name not in seen and name.isprintable():
                seen.add(name)
                yield folder / name


def _sees_system_packages() -> bool:
    config = Path(sys.prefix) / "pyvenv.cfg"
    try:
        text = config.read_text(encoding="utf-8")
    except OSError:
        return False
    return "include-system-site-packages = true" in text.lower()
