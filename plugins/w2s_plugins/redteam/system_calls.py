"""Calls of the system: other processes, new ones, sockets, rare doors into the kernel; taking too much.

Harmless where they succeed: signal 0, limits as they are, calls that fail late, addresses of this machine.
"""

from __future__ import annotations

from w2s_harness import Attack
from w2s_plugins.redteam import Body, each

KILLED = ("was killed by SIGSYS",)
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
PROCESS_KILLED = {
    "ptrace-attach": "system(101, 117, 16, 0, 0, 0)",
    "ptrace-seize": "system(101, 117, 0x4206, 0, 0, 0)",
    "read-memory": "system(310, 270, os.getppid(), None, 0, None, 0, 0)",
    "write-memory": "system(311, 271, os.getppid(), None, 0, None, 0, 0)",
    "pidfd-getfd": "system(438, 438, 0, 0, 0)",
    "kcmp": "system(312, 272, os.getpid(), os.getppid(), 0, 0, 0)",
    "process-madvise": "system(440, 440, 0, None, 0, 0, 0)",
}
PROCESS_REFUSED = {
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

NOT_STARTED = ("EACCES", "EPERM", "ENOENT", "ENOSYS", "EINVAL", "EAGAIN")
STARTS = {
    "fork": "if os.fork() == 0: os._exit(0)",
    "fork-a-terminal": "if os.forkpty()[0] == 0: os._exit(0)",
    "shell": "os.execv('/bin/sh', ['sh', '-c', 'exit'])",
    "python": "os.execv(sys.executable, ['python', '-c', ''])",
    "posix-spawn": "os.posix_spawn('/bin/true', ['true'], {})",
    "subprocess": "import subprocess; subprocess.run(['true'])",
    "subprocess-python": "import subprocess; subprocess.run([sys.executable, '-c', ''])",
    "multiprocessing": (
        "import multiprocessing as m; p = m.get_context('fork').Process(target=print); p.start()"
    ),
    "daemon": "if os.fork() == 0: os._exit(0)\nos.setsid()",
    "new-session": "os.setsid()",
    "clone": "system(56, 220, 17, 0, 0, 0, 0)",
    "clone-sharing-memory": "system(56, 220, 0x100 | 17, 0, 0, 0, 0)",
    "clone-new-user": "system(56, 220, 0x10000000 | 17, 0, 0, 0, 0)",
    "clone3": "system(435, 435, b'\\0' * 64, 64)",
    "vfork": "system(58, 220, 0x4111, 0, 0, 0, 0)",
    "execveat": "system(322, 281, -100, b'/bin/true', None, None, 0)",
    "unshare": "call('unshare', 0x10000000)",
    "setns": "call('setns', 0, 0)",
    "chroot": "call('chroot', b'.')",
    "program-in-scratch": """
        open("x", "wb").write(b"#!/bin/sh\\n")
        os.chmod("x", 0o700)
        os.execv("x", ["x"])
    """,
}

NO_SOCKET = ("EACCES", "EPERM", "ENOSYS", "EAFNOSUPPORT")
SOCKETS = {
    "tcp": "socket.create_connection(('127.0.0.1', 80), timeout=1)",
    "tcp6": "socket.socket(socket.AF_INET6, socket.SOCK_STREAM)",
    "udp": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
    "raw": "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
    "packet": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)",
    "netlink": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)",
    "local-stream": "socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)",
    "local-datagram": "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'x', '/dev/log')",
    "pair-of-datagrams": "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)",
    "pair-of-packets": "socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)",
    "pair-connects": "a, b = socket.socketpair(); a.connect(b'\\0w2s')",
    "pair-binds": "a, b = socket.socketpair(); a.bind('here')",
    "pair-binds-abstract": "a, b = socket.socketpair(); a.bind(b'\\0w2s')",
    "pair-listens": "a, b = socket.socketpair(); a.listen()",
    "pair-sends-elsewhere": "a, b = socket.socketpair(); a.sendto(b'x', '/dev/log')",
    "pass-a-descriptor": "a, b = socket.socketpair(); socket.send_fds(a, [b'x'], [0])",
    "receive-a-message": "a, b = socket.socketpair(); b.recvmsg(1)",
    "socket-call": "system(41, 198, 2, 1, 0)",
    "virtual-machine-socket": "system(41, 198, 40, 1, 0)",
    "kernel-crypto": "system(41, 198, 38, 5, 0)",
}

KERNEL_KILLED = {
    "bpf": "system(321, 280, 0, None, 0)",
    "userfaultfd": "system(323, 282, 0)",
    "keyctl": "system(250, 219, 0, -3, 0)",
    "add-key": "system(248, 217, b'no-such-kind', b'w2s', b'x', 1, 0)",
    "request-key": "system(249, 218, b'user', b'w2s', None, 0)",
    "open-by-handle": "system(304, 265, -100, b'0' * 64, 0)",
    "perf-event": "system(298, 241, b'0' * 128, 0, -1, -1, 0)",
    "init-module": "system(175, 105, None, 0, b'')",
    "kexec": "system(246, 104, 0, 0, None, 0xFFFF)",
}
KERNEL_REFUSED = {
    "io-uring-setup": "system(425, 425, 4, b'0' * 120)",
    "io-uring-enter": "system(426, 426, 0, 0, 0, 0, None, 0)",
    "io-uring-register": "system(427, 427, 0, 0, None, 0)",
    "memory-file": "system(319, 279, b'x', 0)",
    "secret-memory": "system(447, 447, 0)",
    "openat2": "system(437, 437, -100, b'/etc/passwd', b'0' * 24, 24)",
    "name-to-handle": "system(303, 264, -100, b'/', b'0' * 64, b'0' * 8, 0)",
    "mount": "call('mount', b'none', b'.', b'no-such-system', 0, None)",
    "unmount": "call('umount2', b'nowhere', 2)",
    "open-tree": "system(428, 428, -100, b'/', 1)",
    "mount-setattr": "system(442, 442, -100, b'/', 0, b'0' * 32, 32)",
    "personality": "call('personality', 0x0040000)",
    "another-filter": "system(317, 277, 1, 0, None)",
    "another-ruleset": "system(444, 444, None, 0, 1)",
    "capabilities": "system(126, 91, b'0' * 8, b'0' * 24)",
    "page-cache-of-others": "system(27, 232, 0, 4096, b'0')",
    "cachestat": "system(451, 451, 0, None, None, 0)",
    "inotify": "system(253, 26)",
    "fanotify": "system(300, 262, 0, 0)",
    "kernel-log": "system(103, 116, 3, None, 0)",
    "swap": "call('swapon', b'nowhere', 0)",
    "host-name": "call('sethostname', os.uname().nodename.encode(), len(os.uname().nodename))",
    "shared-memory": "system(29, 194, 77, 4096, 0)",
    "semaphores": "system(64, 190, 77, 1, 0)",
    "message-queue": "system(68, 186, 77, 0)",
    "posix-queue": "system(240, 180, b'w2s', 0, 0, None)",
    "terminal-input": "fcntl.ioctl(0, 0x5412, b'x')",
    "lock-the-installation": "fcntl.flock(os.open(os.__file__, os.O_RDONLY), fcntl.LOCK_SH | fcntl.LOCK_NB)",
    "record-lock": "fcntl.lockf(os.open('own', os.O_RDWR | os.O_CREAT), fcntl.LOCK_EX)",
    "truncate-read-only": "os.close(os.open('own', os.O_CREAT)); os.open('own', os.O_RDONLY | os.O_TRUNC)",
    "layers-of-the-kernel": "print(call('prctl', 39, 0, 0, 0, 0))",
}
# getpid by the 32-bit entry: mov eax, 20; int 0x80; ret.
OTHER_MACHINE = """
    if not X86: raise Stopped("only x86_64 has it")
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(b'\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3')
    ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
"""

FLOODS: dict[str, Body] = {
    "memory": ("held = [mmap.mmap(-1, 2**28) for _ in range(64)]", ("ENOMEM",)),
    "objects": ("held = [np.zeros(2**27) for _ in range(64)]", ("MemoryError",)),
    "one-map": ("mmap.mmap(-1, 2**43)", ("ENOMEM",)),
    "one-file": ("os.truncate(os.open('a', os.O_RDWR | os.O_CREAT), 2**40)", ("EFBIG",)),
    "disk": (
        "for i in range(400):\n    open(f'a{i}', 'wb').write(bytes(2**20))\ntime.sleep(1)",
        ("ENOSPC", "MiB that its scratch"),
    ),
    "deleted-files": (
        "held = []\nfor i in range(200):\n    held.append(open('a', 'wb')); os.unlink('a')\n"
        "    held[-1].write(bytes(2**21)); held[-1].flush(); time.sleep(0.005)\ntime.sleep(1)",
        ("ENOSPC", "MiB that its scratch"),
    ),
    "unnamed-files": (
        "held = []\nfor i in range(200):\n    held.append(os.open('.', os.O_TMPFILE | os.O_RDWR))\n"
        "    os.write(held[-1], bytes(2**21)); time.sleep(0.005)\ntime.sleep(1)",
        ("ENOSPC", "MiB that its scratch"),
    ),
    "many-files": (
        "for i in range(30000): os.close(os.open(f'a{i}', os.O_CREAT))\ntime.sleep(1)",
        ("ENOSPC", "files that its scratch"),
    ),
    "processor": ("while True: pass", ("of its own time", "SIGXCPU", "SIGKILL")),
    "sleep": ("time.sleep(600)", ("of its own time",)),
    "output": ("while True: print('x' * 10_000)", ("of its own time",)),
    "descriptors": ("held = [os.open(os.__file__, os.O_RDONLY) for _ in range(1000)]", ("EMFILE",)),
    "raise-a-limit": ("resource.setrlimit(resource.RLIMIT_AS, (-1, -1))", ("ValueError", "EPERM")),
    "raise-the-file-limit": ("resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))", ("ValueError", "EPERM")),
    "locked-memory": ("call('mlockall', 3)", ("EPERM", "ENOMEM", "ENOSYS")),
    "recursion": ("def f(): f()\nf()", ("RecursionError",)),
    "stack": (
        "sys.setrecursionlimit(10**9)\nclass A:\n    def __getattr__(s, n): return s.y\nA().x",
        ("SIGSEGV", "RecursionError", "MemoryError", "of its own time"),
    ),
    "signals": ("for _ in range(10**6): signal.raise_signal(signal.SIGKILL)", ("SIGKILL",)),
}

ATTACKS = [
    Attack(
        name="process-host-in-its-arguments", family="other processes", stops=("Stopped",),
        summary="looks for the host's process id in what its parent was started with",
        body="if str(HOST) not in [*sys.argv, *sys.orig_argv]: raise Stopped('no such argument')",
    ),
    *(
        attack
        for who, pid in (("parent", "os.getppid()"), ("host", "HOST"))
        for attack in each(
            f"proc-{{}}-of-{who}", "other processes", PROC, f"{{}} of {who} through /proc",
            form=f"pid = {pid}\n{{}}", stops=("EACCES", "EPERM", "ENOENT"),
        )
    ),
    *each("process-{}", "other processes", PROCESS_KILLED, "{} of another process", stops=KILLED),
    *each(
        "process-{}", "other processes", PROCESS_REFUSED, "{}",
        stops=("EACCES", "EPERM", "ENOENT", "ENOSYS", "ESRCH", "ENODATA", "EINVAL"),
    ),
    *each("start-{}", "starting processes", STARTS, "starts a process: {}", stops=NOT_STARTED),
    Attack(
        name="start-many-threads", family="starting processes",
        stops=("threads, over the 64 allowed", "RuntimeError"), summary="starts 500 threads",
        body="""
            threads = [threading.Thread(target=time.sleep, args=(60,), daemon=True) for _ in range(500)]
            for t in threads: t.start()
            time.sleep(3)
        """,
    ),
    *each("network-{}", "network", SOCKETS, "opens a socket: {}", stops=NO_SOCKET),
    Attack(
        name="network-any-family", family="network", stops=("Stopped",),
        summary="tries a raw socket of every family",
        body="""
            made = []
            for family in sorted({int(getattr(socket, n)) for n in dir(socket) if n.startswith("AF_")}):
                try: socket.socket(family, 3, 0); made.append(family)
                except OSError as bad:
                    if bad.errno not in (errno.EACCES, errno.EPERM, errno.ENOSYS, errno.EAFNOSUPPORT):
                        made.append(family)
            if not made: raise Stopped("no family gives a socket")
        """,
    ),
    Attack(
        name="network-name-lookup", family="network", stops=("gaierror", "EACCES", "EPERM", "EAI_"),
        summary="asks for the address of a name", body="socket.getaddrinfo('w2s-harness.invalid', 80)",
    ),
    *each("kernel-{}", "kernel interfaces", KERNEL_KILLED, "calls {}", stops=KILLED),
    *each("kernel-{}", "kernel interfaces", KERNEL_REFUSED, "calls {}", stops=("EPERM", "ENOSYS")),
    Attack(
        name="kernel-x32-calls", family="kernel interfaces", stops=("SIGSYS", "Stopped"),
        summary="calls the kernel by the numbers of x32",
        body="if not X86: raise Stopped('only x86_64 has them')\nsystem(0x40000000 + 39, 0)",
    ),
    Attack(
        name="kernel-32-bit-calls", family="kernel interfaces", stops=("SIGSYS", "SIGSEGV", "Stopped"),
        summary="calls the kernel through its 32-bit entry", body=OTHER_MACHINE,
    ),
    *each("flood-{}", "floods", FLOODS, "takes more than it may: {}"),
]  # fmt: skip
