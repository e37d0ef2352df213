import json
import os
import threading

import pytest

from w2s_harness.contract.errors import DataError, StoreError
from w2s_harness.scoring.metered.ledger import FIRST, Ledger, digest, verify


@pytest.fixture
def path(tmp_path):
    ledger = Ledger(tmp_path / "run" / "ledger.jsonl")
    for i in range(5):
        ledger.append({"kind": "x", "value": i / 3, "who": "agent-é"})
    return ledger.path


def test_lines_form_a_chain_and_are_read_back(path):
    lines = verify(path).entries
    assert [line["n"] for line in lines] == [1, 2, 3, 4, 5]
    assert [line["previous"] for line in lines] == [FIRST, *(line["sha256"] for line in lines[:-1])]
    assert [line["value"] for line in lines] == [i / 3 for i in range(5)]
    assert Ledger(path).entries() == list(lines)
    assert Ledger(path).head == lines[-1]["sha256"] == verify(path).head


def test_a_ledger_goes_on_where_it_stopped(path):
    added = Ledger(path).append({"kind": "y"})
    assert added["n"] == 6
    assert verify(path).entries[-1] == added


@pytest.mark.parametrize("line", [1, 3, 5])
def test_a_changed_line_is_named(path, line):
    lines = path.read_text().splitlines()
    lines[line - 1] = lines[line - 1].replace('"kind":"x"', '"kind":"z"')
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match=rf"ledger\.jsonl:{line}: was changed"):
        verify(path)
    with pytest.raises(DataError, match=rf"ledger\.jsonl:{line}:"):
        Ledger(path)


def test_a_changed_line_with_a_digest_of_its_own_breaks_the_chain_at_the_next(path):
    lines = path.read_text().splitlines()
    forged = json.loads(lines[2]) | {"value": 9}
    forged["sha256"] = digest(forged)
    lines[2] = json.dumps(forged, sort_keys=True, separators=(",", ":"))
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match=r"ledger\.jsonl:4: does not follow"):
        verify(path)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda lines: lines[1:], 1),
        (lambda lines: lines[:2] + lines[3:], 3),
        (lambda lines: [lines[1], lines[0], *lines[2:]], 1),
        (lambda lines: [*lines[:3], lines[2], *lines[3:]], 4),
        (lambda lines: [*lines[:1], "", *lines[1:]], 2),
        (lambda lines: [*lines, "[1]"], 6),
        (lambda lines: [*lines[:3], "{}", *lines[3:]], 4),
        (lambda lines: [*lines[:1], lines[1].replace(",", ", ", 1), *lines[2:]], 2),
    ],
)
def test_dropped_moved_and_added_lines_are_named(path, change, line):
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")
    with pytest.raises(DataError, match=rf"ledger\.jsonl:{line}: "):
        verify(path)


def test_a_cut_tail_shows_by_the_head_that_was_noted(path):
    noted = verify(path).head
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    assert verify(path).head != noted


@pytest.mark.parametrize("cut", [1, 2, 30])
def test_a_torn_last_line_is_cut_off(path, cut):
    whole = path.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    path.write_bytes(whole[:-cut])
    assert verify(path).is_torn
    assert path.read_bytes() == whole[:-cut], "verify changes nothing"
    ledger = Ledger(path)
    assert path.read_bytes() == whole[: -len(last)]
    ledger.append({"kind": "x", "value": 4 / 3, "who": "agent-é"})
    assert path.read_bytes() == whole


def test_every_line_is_synced_before_it_counts(path, monkeypatch):
    synced = []
    monkeypatch.setattr("os.fsync", lambda fd: synced.append(path.read_bytes()))
    ledger = Ledger(path)
    ledger.append({"kind": "y"})
    assert synced == [path.read_bytes()]


def test_a_line_that_cannot_be_written_is_no_line(path, monkeypatch):
    ledger, before = Ledger(path), path.read_bytes()

    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        ledger.append({"kind": "y"})
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert ledger.append({"kind": "z"})["n"] == 6
    assert len(verify(path).entries) == 6


def test_threads_do_not_break_the_chain(path):
    ledger = Ledger(path)
    threads = [
        threading.Thread(target=lambda: [ledger.append({"kind": "t"}) for _ in range(20)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(verify(path).entries) == 85


@pytest.mark.parametrize("entry", [{"n": 1}, {"sha256": ""}, {"value": float("nan")}])
def test_an_entry_that_is_none(path, entry):
    before = path.read_bytes()
    with pytest.raises(ValueError):
        Ledger(path).append(entry)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "text",
    [b'{"n": 1, "n": 1}', b'{"a": NaN}', b'{"a": 1e400}', b"[" * 100_000, b"\xff", b'{"a": "\\ud800"}'],
)
def test_a_line_that_is_no_strict_json_is_named(tmp_path, text):
    (tmp_path / "a.jsonl").write_bytes(text + b"\n")
    with pytest.raises(DataError, match=r"a\.jsonl:1: no line of a ledger: ") as caught:
        verify(tmp_path / "a.jsonl")
    assert str(caught.value).isprintable()


def test_a_pipe_is_no_ledger_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.jsonl")
    with pytest.raises(StoreError, match="not a regular file but a pipe"):
        verify(tmp_path / "a.jsonl")
