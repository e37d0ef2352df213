"""Forged, oversized, malformed, late and repeated messages, written past the worker's own code."""

from __future__ import annotations

from w2s_harness import Attack

WAIT = "\ntime.sleep(3)\nraise Stopped('the host took no notice')"
MALFORMED = {
    "garbage": "os.write(3, b'\\x05\\0\\0\\0hello')",
    "unknown-kind": "frame({'is': 'shutdown'})",
    "control-characters": "frame({'is': '\\x1b[2J'})",
    "wrong-type": "frame({'is': 'done', 'handle': 'x'})",
    "unknown-field": "frame({'is': 'done', 'handle': 1, 'accuracy': 1.0})",
    "nested": "frame([[[[[]]]]])",
    "deeply-nested": "os.write(3, (100001).to_bytes(4, 'little') + b'\\x91' * 100000 + b'\\xc0')",
    "describe-again": "frame({'is': 'described', 'methods': []})",
    "a-reply-of-the-service": "frame({'is': 'handle', 'handle': 1})",
    "gold-rows": (
        "frame({'is': 'fit', 'rows': {'phase': 'gold', 'index': {'dtype': 'i8', 'shape': [0], 'data': b''}}})"
    ),
    "gold-loss": "frame({'is': 'fit', 'loss': 'gold'})",
    "another-level": ("frame({'level': 'L2', 'layers': []})"),
    "predictions-while-fitting": (
        "frame({'is': 'predictions', 'values': {'dtype': 'f8', 'shape': [1], 'data': b'0' * 8}})"
    ),
    "python-object": "frame({'is': 'done', 'handle': {'__reduce__': 'os.system'}})",
}
BREACH = {
    "too-long": ("os.write(3, b'\\xff' * 100)", ("bytes, over the",)),
    "more-after-the-end": (
        "h = student.fit(problem.rows, problem.weak)\n"
        "frame({'is': 'done', 'handle': h._id}); frame({'is': 'budget'})",
        ("sent more after",),
    ),
    "done-twice": (
        "h = student.fit(problem.rows, problem.weak)\n"
        "frame({'is': 'done', 'handle': h._id}); frame({'is': 'done', 'handle': h._id})",
        ("sent more after",),
    ),
    "late-request": (
        "h = student.fit(problem.rows, problem.weak)\n"
        "frame({'is': 'done', 'handle': h._id}); time.sleep(0.3); frame({'is': 'budget'})",
        ("sent more after",),
    ),
    "predict-by-itself-unasked": ("frame({'is': 'done', 'handle': None})", ("no access inference",)),
    "a-handle-of-nobody": ("frame({'is': 'done', 'handle': 4242})", ("no handle",)),
    "a-negative-handle": ("frame({'is': 'done', 'handle': -1})", ("no handle",)),
    "a-handle-before-any-fit": ("frame({'is': 'done', 'handle': 0})", ("no handle",)),
    "half-a-message": ("os.write(3, b'\\x64\\0\\0\\0abc'); os._exit(0)", ("exit status 0",)),
    "silence": ("os._exit(0)", ("exit status 0",)),
    "hang-up": ("os.close(3)", ("closed its connection", "EBADF")),
    "forged-exception": (
        "frame({'is': 'raised', 'kind': 'E', 'message': '\\x1b[2J' * 2000, 'frames': ['\\x07' * 5000] * 50})",
        ("E: ",),
    ),
    "drip": (
        "for _ in range(1000): os.write(3, b'\\x01'); time.sleep(0.05)",
        ("of its own time", "bytes, over the"),
    ),
    "array-that-lies-of-its-size": (
        "frame({'is': 'head', 'weights': {'dtype': 'f8', 'shape': [2**40], 'data': b'0' * 8}})",
        ("do not fill", "Stopped", "malformed"),
    ),
    "array-of-negative-size": (
        "frame({'is': 'head', 'weights': {'dtype': 'f8', 'shape': [-1], 'data': b''}})",
        ("do not fill", "Stopped", "malformed"),
    ),
}

ATTACKS = [
    *(
        Attack(
            name=f"message-{what}", family="protocol messages", body=body + WAIT, stops=("malformed",),
            summary=f"sends a malformed message: {what.replace('-', ' ')}",
        )
        for what, body in MALFORMED.items()
    ),
    *(
        Attack(
            name=f"message-{what}", family="protocol messages", body=body + WAIT, stops=stops,
            summary=f"breaks the protocol: {what.replace('-', ' ')}",
        )
        for what, (body, stops) in BREACH.items()
    ),
]  # fmt: skip
