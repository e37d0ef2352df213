"""Memory, disk, processor, output, descriptors: a cell that takes too much fails, and says why."""

from __future__ import annotations

import attacks
import msgspec
import pytest

from w2s_harness.jail.policy import ProcessLimits

SMALL = ProcessLimits(
    memory_bytes=600 * 2**20, cpu_s=2, file_bytes=8 * 2**20, scratch_bytes=16 * 2**20, scratch_files=200
)


@pytest.fixture
def flood(zygote, order, places):
    def run(body: str, clock_s: float = 10) -> attacks.Outcome:
        small = msgspec.structs.replace(order, limits=SMALL)
        return attacks.run(zygote, attacks.own(body), small, places, clock_s)

    return run


def test_memory(flood):
    assert flood("held = [bytearray(2**20) for _ in range(2000)]").why == "MemoryError"
    assert flood("mmap.mmap(-1, 2**31)").why == "ENOMEM"


def test_one_file(flood):
    assert flood("open('a', 'wb').write(bytes(9 * 2**20))").why == "EFBIG"
    assert flood("os.truncate(os.open('a', os.O_RDWR | os.O_CREAT), 2**40)").why == "EFBIG"


def test_disk(flood, level):
    outcome = flood("""
        for i in range(60):
            open(f"a{i}", "wb").write(bytes(2**20)); time.sleep(0.02)
        time.sleep(2)
    """)
    if level == "L2":
        assert outcome.why == "ENOSPC"
    else:
        assert outcome.failed and "wrote over the 16 MiB" in outcome.why


@pytest.mark.parametrize("unlink", ["os.unlink(f'a{i}')", "os.rename(f'a{i}', 'b')"])
def test_deleted_files_that_are_held_open(flood, level, unlink):
    outcome = flood(f"""
        held = []
        for i in range(60):
            held.append(open(f"a{{i}}", "wb")); {unlink}
            held[-1].write(bytes(2**20)); held[-1].flush(); time.sleep(0.02)
        time.sleep(2)
    """)
    if level == "L2":
        assert outcome.why == "ENOSPC"
    else:
        assert outcome.failed and "wrote over the 16 MiB" in outcome.why


def test_many_files(flood, level):
    outcome = flood("for i in range(2000): os.close(os.open(f'a{i}', os.O_CREAT))\ntime.sleep(2)")
    if level == "L2":
        assert outcome.why == "ENOSPC"
    else:
        assert outcome.failed and "made over the 200 files" in outcome.why


def test_deep_folders_are_gone_afterwards(zygote, order, places):
    with zygote.spawn(order) as worker:
        deep = attacks.own("for _ in range(3000): os.mkdir('d'); os.chdir('d')")
        outcome = attacks.in_worker(worker, deep, places)
        assert outcome.succeeded or "deeper" in outcome.why or outcome.why == "ENOSPC"
    assert not worker.scratch.exists()


def test_processor(flood):
    outcome = flood("while True: pass", clock_s=30)
    assert outcome.failed and ("SIGXCPU" in outcome.why or "SIGKILL" in outcome.why)


def test_wall_clock(flood):
    outcome = flood("time.sleep(60)", clock_s=0.5)
    assert outcome.failed and "of its own time" in outcome.why


def test_output(flood):
    outcome = flood("while True: print('x' * 10_000)", clock_s=1)
    assert outcome.failed and len(outcome.printed) <= 2**16


def test_descriptors(flood):
    assert flood("held = [os.open(os.__file__, os.O_RDONLY) for _ in range(1000)]").why == "EMFILE"


def test_limits_cannot_be_raised(flood):
    assert (
        flood("resource.setrlimit(resource.RLIMIT_AS, (-1, -1))").why == "ValueError"
        or not flood("resource.setrlimit(resource.RLIMIT_AS, (-1, -1))").succeeded
    )
