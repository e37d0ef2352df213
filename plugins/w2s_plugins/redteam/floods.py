"""Memory, disk, processor, output, descriptors: taking more than a cell may have."""

from __future__ import annotations

from w2s_harness import Attack

BODIES = {
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
        name=f"flood-{what}", family="floods", body=body, stops=stops,
        summary=f"takes more than it may: {what.replace('-', ' ')}",
    )
    for what, (body, stops) in BODIES.items()
]  # fmt: skip
