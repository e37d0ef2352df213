"""Environments of their own that use what the running one has installed."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path


def share(site: Path) -> None:
    """Make the running environment's packages importable, and w2s-harness installed as it is there."""
    ours = Path(str(importlib.metadata.distribution("w2s-harness")._path))
    (site / ours.name).symlink_to(ours)
    for line in (ours / "RECORD").read_text().splitlines():
        top = line.split("/")[0].split(",")[0]
        if (top.endswith(".pth") or top.startswith("w2s_")) and not (site / top).exists():
            (site / top).symlink_to(ours.parent / top)
    (site / "outer.pth").write_text("".join(f"{p}\n" for p in sys.path if p.endswith("-packages")))
