"""Whether a data file is there at all."""

from __future__ import annotations

from pathlib import Path


def missing(path: Path) -> bool:
    """Whether nothing stands at `path`.

    What cannot be told for want of permission counts as there, and so does a link that leads nowhere:
    reading it says so.
    """
    try:
        path.lstat()
    except PermissionError:
        return False
    except (OSError, ValueError):
        return True
    return False
