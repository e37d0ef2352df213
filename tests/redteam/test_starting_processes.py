"""exec, fork, threads and daemons."""

from __future__ import annotations

import pytest

PREVENTED = {"EACCES", "EPERM", "ENOENT", "ENOSYS", "EINVAL", "EAGAIN"}


@pytest.mark.parametrize(
    "body",
    [
        "if os.fork() == 0: os._exit(0)",
        "os.forkpty()",
        "os.execv('/bin/sh', ['sh'])",
        "os.execv(sys.executable, ['python'])",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "import subprocess; subprocess.run(['true'])",
        "import subprocess; subprocess.run([sys.executable, '-c', ''])",
        "import multiprocessing as m; p = m.get_context('fork').Process(target=print); p.start()",
        "os.setsid()",
        "system(56, 220, 17, 0, 0, 0, 0)",  # clone(SIGCHLD)
        "system(56, 220, 0x100 | 17, 0, 0, 0, 0)",  # clone(CLONE_VM)
        "system(56, 220, 0x10000000 | 17, 0, 0, 0, 0)",  # clone(CLONE_NEWUSER)
        "system(435, 435, b'\\0' * 64, 64)",  # clone3
        "system(58, 220, 0x4111, 0, 0, 0, 0)",  # vfork
        "system(322, 281, -100, b'/bin/true', None, None, 0)",  # execveat
        "call('unshare', 0x10000000)",
        "call('setns', 0, 0)",
        "call('chroot', b'.')",
    ],
)
def test_no_process_can_be_started(attack, body):
    outcome = attack(body)
    assert outcome.why in PREVENTED and not outcome.failed, outcome


def test_a_program_written_to_scratch_does_not_run(attack):
    body = """
        open("x", "wb").write(b"#!/bin/sh\\n")
        os.chmod("x", 0o700)
        os.execv("x", ["x"])
    """
    assert attack(body).why in PREVENTED


def test_more_threads_than_allowed_end_the_cell(attack):
    outcome = attack("""
        threads = [threading.Thread(target=time.sleep, args=(60,), daemon=True) for _ in range(500)]
        for t in threads: t.start()
        time.sleep(5)
    """)
    assert (outcome.failed and "threads, over the 64 allowed" in outcome.why) or outcome.why == "RuntimeError"


def test_a_few_threads_are_fine(attack):
    assert attack("""
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(8) as pool: assert sum(pool.map(int, range(100))) == 4950
    """).succeeded
