"""Parent, siblings and the rest of the machine, reached from inside a worker.

Every attack of this suite is harmless where it succeeds: signal 0, limits as they are, calls that fail late.
"""

from __future__ import annotations

import os

import pytest

PREVENTED = {"EACCES", "EPERM", "ENOENT", "ENOSYS", "ESRCH", "ENODATA", "EINVAL"}
KILLED = "was killed by SIGSYS"

PROC = ["mem", "environ", "maps", "cmdline", "fd", "root/etc/passwd", "task", "status", "auxv"]


@pytest.mark.parametrize("what", PROC)
@pytest.mark.parametrize("whose", ["parent", "host"])
def test_proc_of_another_process_is_closed(attack, whose, what):
    pid = os.getpid() if whose == "host" else "{os.getppid()}"
    look = "os.listdir" if what in ("fd", "task") else "open"
    assert attack(f"{look}(f'/proc/{pid}/{what}')").why in {"EACCES", "EPERM", "ENOENT"}


@pytest.mark.parametrize(
    "body",
    [
        "system(101, 117, 16, 0, 0, 0)",  # ptrace(PTRACE_ATTACH)
        "system(101, 117, 0x4206, 0, 0, 0)",  # ptrace(PTRACE_SEIZE)
        "system(310, 270, os.getppid(), None, 0, None, 0, 0)",  # process_vm_readv
        "system(311, 271, os.getppid(), None, 0, None, 0, 0)",  # process_vm_writev
        "system(438, 438, 0, 0, 0)",  # pidfd_getfd
        "system(312, 272, os.getpid(), os.getppid(), 0, 0, 0)",  # kcmp
        "system(440, 440, 0, None, 0, 0, 0)",  # process_madvise
    ],
)
def test_what_no_method_has_an_honest_use_for_kills_the_worker(attack, body):
    outcome = attack(body)
    assert outcome.failed and KILLED in outcome.why


@pytest.mark.parametrize(
    "body",
    [
        "os.kill(os.getppid(), 0)",
        "os.kill(-1, 0)",
        "os.kill(0, 0)",
        "os.kill(-os.getpgrp(), 0)",
        "os.killpg(os.getpgid(os.getppid()), 0)",
        "system(234, 131, os.getppid(), os.getppid(), 0)",  # tgkill
        "system(200, 130, os.getppid(), 0)",  # tkill
        "system(129, 138, os.getppid(), 0, b'0' * 128)",  # rt_sigqueueinfo
        "system(434, 434, os.getppid(), 0)",  # pidfd_open
        "system(424, 424, 0, 0, None, 0)",  # pidfd_send_signal
        "fcntl.fcntl(3, fcntl.F_SETOWN, os.getppid())",
        "fcntl.fcntl(3, 10, 0)",  # F_SETSIG
        "resource.prlimit(os.getppid(), resource.RLIMIT_CORE, (0, 0))",
        "resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE)",
        "os.setpriority(os.PRIO_PROCESS, os.getppid(), 0)",
        "os.setpriority(os.PRIO_USER, 4242, 0)",
        "os.nice(1)",
        "os.sched_setaffinity(os.getppid(), os.sched_getaffinity(os.getppid()))",
        "os.sched_setscheduler(os.getppid(), os.SCHED_OTHER, os.sched_param(0))",
        "system(251, 30, 1, os.getppid(), 0)",  # ioprio_set
        "os.setpgid(0, os.getppid())",
        "os.setuid(0)",
        "os.setgroups([])",
        "call('prctl', 1, 0, 0, 0, 0)",  # PR_SET_PDEATHSIG off
        "call('prctl', 4, 1, 0, 0, 0)",  # dumpable again
        "call('prctl', 36, 1, 0, 0, 0)",  # subreaper
    ],
)
def test_signals_limits_and_priorities_of_others_are_out_of_reach(attack, body):
    outcome = attack(body)
    assert outcome.why in PREVENTED and not outcome.failed, outcome


def test_the_parent_still_lives_and_serves_after_all_that(zygote, order):
    with zygote.spawn(order) as worker:
        assert worker.report.level == ("L2" if order.namespaces else "L1")
