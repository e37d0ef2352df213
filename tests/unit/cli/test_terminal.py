"""What a run says while it works: plain lines, or rich's spinner and bars on a terminal."""

import io
import os
import pty
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
from rich.console import Console

from w2s_harness.cli.terminal.bars import Bars
from w2s_harness.cli.terminal.listener import Terminal, duration


class Clock:
    """Seconds as the test sets them."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def cells(terminal, n, total, *, cached=False, stage="cells"):
    if stage not in terminal.stages:
        terminal.w2s_stage_start(stage=stage, total=total)
    for k in range(n):
        terminal.w2s_stage_progress(stage=stage, unit=f"u{k}", cached=cached)


def fail(terminal, name):
    terminal.w2s_cell_finish(cell=SimpleNamespace(id=name), record={"error": "ValueError: no\nTraceback"})


def drawn(terminal, width=80):
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, color_system=None)
    console.print(Bars(terminal, console).frame())
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.getvalue())


def test_a_stage_ends_with_one_plain_line(capsys, clock):
    with Terminal(0, clock) as terminal:
        cells(terminal, 2, 3, cached=True)
        assert capsys.readouterr().err == ""
        cells(terminal, 1, 3)
    assert capsys.readouterr() == ("", "cells 3/3 (2 kept)\n")


def test_cells_and_re_runs_are_told_apart(capsys, clock):
    with Terminal(0, clock) as terminal:
        terminal.w2s_stage_start(stage="cells", total=2)
        terminal.w2s_stage_start(stage="re-runs", total=3)
        cells(terminal, 3, 3, stage="re-runs")
        assert set(terminal.stages) == {"cells"}
        cells(terminal, 2, 2)
    assert capsys.readouterr().err == "re-runs 3/3\ncells 2/2\n"


def test_a_stage_that_was_broken_off_is_said_when_the_next_begins(capsys, clock):
    with Terminal(0, clock) as terminal:
        cells(terminal, 1, 4)
        terminal.w2s_stage_start(stage="vanilla@C", total=1)
    assert capsys.readouterr().err == "cells 1/4\n"


def test_a_long_stage_says_now_and_then_how_far_it_is(capsys, clock):
    with Terminal(0, clock) as terminal:
        cells(terminal, 10, 100, cached=True)
        clock.now = 31.0
        cells(terminal, 1, 100)
        cells(terminal, 1, 100)
        assert capsys.readouterr().err == "cells 11/100 (10 kept), about 46 min left\n"


def test_failures_come_at_once_and_the_many_are_counted(capsys, clock):
    with Terminal(0, clock) as terminal:
        for k in range(12):
            fail(terminal, f"math/tiny/mine/s{k}")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "FAILED math/tiny/mine/s0: ValueError: no"
    assert len(lines) == 11 and "-v names them all" in lines[-1]


@pytest.mark.parametrize(("verbosity", "said"), [(-1, 0), (0, 1), (1, 3)])
def test_quiet_says_nothing_and_verbose_every_unit(capsys, clock, verbosity, said):
    with Terminal(verbosity, clock) as terminal:
        cells(terminal, 3, 3)
    assert len(capsys.readouterr().err.splitlines()) == said


def test_the_bars_show_stage_count_and_time_left(clock):
    terminal = Terminal(0, clock)
    assert drawn(terminal).split() == ["⠋", "planning", "and", "preparing", "the", "data", "1", "s"]
    terminal.w2s_stage_start(stage="cells", total=40)
    terminal.w2s_stage_start(stage="re-runs", total=200)
    cells(terminal, 10, 40, cached=True)
    fail(terminal, "a/b/c/s0")
    clock.now = 60.0
    cells(terminal, 10, 40)
    status, first, second = drawn(terminal).splitlines()
    assert "1 min" in status and "1 failed" in status
    assert re.search(r"cells +━.* 20/40 \(10 kept\) +about 2 min left", first)
    assert re.search(r"re-runs +0/200", second)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_longer_than_the_terminal_is_wide(clock, width):
    terminal = Terminal(0, clock)
    cells(terminal, 1000, 4000, cached=True, stage="published re-runs")
    assert max(map(len, drawn(terminal, width).splitlines())) <= width


def test_a_terminal_that_knows_ascii_alone_is_sent_no_other_character(clock):
    terminal = Terminal(0, clock)
    cells(terminal, 1, 4)
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    console = Console(file=out, width=80, force_terminal=True, color_system=None)
    console.print(Bars(terminal, console).frame())
    out.flush()
    assert "cells" in out.buffer.getvalue().decode("ascii")


def test_a_time_is_written_for_people():
    assert [duration(s) for s in (0.2, 59.4, 59.6, 3570, 7500)] == [
        "1 s",
        "59 s",
        "1 min",
        "1 h 0 min",
        "2 h 5 min",
    ]


PROGRAM = """
import sys
from w2s_harness.cli.terminal.listener import Terminal
with Terminal(int(sys.argv[1])) as terminal:
    terminal.say('FAILED a line')
    terminal.w2s_stage_start(stage='cells', total=2)
    terminal.w2s_stage_progress(stage='cells', unit='u', cached=False)
    import time; time.sleep(0.4)
    terminal.show('the result\\n')
print('RICH', 'rich' in sys.modules)
"""


def on_a_terminal(verbosity, **env):
    """What the program writes where stdout and stderr are one terminal."""
    ours, theirs = pty.openpty()
    base = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    done = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(verbosity)], stdin=theirs, stdout=theirs, stderr=theirs,
        env={**base, "TERM": "xterm", "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **env},
    )  # fmt: skip
    os.close(theirs)
    found = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:
            break
        if not piece:
            break
        found += piece
    os.close(ours)
    assert done.wait() == 0
    return found.decode()


def test_on_a_terminal_it_draws_and_wipes_before_the_result():
    text = on_a_terminal(0)
    assert "━" in text and "\x1b[31mFAILED" in text
    *_, wiped, result, rich = text.splitlines()
    assert wiped.endswith("\x1b[2K") or "\x1b[2K" in result
    assert result.endswith("the result") and rich == "RICH True"


def test_no_color_takes_the_colours_away_and_leaves_the_bars():
    text = on_a_terminal(0, NO_COLOR="1")
    assert "━" in text and "\x1b[31m" not in text and "\x1b[38" not in text


@pytest.mark.parametrize(("verbosity", "env"), [(-1, {}), (0, {"TERM": "dumb"})])
def test_a_dumb_terminal_and_quiet_draw_nothing(verbosity, env):
    text = on_a_terminal(verbosity, **env)
    assert "\x1b" not in text and "RICH False" in text
