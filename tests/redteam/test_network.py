"""What of sockets an honest event loop needs works, and no more of the machine is in reach."""

from __future__ import annotations

import socket


def test_a_pair_of_streams_for_an_event_loop_works(attack):
    assert attack("a, b = socket.socketpair(); a.send(b'x'); assert b.recv(1) == b'x'").succeeded
    assert attack("import asyncio; asyncio.run(asyncio.sleep(0))").succeeded


def test_the_host_s_abstract_sockets_are_out_of_reach(attack):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(b"\0w2s-redteam-test")
        server.listen()
        outcome = attack("s = socket.socket(socket.AF_UNIX); s.connect(b'\\0w2s-redteam-test')")
        assert outcome.why in {"EACCES", "EPERM"}
