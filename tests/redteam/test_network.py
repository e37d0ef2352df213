"""Sockets of every kind."""

from __future__ import annotations

import socket

import pytest

PREVENTED = {"EACCES", "EPERM", "ENOSYS", "EAFNOSUPPORT"}
FAMILIES = sorted({int(getattr(socket, name)) for name in dir(socket) if name.startswith("AF_")})
KINDS = [(family, kind) for family in (1, 2, 10) for kind in (1, 2)] + [(family, 3) for family in FAMILIES]
"""Streams and datagrams of the common families, raw ones of all."""


@pytest.mark.parametrize(("family", "kind"), KINDS)
def test_no_socket_can_be_made(attack, family, kind):
    assert attack(f"socket.socket({family}, {kind}, 0)").why in PREVENTED


@pytest.mark.parametrize(
    "body",
    [
        "socket.create_connection(('127.0.0.1', 80), timeout=1)",
        "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)",
        "socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)",
        "a, b = socket.socketpair(); a.connect(b'\\0w2s')",
        "a, b = socket.socketpair(); a.bind('here')",
        "a, b = socket.socketpair(); a.bind(b'\\0w2s')",
        "a, b = socket.socketpair(); a.listen()",
        "a, b = socket.socketpair(); a.sendto(b'x', '/dev/log')",
        "a, b = socket.socketpair(); socket.send_fds(a, [b'x'], [0])",
        "a, b = socket.socketpair(); b.recvmsg(1)",
        "system(41, 198, 2, 1, 0)",
        "system(41, 198, 40, 1, 0)",  # vsock
        "system(41, 198, 38, 5, 0)",  # kernel crypto
    ],
)
def test_nothing_can_be_reached(attack, body):
    outcome = attack(body)
    assert outcome.why in PREVENTED and not outcome.failed, outcome


def test_a_pair_of_streams_for_an_event_loop_works(attack):
    assert attack("a, b = socket.socketpair(); a.send(b'x'); assert b.recv(1) == b'x'").succeeded
    assert attack("import asyncio; asyncio.run(asyncio.sleep(0))").succeeded


def test_the_host_s_abstract_sockets_are_out_of_reach(attack):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(b"\0w2s-redteam")
        server.listen()
        assert attack("s = socket.socket(socket.AF_UNIX); s.connect(b'\\0w2s-redteam')").why in PREVENTED
