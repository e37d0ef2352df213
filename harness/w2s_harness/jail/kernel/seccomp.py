"""A seccomp filter: the system calls that a worker may make, and with which arguments.

A classic BPF program over `struct seccomp_data` (`linux/seccomp.h`): number, machine, six arguments. What is
not on the list fails with EPERM; what no method has an honest use for kills the worker. Numbers of calls are
the kernel's: `arch/x86/entry/syscalls/syscall_64.tbl` and `include/uapi/asm-generic/unistd.h`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Sequence

from w2s_harness.jail.kernel.kernel import LockdownError, prctl

ALLOWED = (
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "close", "close_range",
    "stat", "fstat", "lstat", "newfstatat", "statx", "lseek", "poll", "ppoll", "select", "pselect6",
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "eventfd2", "mmap",
    "mprotect", "munmap", "mremap", "msync", "madvise", "brk", "rt_sigaction", "rt_sigprocmask",
    "rt_sigreturn", "rt_sigpending", "rt_sigtimedwait", "rt_sigsuspend", "sigaltstack", "pause", "access",
    "faccessat", "faccessat2", "pipe", "pipe2", "dup", "dup2", "dup3", "nanosleep", "clock_nanosleep",
    "getpid", "getppid", "gettid", "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid",
    "getpgrp", "getgroups", "recvfrom", "shutdown", "getsockname", "getpeername", "set_robust_list", "rseq",
    "set_tid_address", "futex", "sched_yield", "sched_getaffinity", "sched_get_priority_max",
    "sched_get_priority_min", "membarrier", "getrlimit", "setrlimit", "getrusage", "times", "clock_gettime",
    "clock_getres", "gettimeofday", "time", "sysinfo", "uname", "getcpu", "getrandom", "getdents",
    "getdents64", "getcwd", "chdir", "fchdir", "rename", "renameat", "mkdir", "mkdirat", "rmdir", "unlink",
    "unlinkat", "ftruncate", "fallocate", "fsync", "fdatasync", "sendfile", "copy_file_range", "fadvise64",
    "readlink", "readlinkat", "statfs", "fstatfs", "umask", "exit", "exit_group", "restart_syscall",
    "wait4", "alarm", "getitimer", "setitimer",
)  # fmt: skip
"""Allowed whatever their arguments."""

ABSENT = (
    "clone3", "io_uring_setup", "io_uring_enter", "io_uring_register", "memfd_create",
    "memfd_secret", "openat2",
)  # fmt: skip
"""Answered as if the kernel did not know them, so that libraries fall back to what a filter can read."""

FATAL = (
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp", "bpf",
    "userfaultfd", "open_by_handle_at", "init_module", "finit_module", "delete_module", "kexec_load",
    "kexec_file_load", "add_key", "request_key", "keyctl", "perf_event_open",
)  # fmt: skip
"""No method has an honest use for them: the worker is killed."""

X86_64: dict[str, int] = {
    "access": 21, "alarm": 37, "brk": 12, "chdir": 80, "clock_getres": 229, "clock_gettime": 228,
    "clock_nanosleep": 230, "clone": 56, "clone3": 435, "close": 3, "close_range": 436,
    "copy_file_range": 326, "dup": 32, "dup2": 33, "dup3": 292, "epoll_create": 213, "epoll_create1": 291,
    "epoll_ctl": 233, "epoll_pwait": 281, "epoll_wait": 232, "eventfd2": 290, "exit": 60,
    "exit_group": 231, "faccessat": 269, "faccessat2": 439, "fadvise64": 221, "fallocate": 285,
    "fchdir": 81, "fcntl": 72, "fdatasync": 75, "fstat": 5, "fstatfs": 138, "fsync": 74, "ftruncate": 77,
    "futex": 202, "get_robust_list": 274, "getcpu": 309, "getcwd": 79, "getdents": 78, "getdents64": 217,
    "getegid": 108, "geteuid": 107, "getgid": 104, "getgroups": 115, "getitimer": 36, "getpeername": 52,
    "getpgid": 121, "getpgrp": 111, "getpid": 39, "getppid": 110, "getrandom": 318, "getresgid": 120,
    "getresuid": 118, "getrlimit": 97, "getrusage": 98, "getsid": 124, "getsockname": 51, "getsockopt": 55,
    "gettid": 186, "gettimeofday": 96, "getuid": 102, "io_uring_enter": 426, "io_uring_register": 427,
    "io_uring_setup": 425, "ioctl": 16, "kill": 62, "lseek": 8, "lstat": 6, "madvise": 28,
    "membarrier": 324, "memfd_create": 319, "memfd_secret": 447, "mkdir": 83, "mkdirat": 258, "mmap": 9,
    "mprotect": 10, "mremap": 25, "msync": 26, "munmap": 11, "nanosleep": 35, "newfstatat": 262, "open": 2,
    "openat": 257, "openat2": 437, "pause": 34, "pipe": 22, "pipe2": 293, "poll": 7, "ppoll": 271,
    "prctl": 157, "pread64": 17, "preadv": 295, "prlimit64": 302, "pselect6": 270, "pwrite64": 18,
    "pwritev": 296, "read": 0, "readlink": 89, "readlinkat": 267, "readv": 19, "recvfrom": 45,
    "rename": 82, "renameat": 264, "renameat2": 316, "restart_syscall": 219, "rmdir": 84, "rseq": 334,
    "rt_sigaction": 13, "rt_sigpending": 127, "rt_sigprocmask": 14, "rt_sigreturn": 15,
    "rt_sigsuspend": 130, "rt_sigtimedwait": 128, "sched_get_priority_max": 146,
    "sched_get_priority_min": 147, "sched_getaffinity": 204, "sched_getparam": 143,
    "sched_getscheduler": 145, "sched_setaffinity": 203, "sched_yield": 24, "select": 23, "sendfile": 40,
    "sendto": 44, "set_robust_list": 273, "set_tid_address": 218, "setitimer": 38, "setrlimit": 160,
    "shutdown": 48, "sigaltstack": 131, "socketpair": 53, "stat": 4, "statfs": 137, "statx": 332,
    "sysinfo": 99, "tgkill": 234, "time": 201, "times": 100, "umask": 95, "uname": 63, "unlink": 87,
    "unlinkat": 263, "wait4": 61, "write": 1, "writev": 20,
    "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "process_madvise": 440,
    "pidfd_getfd": 438, "kcmp": 312, "bpf": 321, "userfaultfd": 323, "open_by_handle_at": 304,
    "init_module": 175, "finit_module": 313, "delete_module": 176, "kexec_load": 246, "kexec_file_load":
    320, "add_key": 248, "request_key": 249, "keyctl": 250, "perf_event_open": 298,
}  # fmt: skip

AARCH64: dict[str, int] = {
    "brk": 214, "chdir": 49, "clock_getres": 114, "clock_gettime": 113, "clock_nanosleep": 115,
    "clone": 220, "close": 57, "close_range": 436, "copy_file_range": 285, "dup": 23, "dup3": 24,
    "epoll_create1": 20, "epoll_ctl": 21, "epoll_pwait": 22, "eventfd2": 19, "exit": 93, "exit_group": 94,
    "faccessat": 48, "faccessat2": 439, "fadvise64": 223, "fallocate": 47, "fchdir": 50, "fcntl": 25,
    "fdatasync": 83, "fstat": 80, "fstatfs": 44, "fsync": 82, "ftruncate": 46, "futex": 98,
    "get_robust_list": 100, "getcpu": 168, "getcwd": 17, "getdents64": 61, "getegid": 177, "geteuid": 175,
    "getgid": 176, "getgroups": 158, "getitimer": 102, "getpeername": 205, "getpgid": 155, "getpid": 172,
    "getppid": 173, "getrandom": 278, "getresgid": 150, "getresuid": 148, "getrlimit": 163,
    "getrusage": 165, "getsid": 156, "getsockname": 204, "getsockopt": 209, "gettid": 178,
    "gettimeofday": 169, "getuid": 174, "io_uring_enter": 426, "io_uring_register": 427,
    "io_uring_setup": 425, "ioctl": 29, "kill": 129, "lseek": 62, "madvise": 233, "membarrier": 283,
    "memfd_create": 279, "mkdirat": 34, "mmap": 222, "mprotect": 226, "mremap": 216, "munmap": 215,
    "msync": 227,
    "nanosleep": 101, "newfstatat": 79, "openat": 56, "openat2": 437, "pipe2": 59, "ppoll": 73,
    "prctl": 167, "pread64": 67, "preadv": 69, "prlimit64": 261, "pselect6": 72, "pwrite64": 68,
    "pwritev": 70, "read": 63, "readlinkat": 78, "readv": 65, "recvfrom": 207, "renameat": 38,
    "renameat2": 276, "restart_syscall": 128, "rseq": 293, "rt_sigaction": 134, "rt_sigpending": 136,
    "rt_sigprocmask": 135, "rt_sigreturn": 139, "rt_sigsuspend": 133, "rt_sigtimedwait": 137,
    "sched_get_priority_max": 125, "sched_get_priority_min": 126, "sched_getaffinity": 123,
    "sched_getparam": 121, "sched_getscheduler": 120, "sched_setaffinity": 122, "sched_yield": 124,
    "sendfile": 71, "sendto": 206, "set_robust_list": 99, "set_tid_address": 96, "setitimer": 103,
    "setrlimit": 164, "shutdown": 210, "sigaltstack": 132, "socketpair": 199, "statfs": 43, "statx": 291,
    "sysinfo": 179, "tgkill": 131, "times": 153, "umask": 166, "uname": 160, "unlinkat": 35, "wait4": 260,
    "write": 64, "writev": 66,
    "clone3": 435, "memfd_secret": 447,
    "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271, "process_madvise": 440,
    "pidfd_getfd": 438, "kcmp": 272, "bpf": 280, "userfaultfd": 282, "open_by_handle_at": 265,
    "init_module": 105, "finit_module": 273, "delete_module": 106, "kexec_load": 104, "kexec_file_load":
    294, "add_key": 217, "request_key": 218, "keyctl": 219, "perf_event_open": 241,
}  # fmt: skip

NUMBERS = {"x86_64": X86_64, "aarch64": AARCH64}
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""What the kernel calls each machine in `seccomp_data.arch` (`linux/audit.h`)."""


KILL, FAIL, ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
"""`SECCOMP_RET_KILL_PROCESS`, `SECCOMP_RET_ERRNO` (its number in the low half), `SECCOMP_RET_ALLOW`."""
_LOAD, _AND, _JUMP_EQUAL, _JUMP_GREATER, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
"""`LD|W|ABS`, `ALU|AND|K`, `JMP|JEQ|K`, `JMP|JGE|K`, `RET|K` (`linux/bpf_common.h`)."""
_NUMBER, _MACHINE, _ARGUMENTS = 0, 4, 16
_X32 = 0x40000000
_PR_SET_SECCOMP, _MODE_FILTER = 22, 2

_CLONE_THREAD = 0x00010000
_CLONE_NEW = 0x7E020080
"""Every flag that makes a namespace."""
_HARMLESS_IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX."""
_HARMLESS_FCNTLS = (0, 1, 2, 3, 4, 1030)
"""F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC: no lock, no owner, no signal."""
_HARMLESS_PRCTLS = (3, 15, 16, 0x53564D41)
"""PR_GET_DUMPABLE, PR_SET_NAME, PR_GET_NAME, PR_SET_VMA."""

_SOL_SOCKET = 1
_HARMLESS_OPTIONS = (2, 3, 4, 6, 7, 8, 9, 13, 15, 20, 21, 30, 38, 39)
"""SO_REUSEADDR, TYPE, ERROR, BROADCAST, SNDBUF, RCVBUF, KEEPALIVE, LINGER, REUSEPORT, RCVTIMEO, SNDTIMEO,
ACCEPTCONN, PROTOCOL, DOMAIN (`asm-generic/socket.h`)."""
_NOREPLACE, _EXCHANGE = 1, 2

Instruction = tuple[int, int, int, int]
"""code, jump if true, jump if false, constant."""
Test = tuple[int, int, tuple[int, ...]]
"""An argument's 32-bit word (2 * position, + 1 for the high half), a mask, and the values that pass."""
_ALL = 0xFFFFFFFF


def machine() -> str:
    """The name of this machine. Raises `LockdownError` where no table of system calls is shipped for it."""
    name = os.uname().machine
    if name not in NUMBERS or struct.calcsize("P") != 8:
        raise LockdownError(
            f"seccomp: no table of system calls for {name}; there is one for {', '.join(NUMBERS)}"
        )
    return name


def install(pid: int) -> None:
    """Filter this process's system calls from now on; cannot be undone. Needs `no_new_privs`.

    :param pid: this process, the only one that it may signal or set limits of. Raises `LockdownError`.
    """
    code = b"".join(struct.pack("=HBBI", *step) for step in program(machine(), pid))
    body = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("@HP", len(code) // 8, ctypes.addressof(body))
    prctl(_PR_SET_SECCOMP, _MODE_FILTER, header)


def program(name: str, pid: int) -> list[Instruction]:
    """The filter for the machine `name` and the process `pid`."""
    numbers = NUMBERS[name]
    steps: list[Instruction] = [
        (_LOAD, 0, 0, _MACHINE),
        (_JUMP_EQUAL, 1, 0, AUDIT_ARCH[name]),
        (_RETURN, 0, 0, KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if name == "x86_64":
        steps += [(_JUMP_GREATER, 0, 1, _X32), (_RETURN, 0, 0, KILL)]
    # Old calls are missing on newer machines.
    for calls, answer in ((ALLOWED, ALLOW), (ABSENT, FAIL | errno.ENOSYS), (FATAL, KILL)):
        for number in (numbers[call] for call in calls if call in numbers):
            steps += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, answer)]
    for call, tests in rules(pid).items():
        if call in numbers:
            block = [s for test in tests for s in _tested(test)] + [(_RETURN, 0, 0, ALLOW)]
            steps += [(_JUMP_EQUAL, 0, len(block), numbers[call]), *block]
    return [*steps, (_RETURN, 0, 0, FAIL | errno.EPERM)]


def rules(pid: int) -> dict[str, Sequence[Test]]:
    """The calls that are allowed for some arguments only: every test must pass."""
    own = (0, _ALL, (pid,))
    own_or_zero = (0, _ALL, (0, pid))
    access_mode = os.O_ACCMODE | os.O_TRUNC
    # A file opened to be read is not to be emptied: Landlock sees that from ABI 3 only.
    modes = (os.O_RDONLY, *(m | t for m in (os.O_WRONLY, os.O_RDWR) for t in (0, os.O_TRUNC)))
    return {
        "clone": [(0, _CLONE_THREAD | _CLONE_NEW, (_CLONE_THREAD,))],
        "kill": [own],
        "tgkill": [own],
        "prlimit64": [own_or_zero],
        "sched_setaffinity": [own_or_zero],
        # Of any other, the answer tells which processes there are.
        "getpgid": [own_or_zero],
        "getsid": [own_or_zero],
        "sched_getparam": [own_or_zero],
        "sched_getscheduler": [own_or_zero],
        "get_robust_list": [own_or_zero],
        "fcntl": [(2, _ALL, _HARMLESS_FCNTLS)],
        "ioctl": [(2, _ALL, _HARMLESS_IOCTLS)],
        "prctl": [(0, _ALL, _HARMLESS_PRCTLS)],
        # AF_UNIX, SOCK_STREAM: a datagram socket could send to any path.
        "socketpair": [(0, _ALL, (1,)), (2, 0xF, (1,))],
        # Not who is at the other end: that is the host.
        "getsockopt": [(2, _ALL, (_SOL_SOCKET,)), (4, _ALL, _HARMLESS_OPTIONS)],
        # A whiteout is a device.
        "renameat2": [(8, _ALL, (0, _NOREPLACE, _EXCHANGE))],
        # Without an address, so along what is connected already.
        "sendto": [(8, _ALL, (0,)), (9, _ALL, (0,))],
        "open": [(2, access_mode, modes)],
        "openat": [(4, access_mode, modes)],
    }


def _tested(test: Test) -> list[Instruction]:
    """Go on past the end where the word has one of the values, else fail with EPERM."""
    word, mask, values = test
    steps: list[Instruction] = [(_LOAD, 0, 0, _ARGUMENTS + 4 * word)]
    if mask != _ALL:
        steps.append((_AND, 0, 0, mask))
    for i, value in enumerate(values):
        steps.append((_JUMP_EQUAL, len(values) - i, 0, value))
    return [*steps, (_RETURN, 0, 0, FAIL | errno.EPERM)]
