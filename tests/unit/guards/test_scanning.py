"""Reading data files of methods says nothing to the user."""

from __future__ import annotations

import struct

from w2s_plugins.guards.looks.scanning import records

HEADER = b"{'descr': '<U1', 'fortran_order': False, 'shape': (2L,), }"


def test_an_array_that_python_2_wrote_gives_no_warning(recwarn):
    body = HEADER.ljust(117) + b"\n"
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(body)) + body + "ab".encode("utf-32-le")
    assert list(records("w.npy", data)) == [["a"], ["b"]]
    assert not recwarn.list
