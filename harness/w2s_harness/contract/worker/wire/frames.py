"""Length-prefixed msgpack frames over a stream socket."""

from __future__ import annotations

import socket
import struct
from typing import Any, TypeVar, cast

import msgspec

from w2s_harness.contract.errors import WorkerError

MAX_FRAME = 64 * 2**20
"""Bytes; a longer frame ends the conversation."""

T = TypeVar("T")
HEADER = struct.Struct("<I")
"""The length of the body that follows."""
_encoder = msgspec.msgpack.Encoder()


class TooLong(WorkerError):
    """A message is over `MAX_FRAME` bytes."""


class PeerGone(WorkerError):
    """The other end of the socket closed."""


def encode(message: msgspec.Struct) -> bytes:
    """One message as a frame. Raises `TooLong` where it is over `MAX_FRAME` bytes."""
    body = _encoder.encode(message)
    if len(body) > MAX_FRAME:
        raise TooLong(f"a message of {len(body)} bytes is over the {MAX_FRAME} allowed")
    return HEADER.pack(len(body)) + body


def decode(body: bytes | bytearray | memoryview, kind: type[T] | Any) -> T:
    """The message of the type (or union) `kind` in a frame's body. Raises `WorkerError` if malformed."""
    try:
        return cast(T, msgspec.msgpack.decode(body, type=kind))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as bad:
        raise WorkerError(f"a malformed message: {bad}") from bad


def send(sock: socket.socket, message: msgspec.Struct) -> None:
    """Send one message. Raises `PeerGone` where nobody listens any more."""
    try:
        sock.sendall(encode(message))
    except (BrokenPipeError, ConnectionResetError) as gone:
        raise PeerGone("the other side closed the connection") from gone


def receive(sock: socket.socket, kind: type[T] | Any, *, limit: int = MAX_FRAME) -> T:
    """Read one message of the type (or union) `kind`.

    Raises `PeerGone` at end of stream, `WorkerError` for anything malformed or too long, `TimeoutError`
    when the socket's time-out passes between frames or inside one.
    """
    (length,) = HEADER.unpack(_read(sock, HEADER.size))
    if length > limit:
        raise WorkerError(f"a message of {length} bytes is over the {limit} allowed")
    message: T = decode(_read(sock, length), kind)
    return message


def _read(sock: socket.socket, n: int) -> bytearray:
    buffer = bytearray(n)
    view = memoryview(buffer)
    got = 0
    while got < n:
        try:
            count = sock.recv_into(view[got:])
        except ConnectionResetError as gone:
            raise PeerGone("the other side closed the connection") from gone
        if count == 0:
            raise PeerGone("the other side closed the connection")
        got += count
    return buffer
