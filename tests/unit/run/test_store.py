from __future__ import annotations

import errno
import json
import multiprocessing
import os
import stat

import numpy as np
import pytest

from w2s_harness.contract.errors import StoreError
from w2s_harness.run.kept import store as module
from w2s_harness.run.kept.store import Store, key_of


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def opened(tmp_path, warnings):
    made: list[Store] = []

    def make() -> Store:
        made.append(Store(tmp_path / "store", warn=warnings.append))
        return made[-1]

    yield make
    for store in made:
        if store._log >= 0:
            store.close()


def test_values_and_arrays_come_back_in_another_process_life(opened):
    first = opened()
    first.put("a", {"x": [1, 2.5, None]})
    first.put_array("b", np.arange(6.0).reshape(2, 3))
    first.put_bytes("c", b"raw")
    first.close()
    again = opened()
    assert again.get("a") == {"x": [1, 2.5, None]}
    assert np.array_equal(again.array("b"), np.arange(6.0).reshape(2, 3))
    assert again.path("c").read_bytes() == again.data("c") == b"raw"
    assert again.get("nothing") is again.array("nothing") is again.path("nothing") is None


def test_the_last_value_of_a_key_counts(opened):
    store = opened()
    store.put("a", 1)
    store.put("a", 2)
    assert store.get("a") == 2
    assert opened().get("a") == 2


@pytest.mark.parametrize(
    "tail", [b'{"k":"b","v":{"x":', b'{"k":"b","v":{"x":{"y":1}', b"\x00\x00", b'{"k":"b']
)
def test_a_torn_last_line_is_dropped_and_the_next_one_is_whole(opened, tail):
    store = opened()
    store.put("a", 1)
    store.close()
    with (store.root / "log.jsonl").open("ab") as file:
        file.write(tail)
    again = opened()
    assert again.get("a") == 1 and again.get("b") is None
    again.put("b", 3)
    assert opened().get("b") == 3


def test_an_object_whose_bytes_changed_is_missing_and_said(opened, warnings):
    store = opened()
    path = store.put_array("a", np.arange(3.0))
    path.write_bytes(path.read_bytes()[:-1] + b"\x07")
    assert store.array("a") is None and "its bytes have changed" in warnings[0] and str(path) in warnings[0]
    assert store.path("a") is None and "gone from the store" in warnings[1]
    store.put_array("a", np.arange(3.0))
    assert np.array_equal(store.array("a"), np.arange(3.0))


def test_a_link_in_place_of_an_object_is_refused_and_replaced(opened, warnings, tmp_path):
    store = opened()
    path = store.put_bytes("a", b"honest")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"honest")
    path.unlink()
    path.symlink_to(elsewhere)
    assert store.path("a") is None and store.data("a") is None
    assert "is a link" in warnings[0]
    store.put_bytes("a", b"honest")
    assert not path.is_symlink() and store.data("a") == b"honest" and elsewhere.read_bytes() == b"honest"


def test_a_log_that_is_a_link_is_refused(tmp_path):
    root = tmp_path / "store"
    root.mkdir()
    (root / "store.json").write_text('{"format": 1}')
    (root / "log.jsonl").symlink_to(tmp_path / "target")
    with pytest.raises(StoreError, match="cannot write"):
        Store(root)
    assert not (tmp_path / "target").exists()


def test_pickles_are_never_loaded(opened):
    store = opened()
    import io

    buffer = io.BytesIO()
    np.save(buffer, np.array([{"x": 1}], dtype=object), allow_pickle=True)
    store.put_bytes("a", buffer.getvalue(), ".npy")
    with pytest.raises(ValueError, match="allow_pickle"):
        store.array("a")


@pytest.mark.parametrize("text", ['{"format": 2}', '{"format": "1"}', "{}"])
def test_a_newer_or_unknown_format_is_refused(tmp_path, text):
    (tmp_path / "store.json").write_text(text)
    with pytest.raises(StoreError, match="Upgrade w2s-harness, or name another store with --store"):
        Store(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["store.json"]


@pytest.mark.parametrize("text", ["", "[]", "{", "nonsense"])
def test_what_is_no_store_is_refused(tmp_path, text):
    (tmp_path / "store.json").write_text(text)
    with pytest.raises(StoreError, match="not a store of w2s-harness"):
        Store(tmp_path)


def test_no_space_left_says_so_and_keeps_what_was_put(opened, monkeypatch):
    store = opened()
    store.put("a", 1)
    real, left = os.write, [10]

    def write(fd: int, data: bytes) -> int:
        if left[0] <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        count = real(fd, bytes(data)[: left[0]])
        left[0] -= count
        return count

    monkeypatch.setattr(module.os, "write", write)
    with pytest.raises(StoreError, match=r"no space left\. Free some, .*finished work is kept"):
        store.put("b", "x" * 100)
    monkeypatch.undo()
    store.put("c", 3)
    again = opened()
    assert (again.get("a"), again.get("b"), again.get("c")) == (1, None, 3)


def test_no_space_left_for_an_object_leaves_no_half_of_it(opened, monkeypatch):
    store = opened()

    def fsync(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module.os, "fsync", fsync)
    with pytest.raises(StoreError, match="no space left"):
        store.put_bytes("a", b"data")
    monkeypatch.undo()
    assert store.get("a") is None
    assert not [
        p for p in store.root.rglob("*") if p.is_file() and p.name not in ("store.json", "log.jsonl", "lock")
    ]


def test_a_closed_store_takes_nothing(opened):
    store = opened()
    store.close()
    with pytest.raises(StoreError, match="cannot write"):
        store.put("a", 1)


def test_a_read_only_folder_is_one_line(tmp_path):
    if os.getuid() == 0:
        pytest.skip("root may write everywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="cannot write to the store"):
        Store(tmp_path / "store")


def test_what_a_killed_writer_left_is_swept(opened):
    store = opened()
    old, new = store.objects / ".tmp-1-a", store.objects / ".tmp-2-b"
    for path in (old, new):
        path.write_bytes(b"x")
    os.utime(old, (0, 0))
    opened()
    assert not old.exists() and new.exists()


def _fill(root: str, name: str) -> None:
    store = Store(module.Path(root))
    for i in range(200):
        store.put(f"{name}{i}", "y" * (i * 7 % 300))
        store.put_array("shared", np.arange(1000.0))
    store.close()


def test_two_processes_write_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_fill, args=(str(tmp_path / "s"), name)) for name in "ab"]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [p.exitcode for p in processes] == [0, 0]
    for line in (tmp_path / "s" / "log.jsonl").read_text().splitlines():
        json.loads(line)
    store = Store(tmp_path / "s")
    assert all(store.get(f"{n}{i}") == "y" * (i * 7 % 300) for n in "ab" for i in range(200))
    assert np.array_equal(store.array("shared"), np.arange(1000.0))
    store.close()


def test_a_key_depends_on_stage_and_inputs_not_on_their_order():
    assert key_of("a", {"x": 1, "y": 2}) == key_of("a", {"y": 2, "x": 1})
    assert len({key_of("a", [1]), key_of("b", [1]), key_of("a", [2]), key_of("a", ["1"])}) == 4
    with pytest.raises(ValueError, match="JSON"):
        key_of("a", float("nan"))


def test_a_new_store_is_its_owners_alone_and_an_old_one_is_left(tmp_path):
    Store(tmp_path / "new" / "store").close()
    assert stat.S_IMODE((tmp_path / "new" / "store").stat().st_mode) == 0o700
    (tmp_path / "old").mkdir()
    (tmp_path / "old").chmod(0o775)
    Store(tmp_path / "old").close()
    assert stat.S_IMODE((tmp_path / "old").stat().st_mode) == 0o775


@pytest.mark.parametrize("name", ["store.json", "log.jsonl"])
def test_a_pipe_in_a_store_is_not_waited_for(tmp_path, name):
    Store(tmp_path / "s").close()
    (tmp_path / "s" / name).unlink()
    os.mkfifo(tmp_path / "s" / name)
    with pytest.raises(StoreError, match=rf"{name}: .*not a regular file"):
        Store(tmp_path / "s")


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff", b'{"format": "x"}', b""])
def test_a_format_that_is_none_is_one_line(tmp_path, body):
    (tmp_path / "store.json").write_bytes(body)
    with pytest.raises(StoreError, match=r"store\.json"):
        Store(tmp_path)
