import resource
import signal
import threading

import pytest

from w2s_harness.contract.errors import DataError, StoreError
from w2s_studies.agents.books.journal import Journal


def test_lines_come_back_in_order(tmp_path):
    journal = Journal(tmp_path / "deep" / "a.jsonl")
    assert journal.read() == []
    for n in range(3):
        journal.append({"n": n, "text": "ä\n"})
    assert [line["n"] for line in Journal(journal.path).read()] == [0, 1, 2]


def test_a_torn_last_line_is_dropped_and_written_over(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"n":1}\n{"n":2')
    assert Journal(path).read() == [{"n": 1}]
    Journal(path).append({"n": 3})
    assert path.read_bytes() == b'{"n":1}\n{"n":3}\n'


def test_a_broken_line_in_the_middle_is_named(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"n":1}\n[2]\n{"n":3}\n')
    with pytest.raises(DataError, match=r"a\.jsonl:2: the line holds no object"):
        Journal(path).read()


def test_threads_do_not_tear_each_others_lines(tmp_path):
    journal = Journal(tmp_path / "a.jsonl")
    threads = [
        threading.Thread(target=lambda: [journal.append({"x": "y" * 500}) for _ in range(20)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert journal.read() == [{"x": "y" * 500}] * 80


def test_a_line_that_the_disk_took_in_part_is_cut_off_again(tmp_path):
    path = tmp_path / "a.jsonl"
    journal = Journal(path)
    journal.append({"n": 1})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 5, before[1]))
    try:
        with pytest.raises(StoreError, match="cannot be written"):
            journal.append({"n": 2, "text": "long"})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    journal.append({"n": 3})
    assert Journal(path).read() == [{"n": 1}, {"n": 3}]
