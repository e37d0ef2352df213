"""More data than code needs is found; files of ordinary size are let be."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest

import w2s_plugins.methods as methods
from w2s_plugins.guards.looks.carried_data import biggest
from w2s_plugins.guards.memorisation import SETTINGS

RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=2500)


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("m.py", f"W = {NUMBERS.tolist()}".encode(), "2500 numbers"),
        ("m.py", ('W = """' + " ".join(f"{x:.3f}" for x in NUMBERS) + '"""').encode(), "2500 numbers"),
        ("m.csv", "\n".join(f"{i},{x:.2f}" for i, x in enumerate(NUMBERS)).encode(), "5000 numbers"),
        ("m.py", b"W = '" + base64.b64encode(RNG.bytes(4000)) + b"'", "packed data"),
        ("m.py", b"# " + base64.encodebytes(RNG.bytes(4000)).replace(b"\n", b"") + b"\n", "packed data"),
        ("m.py", b"W = 0x" + RNG.bytes(3000).hex().encode(), "packed data"),
        ("w.npy", NUMBERS.astype("f4").tobytes(), "no text"),
        ("w.bin", RNG.bytes(100_000), "KiB"),
        ("m.py", b"x = 1\n" * 60_000, "KiB"),
    ],
)
def test_what_stands_out(name, data, why):
    file, said = biggest({"README.md": b"# hello", name: data}, **SETTINGS)
    assert file == name and why in said


def test_many_files_that_are_large_together():
    found = biggest({f"{i}.txt": b"so it is. " * 6000 for i in range(20)}, **SETTINGS)
    assert "in all" in found[1]


def test_the_limits_can_be_moved():
    data = {"notes.txt": b"so it is. " * 10_000}
    assert biggest(data, **SETTINGS) is not None
    assert biggest(data, **{**SETTINGS, "data_kib": 200}) is None


def test_ordinary_files_do_not():
    """Shipped methods, this project's own documents and what packaging writes."""
    folder = Path(methods.__file__).parent
    files = {path.name: path.read_bytes() for path in sorted(folder.glob("*.py"))}
    root = Path(__file__).parents[3]
    files |= {path.name: path.read_bytes() for path in sorted(root.glob("*.md"))}
    files["LICENSE"] = (root / "LICENSE").read_bytes()
    record = "".join(f"w2s_mine/part{i}.py,sha256={'a' * 43},1234\n" for i in range(100))
    files["w2s_mine-0.1.dist-info/RECORD"] = record.encode()
    assert len(files) > 8 and biggest(files, **SETTINGS) is None
