"""State carried from one cell to the next, or to a cell beside it."""

from __future__ import annotations

import attacks
import pytest


@pytest.mark.parametrize(
    ("leave", "find"),
    [
        ("open('left', 'w').write('1')", "open('left')"),
        ("open('/tmp/w2s-left', 'w')", "open('/tmp/w2s-left')"),
        ("open('/dev/shm/w2s-left', 'w')", "open('/dev/shm/w2s-left')"),
        (
            "from multiprocessing import shared_memory as s; s.SharedMemory('w2s', create=True, size=9)",
            "from multiprocessing import shared_memory as s; s.SharedMemory('w2s')",
        ),
        (
            "import w2s_harness; w2s_harness.left = 1",
            "import w2s_harness\nif not hasattr(w2s_harness, 'left'): raise OSError",
        ),
        ("os.environ['LEFT'] = '1'", "if 'LEFT' not in os.environ: raise OSError"),
    ],
)
def test_a_later_cell_finds_nothing_of_an_earlier_one(attack, leave, find):
    attack(leave)
    assert not attack(find).succeeded


def test_the_memory_of_the_zygote_is_not_the_memory_of_its_children(zygote, order):
    body = "import gc, w2s_harness.types as t; t.SPLITS = ('changed',)"
    assert attacks.run(zygote, body, order).succeeded
    check = "import w2s_harness.types as t\nif 'changed' not in t.SPLITS: raise OSError(0, 'clean')"
    assert not attacks.run(zygote, check, order).succeeded


def test_a_zygote_holds_nothing_of_the_host(attack):
    outcome = attack("""
        import gc
        found = [o for o in gc.get_objects() if isinstance(o, dict) and "gold" in o]
        if not found: raise OSError(0, "nothing")
    """)
    assert not outcome.succeeded
