"""What workers may read is a short list; trusted things are never on it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy
import pytest

import w2s_harness
from w2s_harness.contract.plan import MethodSource
from w2s_harness.jail.host import readable
from w2s_harness.jail.host.jail import Jail
from w2s_harness.jail.policy import Order, printed

HARNESS = Path(w2s_harness.__file__).parent


def is_open(path: Path | str, folders) -> bool:
    real = os.path.realpath(path)
    return any(real == p or real.startswith(p + "/") for p in folders.read)


@pytest.mark.parametrize(
    "name",
    [
        "contract/worker/student.py",
        "contract/worker/wire/messages.py",
        "jail/inside/worker.py",
        "contract/errors.py",
    ],
)
def test_the_worker_s_own_modules_are_open(name):
    assert is_open(HARNESS / name, readable.base())


@pytest.mark.parametrize(
    "name", ["scoring", "run", "students", "data", "report", "cli", "installed", "contract/access.py"]
)
def test_the_host_s_modules_are_closed(name):
    assert (HARNESS / name).exists() and not is_open(HARNESS / name, readable.base())


def test_libraries_are_open_and_site_packages_are_not():
    base = readable.base()
    site = Path(numpy.__file__).parents[1]
    assert is_open(numpy.__file__, base) and is_open(os.__file__, base)
    assert not is_open(site, base) and not is_open(site / "torch", base)
    import w2s_plugins
    import w2s_tasks

    assert not is_open(Path(w2s_tasks.__file__).parent, base)
    assert not is_open(Path(w2s_plugins.__file__).parent / "pairs", base)


def test_a_closed_folder_inside_an_open_one_is_left_out(tmp_path):
    for name in ("src/a.py", "src/data/labels.jsonl", "src/data/notes.txt", "other/b.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    root = str(tmp_path)
    opened = readable.open_except(root, [f"{root}/src/data/labels.jsonl"])
    assert opened == [f"{root}/other", f"{root}/src/a.py", f"{root}/src/data/notes.txt"]
    assert readable.open_except(f"{root}/src/data", [f"{root}/src"]) == []
    assert readable.open_except(root, ["/elsewhere"]) == [root]


def test_a_link_beside_a_closed_folder_is_left_out(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "back").symlink_to(tmp_path / "data")
    assert readable.open_except(str(tmp_path), [str(tmp_path / "data")]) == []


def source(name: str, **more) -> MethodSource:
    return MethodSource(name, name, more.pop("distribution", None), None, "0" * 64, **more)


OURS, THEIRS = source("vanilla", distribution="w2s-harness"), source("mine")


def test_auto_requires_as_soon_as_a_foreign_method_is_at_work():
    jail = Jail("auto")
    assert jail.mode(OURS) == "best" and jail.mode(THEIRS) == "require"
    jail.expect([OURS])
    assert jail.order(OURS).mode == "best"
    jail.expect([OURS, THEIRS])
    assert jail.order(OURS).mode == "require"
    assert Jail("off").order(THEIRS).mode == "off"


@pytest.mark.parametrize(
    ("choice", "asked", "level", "counts"),
    [
        ("require", "best", "L1", True),
        ("require", "best", "L0", False),
        ("require", "off", "L0", False),
        ("best", "best", "L0", True),
        ("best", "off", "L0", False),
        ("off", "require", "L2", True),
        ("off", "off", "L0", True),
    ],
)
def test_a_kept_cell_counts_only_where_it_was_as_well_isolated(choice, asked, level, counts):
    assert Jail(choice).accepts(asked, level) is counts


def test_what_is_closed_stays_closed_whatever_a_distribution_claims(tmp_path):
    (tmp_path / "pkg" / "weights").mkdir(parents=True)
    (tmp_path / "pkg" / "code.py").touch()
    jail = Jail("best")
    jail.close_off([str(tmp_path / "pkg" / "weights")])
    folders = jail.order(source("mine", reads=(str(tmp_path / "pkg"),))).folders
    assert folders.read == (str(tmp_path / "pkg" / "code.py"),)


def test_a_policy_can_be_printed():
    text = printed(Order(scratch="/scratch"), readable.base())
    assert (
        "write  /scratch" in text and "reach  nothing" in text and f"read   {HARNESS}/contract/worker" in text
    )
