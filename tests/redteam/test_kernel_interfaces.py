"""Rarely used doors into the kernel."""

from __future__ import annotations

import os

import pytest

REFUSED = {"EPERM", "ENOSYS"}
"""The filter's own answers: none of these calls has reached the kernel's code behind it."""


@pytest.mark.parametrize(
    "body",
    [
        "system(321, 280, 0, None, 0)",  # bpf
        "system(323, 282, 0)",  # userfaultfd
        "system(250, 219, 0, -3, 0)",  # keyctl
        "system(248, 217, b'no-such-kind', b'w2s', b'x', 1, 0)",  # add_key
        "system(249, 218, b'user', b'w2s', None, 0)",  # request_key
        "system(304, 265, -100, b'0' * 64, 0)",  # open_by_handle_at
        "system(298, 241, b'0' * 128, 0, -1, -1, 0)",  # perf_event_open
        "system(175, 105, None, 0, b'')",  # init_module
        "system(246, 104, 0, 0, None, 0xFFFF)",  # kexec_load
    ],
)
def test_what_no_method_has_an_honest_use_for_kills_the_worker(attack, body):
    outcome = attack(body)
    assert outcome.failed and "was killed by SIGSYS" in outcome.why, outcome


@pytest.mark.parametrize(
    "body",
    [
        "system(425, 425, 4, b'0' * 120)",  # io_uring_setup
        "system(426, 426, 0, 0, 0, 0, None, 0)",
        "system(427, 427, 0, 0, None, 0)",
        "system(319, 279, b'x', 0)",  # memfd_create
        "system(447, 447, 0)",  # memfd_secret
        "system(437, 437, -100, b'/etc/passwd', b'0' * 24, 24)",  # openat2
        "system(303, 264, -100, b'/', b'0' * 64, b'0' * 8, 0)",  # name_to_handle_at
        "call('mount', b'none', b'.', b'no-such-system', 0, None)",
        "call('umount2', b'nowhere', 2)",
        "system(428, 428, -100, b'/', 1)",  # open_tree
        "system(442, 442, -100, b'/', 0, b'0' * 32, 32)",  # mount_setattr
        "call('personality', 0x0040000)",  # no address randomisation
        "system(317, 277, 1, 0, None)",  # seccomp
        "system(444, 444, None, 0, 1)",  # landlock_create_ruleset
        "system(126, 91, b'0' * 8, b'0' * 24)",  # capset
        "system(27, 232, 0, 4096, b'0')",  # mincore: the page cache of others
        "system(451, 451, 0, None, None, 0)",  # cachestat
        "system(253, 26)",  # inotify_init
        "system(300, 262, 0, 0)",  # fanotify_init
        "system(103, 116, 3, None, 0)",  # syslog
        "call('swapon', b'nowhere', 0)",
        "call('sethostname', os.uname().nodename.encode(), len(os.uname().nodename))",
        "system(29, 194, 77, 4096, 0)",  # shmget
        "system(64, 190, 77, 1, 0)",  # semget
        "system(68, 186, 77, 0)",  # msgget
        "system(240, 180, b'w2s', 0, 0, None)",  # mq_open
        "fcntl.ioctl(0, 0x5412, b'x')",  # TIOCSTI
        "fcntl.flock(os.open(os.__file__, os.O_RDONLY), fcntl.LOCK_SH | fcntl.LOCK_NB)",
        "fcntl.lockf(os.open('own', os.O_RDWR | os.O_CREAT), fcntl.LOCK_EX)",
        "os.close(os.open('own', os.O_CREAT)); os.open('own', os.O_RDONLY | os.O_TRUNC)",
    ],
)
def test_the_rest_is_refused(attack, body):
    outcome = attack(body)
    assert outcome.why in REFUSED and not outcome.failed, outcome


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="only x86_64 has them")
@pytest.mark.parametrize("door", ["x32", "int 0x80"])
def test_another_machine_s_system_calls_kill_the_worker(attack, door):
    # getpid by the 32-bit entry: mov eax, 20; int 0x80; ret.
    code = "b'\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3'"
    body = {
        "x32": "system(0x40000000 + 39, 0)",
        "int 0x80": f"""
            page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
            page.write({code})
            ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
        """,
    }[door]
    outcome = attack(body)
    assert outcome.failed and ("SIGSYS" in outcome.why or "SIGSEGV" in outcome.why), outcome
