from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from w2s_harness.errors import WorkerError
from w2s_harness.wire import frames
from w2s_harness.wire import messages as wire


@given(
    hnp.arrays(np.float64, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0), elements=st.floats(width=64))
)
def test_arrays_come_back_bit_for_bit(array):
    packed = frames.decode(frames.encode(wire.Values(wire.pack(array)))[4:], wire.Values).values
    back = wire.unpack(packed)
    assert back.shape == array.shape and back.tobytes() == array.tobytes()
    assert not back.flags.writeable


@pytest.mark.parametrize(("dtype", "numpy"), [("f4", "<f4"), ("f8", "<f8"), ("i8", "<i8"), ("u1", "|u1")])
def test_dtypes(dtype, numpy):
    assert wire.unpack(wire.pack([0, 1, 2], dtype)).dtype.str == numpy


@pytest.mark.parametrize(
    "array",
    [
        wire.Array("f8", (3,), b"x" * 16),
        wire.Array("f8", (2,), b"x" * 24),
        wire.Array("f8", (-1,), b""),
        wire.Array("f8", (-2, -1), b"x" * 16),
        wire.Array("u1", (2**40, 2**40), b""),
        wire.Array("f8", (), b""),
    ],
)
def test_bytes_that_do_not_fill_the_shape_are_refused(array):
    with pytest.raises(WorkerError, match="do not fill"):
        wire.unpack(array)


def test_the_expected_dtype_and_dimensions_are_checked():
    array = wire.pack(np.zeros((2, 3)), "f4")
    with pytest.raises(WorkerError, match="dtype f4 arrived where f8"):
        wire.unpack(array, dtype="f8")
    with pytest.raises(WorkerError, match="2 dimensions arrived where 1"):
        wire.unpack(array, ndim=1)


def test_an_object_dtype_never_passes():
    import msgspec

    body = msgspec.msgpack.encode({"is": "values", "values": {"dtype": "O", "shape": [1], "data": b"x" * 8}})
    with pytest.raises(WorkerError, match="malformed"):
        frames.decode(body, wire.Values)
