"""Sockets of every kind; no address but this machine's is ever named."""

from __future__ import annotations

from w2s_harness import Attack

PREVENTED = ("EACCES", "EPERM", "ENOSYS", "EAFNOSUPPORT")
BODIES = {
    "tcp": "socket.create_connection(('127.0.0.1', 80), timeout=1)",
    "tcp6": "socket.socket(socket.AF_INET6, socket.SOCK_STREAM)",
    "udp": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
    "raw": "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
    "packet": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)",
    "netlink": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)",
    "local-stream": "socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)",
    "local-datagram": "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'x', '/dev/log')",
    "pair-of-datagrams": "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)",
    "pair-of-packets": "socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)",
    "pair-connects": "a, b = socket.socketpair(); a.connect(b'\\0w2s')",
    "pair-binds": "a, b = socket.socketpair(); a.bind('here')",
    "pair-binds-abstract": "a, b = socket.socketpair(); a.bind(b'\\0w2s')",
    "pair-listens": "a, b = socket.socketpair(); a.listen()",
    "pair-sends-elsewhere": "a, b = socket.socketpair(); a.sendto(b'x', '/dev/log')",
    "pass-a-descriptor": "a, b = socket.socketpair(); socket.send_fds(a, [b'x'], [0])",
    "receive-a-message": "a, b = socket.socketpair(); b.recvmsg(1)",
    "socket-call": "system(41, 198, 2, 1, 0)",
    "virtual-machine-socket": "system(41, 198, 40, 1, 0)",
    "kernel-crypto": "system(41, 198, 38, 5, 0)",
}

ATTACKS = [
    Attack(
        name=f"network-{what}", family="network", body=body, stops=PREVENTED,
        summary=f"opens a socket: {what.replace('-', ' ')}",
    )
    for what, body in BODIES.items()
]  # fmt: skip
ATTACKS += [
    Attack(
        name="network-any-family", family="network", stops=("Stopped",),
        summary="tries a raw socket of every family",
        body="""
            made = []
            for family in sorted({int(getattr(socket, n)) for n in dir(socket) if n.startswith("AF_")}):
                try: socket.socket(family, 3, 0); made.append(family)
                except OSError as bad:
                    if bad.errno not in (errno.EACCES, errno.EPERM, errno.ENOSYS, errno.EAFNOSUPPORT):
                        made.append(family)
            if not made: raise Stopped("no family gives a socket")
        """,
    ),
    Attack(
        name="network-name-lookup", family="network", stops=("gaierror", "EACCES", "EPERM", "EAI_"),
        summary="asks for the address of a name", body="socket.getaddrinfo('w2s-harness.invalid', 80)",
    ),
]  # fmt: skip
