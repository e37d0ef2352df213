"""Threads, of which an honest method may have a few."""

from __future__ import annotations


def test_a_few_threads_are_fine(attack):
    assert attack("""
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(8) as pool: assert sum(pool.map(int, range(100))) == 4950
    """).succeeded
