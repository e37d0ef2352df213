"""Where distributions of this interpreter lie."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from pathlib import Path


def site_folders() -> list[Path]:
    """The interpreter's site-packages folders that exist, without duplicates, in `sys.path` order."""
    paths = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()]
    if site.ENABLE_USER_SITE:
        paths.append(site.getusersitepackages())
    if _sees_system_packages():
        paths += [p for p in sys.path if p.startswith(sys.base_prefix) and p.endswith("-packages")]
    unique = dict.fromkeys(os.path.realpath(p) for p in paths)
    return [Path(p) for p in unique if os.path.isdir(p)]  # noqa: PTH112 (a Path each is slow)


def _sees_system_packages() -> bool:
    config = Path(sys.prefix) / "pyvenv.cfg"
    try:
        text = config.read_text(encoding="utf-8")
    except OSError:
        return False
    return "include-system-site-packages = true" in text.lower()
