from __future__ import annotations

import time

import pytest

from w2s_harness.contract.errors import StoreError, UsageError
from w2s_harness.run.kept import runs
from w2s_harness.run.kept.store import Store


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / ".w2s")
    yield store
    store.close()


def begin(store, name: str, print_: str = "p") -> runs.Run:
    run = runs.Run(store.runs / name)
    run.folder.mkdir()
    run.write_plan({"fingerprint": print_})
    return run


def test_a_run_is_found_by_name_beginning_last_and_path(store):
    one, two = begin(store, "20260101-a"), begin(store, "20260102-b")
    assert runs.find(store.root, "last") == two
    assert runs.find(store.root, "20260101") == one
    assert runs.find(store.root, str(one.folder)).id == one.id
    two.leaderboard.write_text("{}")
    assert runs.find(store.root, str(two.leaderboard)).id == two.id


@pytest.mark.parametrize(
    ("name", "said"), [("2026", "2 runs called"), ("20260109-a", "did you mean '20260101-a'")]
)
def test_none_or_several_is_an_error(store, name, said):
    begin(store, "20260101-a"), begin(store, "20260102-b")
    with pytest.raises(UsageError, match=said):
        runs.find(store.root, name)


def test_last_of_an_empty_store(store):
    with pytest.raises(UsageError, match="no run called 'last'"):
        runs.find(store.root, "last")


def test_only_the_last_run_of_a_command_is_continued(store):
    first = begin(store, "1")
    assert runs.unfinished(store, "p") == first
    begin(store, "2", "other")
    assert runs.unfinished(store, "p") == first
    begin(store, "3").leaderboard.write_text("{}")
    assert runs.unfinished(store, "p") is None


def test_a_run_killed_before_its_plan_is_passed_over(store):
    first = begin(store, "1")
    (store.runs / "2").mkdir()
    assert runs.unfinished(store, "p") == first
    with pytest.raises(StoreError, match=r"plan\.json: cannot be read"):
        runs.Run(store.runs / "2").plan()


def test_a_torn_event_does_not_swallow_the_next(store):
    run = begin(store, "1")
    run.log({"cell": "a"})
    with (run.folder / "events.jsonl").open("ab") as file:
        file.write(b'{"cell": "b", "err')
    run.log({"cell": "c"})
    assert [e["cell"] for e in run.events()] == ["a", "c"]


def test_new_runs_get_folders_of_their_own(store):
    found = {runs.start(store, {"fingerprint": str(i)}).id for i in range(5)}
    assert len(found) == 5 and {p.name for p in store.runs.iterdir()} == found
    assert sorted(r.plan()["fingerprint"] for r in runs.all_runs(store.runs)) == list("01234")


def test_the_fingerprint_hangs_on_every_argument():
    assert runs.fingerprint({"a": 1}) != runs.fingerprint({"a": 2})
    assert runs.fingerprint({"a": 1, "b": None}) == runs.fingerprint({"b": None, "a": 1})


def test_of_two_runs_that_start_in_one_second_the_later_is_last(store):
    started = []
    for _ in range(8):
        started.append(runs.start(store, {}))
        time.sleep(0.002)
    assert runs.all_runs(store.runs) == started
