"""Rarely used doors into the kernel: io_uring, bpf, userfaultfd, key rings, handles, mounts."""

from __future__ import annotations

from w2s_harness import Attack

KILLED = {
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
REFUSED = {
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

ATTACKS = [
    *(
        Attack(
            name=f"kernel-{what}", family="kernel interfaces", body=body, stops=("was killed by SIGSYS",),
            summary=f"calls {what.replace('-', ' ')}",
        )
        for what, body in KILLED.items()
    ),
    *(
        Attack(
            name=f"kernel-{what}", family="kernel interfaces", body=body, stops=("EPERM", "ENOSYS"),
            summary=f"calls {what.replace('-', ' ')}",
        )
        for what, body in REFUSED.items()
    ),
    Attack(
        name="kernel-x32-calls", family="kernel interfaces", stops=("SIGSYS", "Stopped"),
        summary="calls the kernel by the numbers of x32",
        body="if not X86: raise Stopped('only x86_64 has them')\nsystem(0x40000000 + 39, 0)",
    ),
    Attack(
        name="kernel-32-bit-calls", family="kernel interfaces", stops=("SIGSYS", "SIGSEGV", "Stopped"),
        summary="calls the kernel through its 32-bit entry", body=OTHER_MACHINE,
    ),
]  # fmt: skip
