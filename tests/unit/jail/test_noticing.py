"""Which compiled sources count as made of released texts; the hook is called by hand, not installed."""

from __future__ import annotations

import pytest

from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.jail.inside import noticing
from w2s_harness.jail.inside.noticing import AuditListener

PROGRAM = "s=[2,2]\nc=4\nfor x in s: c=c-x\nprint(c)"
ROWS = (
    TextRow(f"{PROGRAM}\nWhat is printed?", "Prints 0."),
    TextRow("Does it sort?", "def arranged(items):\n    return sorted(items)\n"),
)
OWN = b"print('the method file quotes: Does it sort?')"


@pytest.fixture
def told():
    return []


@pytest.fixture
def listener(told) -> AuditListener:
    made = AuditListener(told.append, OWN, "/scratch/7")
    made.know(ROWS)
    return made


@pytest.mark.parametrize(
    "source",
    [
        ROWS[1].candidate,
        PROGRAM,
        f"  {PROGRAM}\n\n",
        "c=c-x\nprint(c)",
        "sorted(items)",
        f"{PROGRAM}\nanswer = c\n",
        f"import io\n{ROWS[1].candidate}assert arranged([2, 1]) == [1, 2]",
        f"check({ROWS[1].candidate!r})".encode().decode("unicode_escape"),
    ],
)
def test_a_source_made_of_a_released_text_is_noticed(listener, told, source):
    listener.hook("compile", (source.encode(), "<string>"))
    (notice,) = told
    assert notice.event == "compile" and len(notice.detail) <= noticing.LIMIT


@pytest.mark.parametrize(
    "source",
    [
        "x + 1",
        "sorted",
        "  items ",
        "np.float64",
        "lambda _cls, x, y: _tuple_new(_cls, (x, y))",
        "def __init__(self, items):\n  self.items = items\n  self.order = sorted(self.items)\n",
        "def f():\n    a = first()\n    b = second(a)\n    return sorted(items)\n",
        "x" * (noticing.LONGEST_SOURCE + 1),
        "",
    ],
)
def test_other_sources_are_not(listener, told, source):
    listener.hook("compile", (source.encode(), "<string>"))
    assert told == []


def test_the_methods_own_file_and_installed_modules_are_not(listener, told):
    listener.hook("compile", (OWN, "/home/me/mine.py"))
    body = ROWS[1].candidate.encode()
    asks = "def load(hook, *arguments): hook('compile', arguments)"
    space: dict = {}
    exec(compile(asks, "<frozen importlib._bootstrap_external>", "exec"), space)
    space["load"](listener.hook, body, "/site-packages/sorting.py")
    assert told == []
    space["load"](listener.hook, body, "/scratch/7/sorting.py")
    space["load"](listener.hook, PROGRAM.encode(), "relative.py")
    listener.hook("compile", (b"for x in s: c=c-x", "/site-packages/sorting.py"))
    assert len(told) == 3


def test_one_thing_is_told_once_and_not_without_end(listener, told):
    for _ in range(3):
        listener.hook("compile", (PROGRAM.encode(), "<string>"))
    assert len(told) == 1
    for i in range(noticing.MOST + 50):
        listener.hook("compile", (f"answer_{i} = 0\n{PROGRAM}".encode(), "<string>"))
    assert len(told) == noticing.MOST


def test_a_hook_that_fails_or_is_entered_again_breaks_nothing(listener):
    again = []

    def send(notice):
        again.append(notice)
        listener.hook("compile", (b"c=c-x\nprint(c)", "<string>"))
        raise OSError("the host is gone")

    listener._send = send
    listener.hook("compile", (PROGRAM.encode(), "<string>"))
    listener.hook("compile", (None, None))
    listener.hook("compile", ())
    assert len(again) == 1


def test_starting_a_program_is_noticed_and_what_imports_do_is_not(listener, told):
    listener.hook("os.system", (b"id\x1b[2J",))
    listener.hook("ctypes.dlopen", ("libm.so",))
    listener.hook("open", ("/etc/passwd", "r", 0))
    assert [(n.event, n.detail) for n in told] == [("os.system", r"b'id\x1b[2J'")]


def test_texts_that_come_later_are_known_beside_the_first(listener, told):
    later = "total = 7 * 6\nprint(total)"
    listener.hook("compile", (later.encode(), "<string>"))
    assert told == []
    listener.know((TextRow(later),))
    for source in (later, PROGRAM):
        listener.hook("compile", (source.encode(), "<string>"))
    assert len(told) == 2
