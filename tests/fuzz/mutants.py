"""Broken inputs from valid ones: cheap, and the same for the same seed."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

MAX_BYTES = 2**16
"""No mutant is longer, unless it is said."""
ANYWHERE = (
    b"\0",
    b"\n",
    b"\r",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"\x1b[2J",
    b"\xe2\x80\xae",
    b"\x85",
)
"""What every reader of text must bear: NUL, line ends, broken UTF-8, a mark, half a surrogate, ESC, bidi."""
EXTREMES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**53, -(2**63), 2**63, 2**64 - 1, 0.0, -0.0, 0.5, 5e-324, 1e308,
    -1e308, "", "x", "A", "0", "\0", "\n", "\x1b[31m", "\u202e", "\ufeff", "\U0010ffff",
    "{question}{choice}", "x" * 5000, [], {}, [[]], [0] * 300, {"": 0}, {"is": "fit"},
    {"schema": "w2s-leaderboard/1"},
)  # fmt: skip
"""Values at the edges of what a field may hold."""


def of_bytes(
    name: str, count: int, corpus: Sequence[bytes], tokens: Sequence[bytes], *, longest: int = MAX_BYTES
) -> Iterator[bytes]:
    """`count` inputs of at most `longest` bytes: mutations of `corpus`, rarely noise or a run of `tokens`."""
    for i in range(count):
        # by its number, so that one input can be made again without those before it
        rng = random.Random(f"{name}/{i}")
        yield _one(rng, corpus, (*tokens, *ANYWHERE))[:longest]


def of_values(
    name: str, count: int, corpus: Sequence[Any], encode: Callable[[Any], bytes], extra: Sequence[Any] = ()
) -> Iterator[bytes]:
    """`count` encoded values: nested lists and mappings of `corpus` with a few of their parts replaced.

    A value that `encode` refuses with a `ValueError`, `TypeError` or `OverflowError` is drawn again.
    """
    for i in range(count):
        rng = random.Random(f"{name}/values/{i}")
        while True:
            value = copy.deepcopy(rng.choice(corpus))
            for _ in range(rng.choice((1, 1, 1, 2, 4))):
                value = _replaced(rng, value, (*EXTREMES, *extra))
            try:
                yield encode(value)
            except (ValueError, TypeError, OverflowError):
                continue
            break


def _one(rng: random.Random, corpus: Sequence[bytes], tokens: Sequence[bytes]) -> bytes:
    kind = rng.random()
    if kind < 0.05:
        return rng.randbytes(rng.choice((0, 1, 4, 16, 64, 300)))
    if kind < 0.12:
        return b"".join(rng.choice(tokens) for _ in range(rng.randrange(1, 40)))
    data = bytearray(rng.choice(corpus))
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 6))):
        rng.choice(_STEPS)(rng, data, corpus, tokens)
    return bytes(data)


def _span(rng: random.Random, data: bytearray) -> slice:
    start = rng.randrange(len(data) + 1)
    return slice(start, start + rng.choice((1, 1, 2, 4, 8, 30, 200)))


def _flip(rng: random.Random, data: bytearray, *_: Sequence[bytes]) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _overwrite(rng: random.Random, data: bytearray, *_: Sequence[bytes]) -> None:
    if data:
        data[rng.randrange(len(data))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))


def _delete(rng: random.Random, data: bytearray, *_: Sequence[bytes]) -> None:
    del data[_span(rng, data)]


def _double(rng: random.Random, data: bytearray, *_: Sequence[bytes]) -> None:
    span = _span(rng, data)
    data[span] = data[span] * 2


def _cut(rng: random.Random, data: bytearray, *_: Sequence[bytes]) -> None:
    del data[rng.randrange(len(data) + 1) :]


def _insert(rng: random.Random, data: bytearray, corpus: Sequence[bytes], tokens: Sequence[bytes]) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.choice(tokens)


def _replace(rng: random.Random, data: bytearray, corpus: Sequence[bytes], tokens: Sequence[bytes]) -> None:
    data[_span(rng, data)] = rng.choice(tokens)


def _repeat(rng: random.Random, data: bytearray, corpus: Sequence[bytes], tokens: Sequence[bytes]) -> None:
    token = rng.choice(tokens)
    at = rng.randrange(len(data) + 1)
    data[at:at] = token * min(rng.choice((3, 10, 100, 1000, 20_000)), MAX_BYTES // max(len(token), 1))


def _splice(rng: random.Random, data: bytearray, corpus: Sequence[bytes], tokens: Sequence[bytes]) -> None:
    other = rng.choice(corpus)
    start = rng.randrange(len(other) + 1)
    data[rng.randrange(len(data) + 1) :] = other[start:]


_STEPS = (_flip, _overwrite, _delete, _double, _cut, _insert, _insert, _replace, _repeat, _splice)


def _replaced(rng: random.Random, value: Any, extremes: Sequence[Any]) -> Any:
    """`value` with one of its parts replaced, removed, doubled, renamed or wrapped, in place."""
    places = list(_places(value))
    if not places:
        return copy.deepcopy(rng.choice(extremes))
    holder, key = rng.choice(places)
    step = rng.random()
    if step < 0.6:
        holder[key] = copy.deepcopy(rng.choice(extremes))
    elif step < 0.7:
        del holder[key]
    elif step < 0.8:
        other, name = rng.choice(places)
        holder[key] = copy.deepcopy(other.get(name) if isinstance(other, dict) else _item(other, name))
    elif step < 0.9:
        for _ in range(rng.choice((1, 2, 30))):
            holder[key] = [holder[key]] if rng.random() < 0.5 else {"x": holder[key]}
    elif isinstance(holder, dict):
        holder[rng.choice(("", "x", "\x1b", "é" * 40, f"{key}x"))] = holder.pop(key)
    else:
        holder += [copy.deepcopy(holder[key]) for _ in range(rng.choice((1, 3, 200)))]
    return value


def _item(items: list[Any], at: int) -> Any:
    return items[at] if at < len(items) else None


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key or index) inside `value`."""
    stack = [value]
    while stack:
        holder = stack.pop()
        if isinstance(holder, dict | list):
            for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
                yield holder, key
                stack.append(holder[key])
