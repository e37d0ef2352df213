from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from w2s_harness.contract.errors import WorkerError
from w2s_harness.contract.worker.wire import frames
from w2s_harness.contract.worker.wire import messages as wire


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


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((0, 2**63), "do not fill"),
        ((2**26, 2**26, 0, 2**26), "do not fill"),
        ((1,) * 65, "65 dimensions is over the 4 allowed"),
        ((3,) * 10**6, "1000000 dimensions is over the 4 allowed"),
    ],
)
def test_shapes_that_numpy_cannot_hold_are_refused(shape, said):
    with pytest.raises(WorkerError, match=said) as caught:
        wire.unpack(wire.Array("f8", shape, b""))
    assert len(str(caught.value)) < 200


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


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"n": "3"}, "Expected `int`"),
        ({"labels": [1, 0]}, "unknown field"),
        ({"texts": [["a", "b", None, None, "label"]]}, "array"),
        ({"texts": [[None]]}, "Expected `str`"),
    ],
)
def test_a_release_holds_nothing_but_its_columns(change, expected):
    import msgspec

    body = msgspec.msgpack.encode({"is": "test", "test": {"n": 3, **change}})
    with pytest.raises(WorkerError, match=expected):
        frames.decode(body, wire.TestPhase)


def test_a_message_over_the_cap_is_an_error_of_its_own(monkeypatch):
    monkeypatch.setattr(frames, "MAX_FRAME", 100)
    with pytest.raises(frames.TooLong, match=r"a message of \d+ bytes is over the 100 allowed"):
        frames.encode(wire.Noticed("compile", "x" * 200))
