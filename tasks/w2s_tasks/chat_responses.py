"""How is a chat request answered, well or with one instruction broken? Words before fillers."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Literal

from w2s_tasks.chat_requests import ENDS, MARKERS, STARTS, TOPICS, Order, Request, Tone, is_followed

Fault = Literal["count", "topic", "capitals", "tone", "order", "start", "end"]
FAULTS: tuple[Fault, ...] = ("count", "topic", "capitals", "tone", "order", "start", "end")
WRONG_TRIES = 40


def respond(request: Request, rng: random.Random) -> list[str]:
    """The words of a response that does all that was asked."""
    items = rng.sample(TOPICS[request.topic], request.count)
    if request.order != "any":
        items.sort(reverse=request.order == "down")
    return _framed(request, items, rng)


def _framed(request: Request, items: list[str], rng: random.Random) -> list[str]:
    markers = MARKERS[request.tone]
    words = [request.start] if request.start else []
    words += [rng.choice(markers)] if markers else []
    words += [item.upper() for item in items] if request.capitals else items
    return [*words, request.end] if request.end else words


def faults_of(request: Request) -> list[Fault]:
    """The instructions of a request that a response can break by doing something else."""
    absent = {
        "order": request.order == "any",
        "start": not request.start,
        "end": not request.end,
    }
    return [fault for fault in FAULTS if not absent.get(fault, False)]


def spoil(request: Request, fault: Fault, rng: random.Random) -> list[str] | None:
    """The words of a response with one instruction broken; `None` where no try brings one."""
    for _ in range(WRONG_TRIES):
        words = _spoiled(request, fault, rng)
        if not is_followed(request, " ".join(words)):
            return words
    return None


def _spoiled(request: Request, fault: Fault, rng: random.Random) -> list[str]:
    if fault == "topic":
        return _off_topic(request, rng)
    if fault == "order":
        opposite: Order = "up" if request.order == "down" else "down"
        return respond(replace(request, order=rng.choice((opposite, "any"))), rng)
    return respond(_misread(request, fault, rng), rng)


def _misread(request: Request, fault: Fault, rng: random.Random) -> Request:
    """The request with one instruction changed: what follows it breaks the one that was given."""
    if fault == "count":
        return replace(request, count=request.count + rng.choice((-1, 1)))
    if fault == "capitals":
        return replace(request, capitals=not request.capitals)
    if fault == "tone":
        return replace(request, tone=_other_tone(request.tone, rng))
    if fault == "start":
        return replace(request, start=_other(request.start, STARTS, rng))
    return replace(request, end=_other(request.end, ENDS, rng))


def _off_topic(request: Request, rng: random.Random) -> list[str]:
    """One word from another topic, put where the order has it."""
    topic = _other(request.topic, tuple(TOPICS), rng)
    items = [*rng.sample(TOPICS[request.topic], request.count - 1), rng.choice(TOPICS[topic])]
    rng.shuffle(items)
    if request.order != "any":
        items.sort(reverse=request.order == "down")
    return _framed(request, items, rng)


def _other(word: str, words: tuple[str, ...], rng: random.Random) -> str:
    return rng.choice([other for other in words if other != word])


def _other_tone(tone: Tone, rng: random.Random) -> Tone:
    tones: list[Tone] = [other for other in MARKERS if other != tone]
    return rng.choice(tones)
