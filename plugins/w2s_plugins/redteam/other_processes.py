"""Parent, siblings and the rest of the machine: /proc, ptrace, signals, priorities, limits.

Harmless where they succeed: signal 0, limits as they are, calls that fail late.
"""

from __future__ import annotations

from w2s_harness import Attack

PROC = {
    "memory": "open(f'/proc/{pid}/mem')",
    "environment": "open(f'/proc/{pid}/environ')",
    "maps": "open(f'/proc/{pid}/maps')",
    "command-line": "open(f'/proc/{pid}/cmdline')",
    "descriptors": "os.listdir(f'/proc/{pid}/fd')",
    "root": "open(f'/proc/{pid}/root/etc/passwd')",
    "threads": "os.listdir(f'/proc/{pid}/task')",
    "status": "open(f'/proc/{pid}/status')",
    "auxiliary-vector": "open(f'/proc/{pid}/auxv')",
}
KILLED = {
    "ptrace-attach": "system(101, 117, 16, 0, 0, 0)",
    "ptrace-seize": "system(101, 117, 0x4206, 0, 0, 0)",
    "read-memory": "system(310, 270, os.getppid(), None, 0, None, 0, 0)",
    "write-memory": "system(311, 271, os.getppid(), None, 0, None, 0, 0)",
    "pidfd-getfd": "system(438, 438, 0, 0, 0)",
    "kcmp": "system(312, 272, os.getpid(), os.getppid(), 0, 0, 0)",
    "process-madvise": "system(440, 440, 0, None, 0, 0, 0)",
}
REFUSED = {
    "signal-the-parent": "os.kill(os.getppid(), 0)",
    "signal-everyone": "os.kill(-1, 0)",
    "signal-its-group": "os.kill(0, 0)",
    "signal-a-group": "os.kill(-os.getpgrp(), 0)",
    "signal-the-parent-s-group": "os.killpg(os.getpgid(os.getppid()), 0)",
    "signal-the-host": "os.kill(HOST, 0)",
    "tgkill": "system(234, 131, os.getppid(), os.getppid(), 0)",
    "tkill": "system(200, 130, os.getppid(), 0)",
    "rt-sigqueueinfo": "system(129, 138, os.getppid(), 0, b'0' * 128)",
    "pidfd-open": "system(434, 434, os.getppid(), 0)",
    "pidfd-send-signal": "system(424, 424, 0, 0, None, 0)",
    "signals-by-descriptor": "fcntl.fcntl(3, fcntl.F_SETOWN, os.getppid())",
    "signal-of-a-descriptor": "fcntl.fcntl(3, 10, 0)",
    "limits-of-the-parent": "resource.prlimit(os.getppid(), resource.RLIMIT_CORE, (0, 0))",
    "read-limits-of-the-parent": "resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE)",
    "priority-of-the-parent": "os.setpriority(os.PRIO_PROCESS, os.getppid(), 0)",
    "priority-of-a-user": "os.setpriority(os.PRIO_USER, 4242, 0)",
    "nice": "os.nice(1)",
    "cores-of-the-parent": "os.sched_setaffinity(os.getppid(), os.sched_getaffinity(os.getppid()))",
    "scheduler-of-the-parent": "os.sched_setscheduler(os.getppid(), os.SCHED_OTHER, os.sched_param(0))",
    "io-priority-of-the-parent": "system(251, 30, 1, os.getppid(), 0)",
    "join-a-group": "os.setpgid(0, os.getppid())",
    "become-root": "os.setuid(0)",
    "change-groups": "os.setgroups([])",
    "outlive-the-parent": "call('prctl', 1, 0, 0, 0, 0)",
    "dumpable-again": "call('prctl', 4, 1, 0, 0, 0)",
    "peer-of-the-socket": (
        "peer = socket.socket(fileno=os.dup(3)).getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)\n"
        "print(struct.unpack('3i', peer))"
    ),
    "session-of-the-parent": "os.getsid(os.getppid())",
    "group-of-the-host": "os.getpgid(HOST)",
    "scheduler-of-the-host": "os.sched_getscheduler(HOST)",
    "adopt-orphans": "call('prctl', 36, 1, 0, 0, 0)",
}

ATTACKS = [
    Attack(
        name="process-host-in-its-arguments", family="other processes", stops=("Stopped",),
        summary="looks for the host's process id in what its parent was started with",
        body="if str(HOST) not in [*sys.argv, *sys.orig_argv]: raise Stopped('no such argument')",
    ),
    *(
        Attack(
            name=f"proc-{what}-of-{who}", family="other processes", body=f"pid = {pid}\n{body}",
            stops=("EACCES", "EPERM", "ENOENT"), summary=f"{what.replace('-', ' ')} of {who} through /proc",
        )
        for who, pid in (("parent", "os.getppid()"), ("host", "HOST"))
        for what, body in PROC.items()
    ),
    *(
        Attack(
            name=f"process-{what}", family="other processes", body=body, stops=("was killed by SIGSYS",),
            summary=f"{what.replace('-', ' ')} of another process",
        )
        for what, body in KILLED.items()
    ),
    *(
        Attack(
            name=f"process-{what}", family="other processes", body=body, summary=what.replace("-", " "),
            stops=("EACCES", "EPERM", "ENOENT", "ENOSYS", "ESRCH", "ENODATA", "EINVAL"),
        )
        for what, body in REFUSED.items()
    ),
]  # fmt: skip
