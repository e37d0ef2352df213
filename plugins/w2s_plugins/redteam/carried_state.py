"""State carried from one cell to the next, or to a cell beside it."""

from __future__ import annotations

from w2s_harness import Attack

MEDIA = {
    "scratch": ("os.path.exists('left')", "open('left', 'w').write('1')"),
    "temporary-folder": ("os.path.exists('/tmp/w2s-redteam')", "open('/tmp/w2s-redteam', 'w').write('1')"),
    "shared-memory": ("os.path.exists('/dev/shm/w2s-redteam')", "open('/dev/shm/w2s-redteam', 'w')"),
    "module": (
        "hasattr(sys.modules['w2s_harness'], 'left')",
        "sys.modules['w2s_harness'].left = 1",
    ),
    "environment": ("'LEFT' in os.environ", "os.environ['LEFT'] = '1'"),
    "limits": (
        "resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 77",
        "resource.setrlimit(resource.RLIMIT_NOFILE, (77, 256))",
    ),
    "zygote-memory": (
        "__import__('w2s_harness.contract.types').types.SPLITS == ('changed',)",
        "__import__('w2s_harness.contract.types').types.SPLITS = ('changed',)",
    ),
    "timer": ("signal.getitimer(signal.ITIMER_REAL)[0] > 0", "signal.setitimer(signal.ITIMER_REAL, 1000)"),
    "random-state": ("np.random.get_state()[1][0] == 77", "np.random.seed(77)"),
    "abstract-socket": (
        "not socket.socket(socket.AF_UNIX).connect_ex('\\0w2s-redteam')",
        "socket.socket(socket.AF_UNIX).bind('\\0w2s-redteam')",
    ),
    "shared-segment": ("system(29, 194, 4242, 1, 0) > 0", "system(29, 194, 4242, 1, 0o1600)"),
    "file-times": ("os.stat(SITE).st_atime == 77", "os.utime(SITE, (77, os.stat(SITE).st_mtime))"),
}

ATTACKS = [
    Attack(
        name=f"carry-{what}", family="carried state", cells="several",
        summary=f"leaves a mark for the next cell: {what.replace('-', ' ')}",
        body=f"if {found}: return None\n{leave}\nraise Stopped('nothing is left of an earlier cell')",
    )
    for what, (found, leave) in MEDIA.items()
]  # fmt: skip
ATTACKS += [
    Attack(
        name="carry-gold-in-memory", family="carried state", stops=("Stopped",),
        summary="looks for labels in the memory that it was forked from",
        body="""
            import gc
            words = {"gold", "labels", "outcomes", "weak_test"}
            every = gc.get_objects()
            found = [o for o in every if isinstance(o, dict) and words & {k for k in o if type(k) is str}]
            arrays = [o for o in every if isinstance(o, np.ndarray) and o.dtype == bool and o.size > 50]
            if not [o for o in found if o is not globals() and "words" not in o] and not arrays:
                raise Stopped("no labels in memory")
        """,
    ),
]  # fmt: skip
