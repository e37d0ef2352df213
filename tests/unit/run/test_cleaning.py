"""What goes from a store, and what must never go."""

from __future__ import annotations

import datetime
import json
import os
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from w2s_harness.cli.commands.clean import command
from w2s_harness.contract.errors import StoreError, UsageError
from w2s_harness.run.kept import attempt_lines, cleaning, runs, uses
from w2s_harness.run.kept.store import Store

NOW = datetime.datetime(2026, 3, 1)
A, B, C = "20260101-000000-000-aaaa", "20260215-000000-000-bbbb", "20260228-000000-000-cccc"


@pytest.fixture
def root(tmp_path):
    """Three runs: each has a result of its own, the first two share one, and nobody's lies there too."""
    root = tmp_path / "store"
    for name, own in ((A, 1.0), (B, 2.0), (C, 3.0)):
        store = Store(root)
        run = runs.Run(store.runs / name)
        run.folder.mkdir()
        run.write_plan({"fingerprint": name})
        store.tell(run.folder)
        if name != C and store.array("shared") is None:
            store.put_array("shared", np.zeros(3))
        store.put_array(f"own-{name}", np.full(4, own))
        store.close()
    store = Store(root)
    store.put_array("nobody", np.full(5, 9.0))
    store.put("nobody's word", 1)
    store.close()
    return root


def cleaned(root, **flags):
    found = cleaning.survey(root, now=NOW, **{"older_than": None, "keep": None, **flags})
    cleaning.free(root, found)
    return found


def held(root) -> set[str]:
    store = Store(root)
    keys = {k for k in ("shared", "nobody", *(f"own-{n}" for n in (A, B, C))) if store.array(k) is not None}
    store.close()
    return keys


def files(root) -> int:
    return sum(p.is_file() for p in (root / "objects").rglob("*"))


def test_without_a_choice_only_what_nothing_refers_to_goes(root):
    found = cleaned(root)
    assert (found.runs, found.left, len(found.results), found.lines) == ([], 3, 1, 2)
    assert held(root) == {"shared", f"own-{A}", f"own-{B}", f"own-{C}"} and files(root) == 4
    assert cleaned(root).is_nothing


@pytest.mark.parametrize(
    ("flags", "stay"),
    [
        ({"keep": 1}, {C}),
        ({"keep": 2}, {B, C}),
        ({"keep": 0}, set()),
        ({"older_than": cleaning.age("30d")}, {B, C}),
        ({"older_than": cleaning.age("1w")}, {C}),
        ({"older_than": cleaning.age("12h"), "keep": 2}, {B, C}),
        ({"older_than": cleaning.age("30d"), "keep": 0}, {B, C}),
    ],
)
def test_runs_go_by_age_and_number_with_what_they_alone_used(root, flags, stay):
    found = cleaned(root, **flags)
    assert {r.id for r in runs.all_runs(root / "runs")} == stay
    assert {path.name for path in found.runs} == {A, B, C} - stay
    shared = {"shared"} if stay & {A, B} else set()
    assert held(root) == shared | {f"own-{name}" for name in stay}
    assert files(root) == len(held(root)) and found.size > 0


def test_a_run_that_does_not_say_what_it_uses_keeps_all_results(root):
    (root / "runs" / C / uses.KEYS).unlink()
    found = cleaned(root, keep=1)
    assert found.silent == [C] and found.results == [] and "nobody" in held(root)
    assert cleaned(root, keep=0).lines and files(root) == 0


def test_what_attempts_are_counted_by_stays(root):
    line = {
        "holdout": "h", "task": "t", "pair": "p", "method": "m", "sha256": "0", "parameters": {}, "p": None,
    }  # fmt: skip
    (root / attempt_lines.FILE).write_text(json.dumps(line) + "\n")
    store = Store(root)
    store.put_array(attempt_lines.rows_key("h"), np.arange(3))
    store.close()
    cleaned(root, keep=0)
    assert (root / attempt_lines.FILE).is_file()
    store = Store(root)
    assert store.array(attempt_lines.rows_key("h")) is not None and store.array("shared") is None
    store.close()


def test_a_run_that_is_worked_on_is_left_alone(root):
    store = Store(root)
    store.tell(root / "runs" / A)
    assert uses.is_working(root / "runs" / A) and not uses.is_working(root / "runs" / B)
    assert cleaning.survey(root, older_than=None, keep=0, now=NOW).left == 1
    with uses.alone(root) as is_alone:
        assert not is_alone
    store.close()
    with uses.alone(root) as is_alone:
        assert is_alone


def test_half_made_things_and_links(root, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "precious").write_text("x")
    (root / "runs" / "20250101-000000-000-dddd").symlink_to(tmp_path / "outside")
    (root / "runs" / ".20250101-000000-000-eeee").mkdir()
    (root / "runs" / ".new").mkdir()
    os.utime(root / "runs" / ".20250101-000000-000-eeee", (0, 0))
    (root / "objects" / "notes.txt").write_text("not ours")
    cleaned(root, keep=0)
    assert [p.name for p in (root / "runs").iterdir()] == [".new"]
    assert (tmp_path / "outside" / "precious").is_file() and (root / "objects" / "notes.txt").is_file()


def test_a_kill_after_the_log_leaves_a_whole_store(root, monkeypatch):
    def killed(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        cleaned(root, keep=1)
    monkeypatch.undo()
    assert {"shared", "nobody"}.isdisjoint(held(root)) and f"own-{C}" in held(root)
    cleaned(root, keep=1)
    assert [p.name for p in (root / "runs").iterdir()] == [C]


@pytest.mark.parametrize("text", ["", "30x", "-1d", "month", "1.5d"])
def test_an_age_is_a_number_and_a_unit(text):
    with pytest.raises(UsageError, match="--older-than"):
        cleaning.age(text)


def test_what_is_no_store_is_left_alone(tmp_path):
    for text in (None, "[]", '{"format": "x"}', "no"):
        if text is not None:
            (tmp_path / "store.json").write_text(text)
        with pytest.raises(UsageError, match="there is no store of w2s-harness here"):
            cleaning.survey(tmp_path, older_than=None, keep=0, now=NOW)
    (tmp_path / "store.json").write_text('{"format": 99}')
    with pytest.raises(StoreError, match="of a newer w2s-harness"):
        cleaning.survey(tmp_path, older_than=None, keep=0, now=NOW)


def run(root, *flags):
    return CliRunner().invoke(command, [*flags, "--store", str(root)], standalone_mode=False)


def test_nothing_goes_before_it_was_said(root):
    said = run(root, "--keep", "1")
    assert f"run      {A}" in said.output and "would remove: 2 runs, 4 files of results" in said.output
    assert "nothing was removed: --yes removes it" in said.output and files(root) == 5
    done = run(root, "--keep", "1", "--yes")
    assert "removed: 2 runs, 4 files of results" in done.output and files(root) == 1
    assert "nothing to remove; 1 run and what they use stay" in run(root, "--keep", "1", "--yes").output


def test_a_store_that_another_uses_is_not_touched(root):
    store = Store(root)
    refused = run(root, "--keep", "0", "--yes")
    assert isinstance(refused.exception, StoreError) and "another command is using" in str(refused.exception)
    assert files(root) == 5 and len(runs.all_runs(root / "runs")) == 3
    assert json.loads(run(root, "--keep", "0", "--json").output)["results"] == 5
    store.close()
    found = json.loads(run(root, "--keep", "0", "--json", "--yes").output)
    assert found["removed"] is True and found["runs"] == [A, B, C] and files(root) == 0
