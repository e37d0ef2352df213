"""exec, fork, threads, daemons, programs written to scratch."""

from __future__ import annotations

from w2s_harness import Attack

PREVENTED = ("EACCES", "EPERM", "ENOENT", "ENOSYS", "EINVAL", "EAGAIN")
BODIES = {
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

ATTACKS = [
    *(
        Attack(
            name=f"start-{what}", family="starting processes", body=body, stops=PREVENTED,
            summary=f"starts a process: {what.replace('-', ' ')}",
        )
        for what, body in BODIES.items()
    ),
    Attack(
        name="start-many-threads", family="starting processes",
        stops=("threads, over the 64 allowed", "RuntimeError"), summary="starts 500 threads",
        body="""
            threads = [threading.Thread(target=time.sleep, args=(60,), daemon=True) for _ in range(500)]
            for t in threads: t.start()
            time.sleep(3)
        """,
    ),
]  # fmt: skip
