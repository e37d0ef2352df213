"""What an honest method may do works inside the jail as outside: imports after lock-down, files, threads."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    "body",
    [
        "import scipy.cluster, scipy.fft, scipy.integrate, scipy.interpolate, scipy.linalg, scipy.optimize",
        "import scipy.signal, scipy.sparse.linalg, scipy.spatial, scipy.special, scipy.stats",
        """
        import numpy as np, scipy.optimize, scipy.stats
        assert scipy.optimize.minimize(lambda x: ((x - 1) ** 2).sum(), np.zeros(3), method="L-BFGS-B").success
        assert abs(scipy.stats.norm.cdf(0) - 0.5) < 1e-12
        a = np.random.default_rng(0).normal(size=(200, 200)); np.linalg.svd(a); np.linalg.eigh(a @ a.T)
        """,
        """
        import numpy as np
        np.save("a.npy", np.arange(9)); assert np.load("a.npy", mmap_mode="r").sum() == 36
        m = np.memmap("b", dtype="f8", mode="w+", shape=(1000,)); m[:] = 1; m.flush()
        np.savez_compressed("c.npz", x=np.ones(5)); assert np.load("c.npz")["x"].sum() == 5
        """,
        """
        import bz2, csv, ctypes.util, datetime, decimal, difflib, fractions, gzip, hashlib, heapq, html, json
        import locale, logging, lzma, pickle, pprint, queue, secrets, shelve, sqlite3, ssl, statistics, string
        import tempfile, timeit, tracemalloc, unittest.mock, urllib.request, uuid, xml.etree.ElementTree, zlib
        hashlib.sha3_256(b"x"); uuid.uuid4(); secrets.token_hex()
        sqlite3.connect(":memory:").execute("select 1")
        """,
        """
        import logging, tempfile
        logging.basicConfig(level=logging.INFO); logging.info("hello")
        with tempfile.TemporaryDirectory() as a, tempfile.NamedTemporaryFile(dir=a) as f: f.write(b"x")
        """,
        """
        import concurrent.futures, queue
        with concurrent.futures.ThreadPoolExecutor(8) as pool: assert list(pool.map(abs, [-1, -2])) == [1, 2]
        open(os.devnull).read()
        q = queue.Queue(); threading.Thread(target=q.put, args=(1,)).start(); assert q.get(timeout=5) == 1
        """,
        """
        import asyncio
        async def work(n): await asyncio.sleep(0.01); return n
        async def every(): return await asyncio.gather(*map(work, range(5)))
        assert asyncio.run(every()) == [0, 1, 2, 3, 4]
        """,
        """
        import traceback, platform
        try: json = __import__("json").loads("{")
        except ValueError: assert "decoder.py" in traceback.format_exc()
        platform.python_version(); os.cpu_count(); os.sched_getaffinity(0)
        resource.getrusage(resource.RUSAGE_SELF); time.process_time(); os.urandom(8); os.getpid(); os.uname()
        """,
        """
        signal.signal(signal.SIGALRM, lambda *a: None)
        signal.setitimer(signal.ITIMER_REAL, 0.01); signal.pause()
        """,
        "assert 'libc' in open('/proc/self/maps').read()",
        "import warnings; warnings.warn('look', stacklevel=1); print(sys.version, file=sys.stderr)",
    ],
)
def test_it_works(attack, body):
    outcome = attack(body)
    assert outcome.succeeded, (outcome.why, outcome.printed)


def test_numpy_uses_the_cores_that_it_is_given(attack):
    outcome = attack("print('CORES', len(os.sched_getaffinity(0))); os.sched_setaffinity(0, {0})")
    assert outcome.succeeded and "CORES" in outcome.printed


def test_a_closed_package_looks_absent_and_does_not_break_what_asks_for_it(attack):
    body = """
        try: import torch
        except ModuleNotFoundError: pass
        else: raise OSError(0, "read")
        import importlib.util
        assert importlib.util.find_spec("torch") is None
    """
    assert attack(body).succeeded
