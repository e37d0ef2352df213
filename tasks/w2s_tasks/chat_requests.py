"""What does a chat request ask for, and does a response do it? Requests and their checker."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Order = Literal["any", "up", "down"]
Tone = Literal["plain", "polite", "blunt"]

TOPICS: Mapping[str, tuple[str, ...]] = {
    "fruits": ("apple", "banana", "cherry", "fig", "grape", "lemon", "mango", "orange", "peach", "plum"),
    "animals": ("ant", "bear", "cat", "dog", "eel", "fox", "goat", "horse", "lion", "mouse"),
    "colours": ("azure", "blue", "crimson", "green", "indigo", "orchid", "pink", "red", "teal", "white"),
    "tools": ("axe", "brush", "chisel", "drill", "file", "hammer", "knife", "ladder", "pliers", "saw"),
    "rooms": ("attic", "bath", "cellar", "den", "hall", "kitchen", "library", "office", "pantry", "study"),
    "metals": ("brass", "cobalt", "gold", "iron", "lead", "nickel", "silver", "steel", "tin", "zinc"),
    "jobs": ("actor", "baker", "cook", "doctor", "farmer", "judge", "nurse", "pilot", "tailor", "writer"),
    "clothes": ("apron", "belt", "coat", "dress", "glove", "hat", "jacket", "scarf", "sock", "tie"),
    "sports": (
        "archery",
        "boxing",
        "cricket",
        "diving",
        "fencing",
        "golf",
        "hockey",
        "judo",
        "rowing",
        "tennis",
    ),
    "drinks": ("ale", "beer", "cider", "coffee", "juice", "milk", "soda", "tea", "water", "wine"),
}
TOPIC_OF: Mapping[str, str] = {word: topic for topic, words in TOPICS.items() for word in words}
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six")
STARTS = ("yes", "sure", "hello", "alright", "greetings", "listen", "certainly", "welcome")
ENDS = ("done", "bye", "cheers", "enough", "finished", "farewell", "goodnight", "over")
POLITE = ("please", "kindly", "gratefully")
BLUNT = ("whatever", "duh", "boring")
ASKS = ("Name {n} {topic}", "List {n} {topic}", "Give {n} {topic}")
ORDERS: Mapping[Order, str] = {"any": "", "up": " in order", "down": " in reverse order"}
TONES: Mapping[Tone, str] = {"plain": "", "polite": ", politely", "blunt": ", rudely"}
MARKERS: Mapping[Tone, tuple[str, ...]] = {"plain": (), "polite": POLITE, "blunt": BLUNT}


@dataclass(frozen=True, slots=True)
class Request:
    """An instruction whose every part can be checked."""

    ask: str
    topic: str
    count: int
    order: Order
    capitals: bool
    tone: Tone
    start: str
    """The word to begin with, or an empty string."""
    end: str
    """The word to end with, or an empty string."""

    @property
    def prompt(self) -> str:
        """The request as the models read it."""
        asked = self.ask.format(n=NUMBERS[self.count], topic=self.topic)
        case = " in capitals" if self.capitals else ""
        frame = [f"Begin with {self.start}."] if self.start else []
        frame += [f"End with {self.end}."] if self.end else []
        return " ".join([f"{asked}{ORDERS[self.order]}{case}{TONES[self.tone]}.", *frame])


def draw(level: int, rng: random.Random) -> Request:
    """A request for `level + 1` words, with at least one word to begin or to end with."""
    framed = rng.choice(((True, True), (True, False), (False, True)))
    start, end = rng.choice(STARTS), rng.choice(ENDS)
    return Request(
        ask=rng.choice(ASKS),
        topic=rng.choice(tuple(TOPICS)),
        count=level + 1,
        order=rng.choice(("any", "up", "down")),
        capitals=rng.random() < 0.5,
        tone=rng.choice(("plain", "polite", "blunt")),
        start=start if framed[0] else "",
        end=end if framed[1] else "",
    )


def is_followed(request: Request, response: str) -> bool:
    """Whether a response does all that was asked; words of no list (fillers) are passed over."""
    words = response.split()
    items = [word for word in words if _topic(word)]
    shown = [word.lower() for word in items]
    return (
        len(items) == request.count
        and all(_topic(word) == request.topic for word in items)
        and len(set(shown)) == len(shown)
        and all(word.isupper() == request.capitals for word in items)
        and _in_order(shown, request.order)
        and _tone(words) == request.tone
        and _edge(words[0], STARTS) == request.start
        and _edge(words[-1], ENDS) == request.end
    )


def _topic(word: str) -> str:
    return TOPIC_OF.get(word.lower(), "")


def _in_order(words: list[str], order: Order) -> bool:
    return order == "any" or words == sorted(words, reverse=order == "down")


def _tone(words: list[str]) -> Tone:
    for tone, markers in MARKERS.items():
        if any(word in markers for word in words):
            return tone
    return "plain"


def _edge(word: str, edges: tuple[str, ...]) -> str:
    return word if word in edges else ""
