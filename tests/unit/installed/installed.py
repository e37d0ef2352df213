"""Distributions planted in a folder: metadata and modules as pip would leave them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

METHOD = '''"""A method."""
from w2s_harness import Method, hookimpl

class M(Method):
    """What M does.

    More of it.
    """
    name = "{name}"

@hookimpl
def w2s_methods():
    return [M]
'''
TASK = '''"""A task."""
from w2s_harness import Task, hookimpl

class T(Task):
    """What T asks."""
    name, kind = "{name}", "verify"

@hookimpl
def w2s_tasks():
    return [T()]
'''


def plant(
    site: Path,
    name: str,
    *,
    version: str = "1.0",
    points: Mapping[str, Mapping[str, str]],
    files: Mapping[str, str],
    requires: tuple[str, ...] = (),
    editable: Path | None = None,
) -> Path:
    """A distribution in `site`; with `editable`, its files lie in that project folder. The dist-info."""
    site.mkdir(exist_ok=True)
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    needs = "".join(f"Requires-Dist: {r}\n" for r in requires)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}")
    lines = [
        f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in entries.items())
        for group, entries in points.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    home = editable or site
    for path, text in files.items():
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(text)
    recorded = [f"{info.name}/METADATA,,", f"{info.name}/RECORD,,"]
    if editable is not None:
        (site / f"_{name}.pth").write_text(f"{editable}\n")
        (editable / "pyproject.toml").write_text(f'[project]\nname = "{name}"\n')
        recorded.append(f"_{name}.pth,,")
        (info / "direct_url.json").write_text(
            json.dumps({"url": editable.as_uri(), "dir_info": {"editable": True}})
        )
    else:
        recorded += [f"{path},," for path in files]
    (info / "RECORD").write_text("\n".join(recorded) + "\n")
    return info
