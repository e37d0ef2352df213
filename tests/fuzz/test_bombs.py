"""Small inputs that ask for much: what they are refused with, and how much they make Python hold."""

from __future__ import annotations

import json
import time
import tracemalloc
from pathlib import Path

import msgspec
import pytest
from leaderboards import DOCUMENT

from w2s_harness.cli.options import config
from w2s_harness.contract.errors import HarnessError
from w2s_harness.contract.worker.wire import frames
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.data.reading.strict_json import read_numbered
from w2s_harness.data.reading.yaml_file import MAX_BYTES, read_yaml
from w2s_harness.report.document import document

MIB = 2**20
ALIASES = "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(20))
YAML = {
    "aliases": "a: &a [x, x, x, x, x, x, x, x, x]\n" + ALIASES,
    "aliases in a flag": "tasks: &a [x, x]\nseeds: &b [*a, *a]\nlimit: [*b, *b]\n",
    "merge keys": "a: &a {x: 1}\nb: {<<: [" + ", ".join(["*a"] * 5000) + "]}\n",
    "itself": "tasks: &a [*a]\n",
    "deep lists": "tasks: " + "[" * 60_000,
    "deep mappings": "tasks: " + "{a: " * 15_000,
    "deep blocks": "tasks:\n" + "".join(" " * i + "-\n" for i in range(150)),
    "tags": "tasks: " + "!!python/object/apply:os.system [true]\n",
    "sixties": "tasks: " + "1:" * 30_000 + "1\n",
    "digits": "tasks: " + "9" * 60_000,
    "hexadecimal": "tasks: -0x" + "f" * 60_000,
    "escapes": 'tasks: "' + "\\U00110000" * 6000 + '"\n',
    "spaces": "tasks: '" + "\n" * 60_000 + "'\n",
    "questions": "? " * 30_000,
    "too long": "# " + "x" * MAX_BYTES,
}

HARMLESS = ("spaces", "deep blocks")
"""Long, but no more than what they are."""


def peak(read, *arguments):
    """(bytes that Python held at most, seconds, the refusal or None) of one call."""
    tracemalloc.start()
    start = time.process_time()
    try:
        read(*arguments)
        refused = None
    except HarnessError as bad:
        refused = str(bad)
    finally:
        seconds, held = time.process_time() - start, tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return held, seconds, refused


@pytest.mark.parametrize("name", YAML)
def test_yaml_bombs_are_refused_small_and_soon(tmp_path, name):
    path = tmp_path / "w2s.yaml"
    path.write_text(YAML[name])
    known = dict.fromkeys(("tasks", "seeds", "limit"), config.Key())
    for read, arguments in ((read_yaml, (path,)), (config.find, (path, known))):
        held, seconds, refused = peak(read, *arguments)
        if name not in HARMLESS:
            assert refused is not None and refused.isprintable() and len(refused) < 500
        assert held < 128 * MIB and seconds < 10, (held, seconds)


LINES = {
    "deep list": (b'{"x": ' + b"[" * 2**21, True),
    "deep object": (b'{"x":' * 2**18, True),
    "digits": (b'{"x": ' + b"9" * 2**21 + b"}", True),
    "a long text": (b'{"x": "' + b"y" * 2**22 + b'"}', False),
    "many keys": (b"{" + b",".join(b'"questio%d":0' % i for i in range(2**16)) + b"}", False),
    "repeated keys": (b"{" + b'"a":0,' * 2**16 + b'"a":0}', True),
    "a text without end after NaN": (b'{"x": NaN, "y": "' + b"\\\\" * 2**20, True),
    "texts without end after a repeated key": (b'[{"a":0,"a":0},' + b'"' * (2**20 + 1), True),
    "quotes apart from colons": (b'{"x": [' + b'"" ,' * 2**18 + b'""]}', False),
    "half pairs": (b'{"x": "' + b"\\ud800" * 2**16 + b'"}', True),
}


@pytest.mark.parametrize("name", LINES)
def test_bombs_in_a_line_of_json(tmp_path, name):
    body, is_refused = LINES[name]
    path = tmp_path / "a.jsonl"
    path.write_bytes(body)
    held, seconds, refused = peak(lambda: list(read_numbered(path)))
    assert (refused is not None) == is_refused
    assert held < 64 * MIB and seconds < 10, (held, seconds)


def test_a_row_of_many_columns_is_answered_soon(tmp_path):
    from w2s_harness.contract.kinds import VERIFY
    from w2s_harness.data.reading.columns import Columns

    row = json.loads(b"{" + b",".join(b'"questio%d":0' % i for i in range(2**17)) + b"}")
    _, seconds, refused = peak(Columns.of(VERIFY).example, row, "a.jsonl:1", None)
    assert refused is not None and refused.startswith("a.jsonl:1: no column 'question'")
    assert seconds < 5, seconds


def packed(**fields):
    return msgspec.msgpack.encode(fields)


FROM_WORKER = (
    wire.Request
    | wire.FitDone
    | wire.OwnPredictions
    | wire.Raised
    | wire.Skipped
    | wire.Described
    | wire.Noticed
)
NO_ROWS = {"phase": "train", "index": {"dtype": "i8", "shape": [0], "data": b""}}
MESSAGES = {
    "a list that claims more": packed(**{"is": "ensemble"})[:1] + b"\xa7handles\xdd\xff\xff\xff\xff\x01",
    "a text that claims more": b"\x82\xa2is\xa6raised\xa4kind\xdb\xff\xff\xff\xffx",
    "bytes that claim more": b"\x82\xa2is\xabpredictions\xa6values\x81\xa4data\xc6\xff\xff\xff\xffx",
    "a mapping that claims more": b"\xdf\xff\xff\xff\xff\xa2is",
    "deep lists": b"\x91" * 2**20,
    "deep mappings": b"\x81\xa1a" * 2**20,
    "many frames": packed(**{"is": "raised", "kind": "", "message": "", "frames": ["ab"] * 2**20}),
    "many shots": packed(**{"is": "zero_shot", "rows": NO_ROWS, "shots": [(4096, 1.0)] * 2**20}),
    "many students": packed(**{"is": "ensemble", "handles": [4096] * 2**20}),
    "many dimensions": packed(
        **{"is": "predictions", "values": {"dtype": "f8", "shape": [3] * 2**20, "data": b""}}
    ),
    "many methods": packed(**{"is": "described", "methods": [{"name": ""}] * 2**20}),
    "an unknown field of a megabyte": packed(**{"is": "budget", "x" * 2**20: 1}),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_bombs_in_a_message(name):
    held, seconds, refused = peak(frames.decode, MESSAGES[name], FROM_WORKER)
    assert refused is not None
    assert held < 16 * MIB and seconds < 5, (held, seconds)


SHAPES = {
    "a product of a million lengths": ((3,) * 10**6, b""),
    "beside a zero": ((0, 2**63), b""),
    "overflow beside a zero": ((2**26, 2**26, 0, 2**26), b""),
    "dimensions": ((1,) * 65, b"\0" * 8),
    "one of 2^64 - 1": ((2**64 - 1,), b"\0" * 8),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_that_nothing_fills(name):
    shape, data = SHAPES[name]
    held, seconds, refused = peak(wire.unpack, wire.Array("f8", shape, data))
    assert refused is not None and len(refused) < 300
    assert held < 16 * MIB and seconds < 5, (held, seconds)


BOARDS = {
    "deep plan": json.dumps(DOCUMENT)[:-1].encode() + b', "plan": ' + b"[" * 2**20,
    "deep": b"[" * 2**20,
    "digits": json.dumps(DOCUMENT).replace("48.25", "9" * 2**20).encode(),
    "unknown field of a megabyte": json.dumps({**DOCUMENT, "x" * 2**20: 1}).encode(),
}


@pytest.mark.parametrize("name", BOARDS)
def test_bombs_in_a_leaderboard(name):
    held, seconds, refused = peak(document.decode, BOARDS[name], "theirs.json")
    assert refused is not None or name == "digits"
    assert held < 64 * MIB and seconds < 5, (held, seconds)


def test_a_leaderboard_without_end_is_refused():
    held, _, refused = peak(document.read, Path("/dev/zero"))
    assert refused is not None
    assert held < 512 * MIB, held
