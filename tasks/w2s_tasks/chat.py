"""Which of two responses follows the instructions? Generated, seeded, offline."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from w2s_harness import Example, Task, hookimpl
from w2s_tasks.draws import Fillers, fresh_question, scatter, seed_name, stream
from w2s_tasks.layout import Slot, rows_per_split, slots

Order = Literal["any", "up", "down"]
Tone = Literal["plain", "polite", "blunt"]
Word = TypeVar("Word", bound=str)
Fault = Literal["count", "topic", "capitals", "tone", "order", "start", "end"]

FILLERS = Fillers(word=0.25)
TOPICS: Mapping[str, tuple[str, ...]] = {
    "fruits": ("apple", "banana", "cherry", "fig", "grape", "lemon", "mango", "orange", "peach", "plum"),
    "animals": ("ant", "bear", "cat", "dog", "eel", "fox", "goat", "horse", "lion", "mouse"),
    "colours": ("azure", "blue", "crimson", "green", "indigo", "orchid", "pink", "red", "teal", "white"),
    "tools": ("axe", "brush", "chisel", "drill", "file", "hammer", "knife", "ladder", "pliers", "saw"),
    "rooms": ("attic", "bath", "cellar", "den", "hall", "kitchen", "library", "office", "pantry", "study"),
    "metals": ("brass", "cobalt", "gold", "iron", "lead", "nickel", "silver", "steel", "tin", "zinc"),
    "jobs": ("actor", "baker", "cook", "doctor", "farmer", "judge", "nurse", "pilot", "tailor", "writer"),
    "clothes": ("apron", "belt", "coat", "dress", "glove", "hat", "jacket", "scarf", "sock", "tie"),
    "sports": ("archery", "boxing", "cricket", "diving", "fencing", "golf", "hockey", "judo", "rowing",
               "tennis"),
    "drinks": ("ale", "beer", "cider", "coffee", "juice", "milk", "soda", "tea", "water", "wine"),
}  # fmt: skip
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
FAULTS: tuple[Fault, ...] = ("count", "topic", "capitals", "tone", "order", "start", "end")
WRONG_TRIES = 40


@dataclass(frozen=True)
class ChatTask(Task):
    """Requests with checkable instructions; is the first of two responses the better one? One row each."""

    name = "chat"
    kind = "preference"
    data_seed: int | str = 1
    """Any integer, or one as a decimal or hexadecimal string."""
    difficulty: int = 2
    """1 to 3: requests for `difficulty` + 1 or + 2 words; out-of-distribution, for + 3."""
    label_rows: int = 1000
    unlabel_rows: int = 1000
    test_rows: int = 2000

    def load(self) -> Iterator[Example]:
        """Yield the rows. Raises `UsageError` for settings out of range."""
        sizes = rows_per_split(self.label_rows, self.unlabel_rows, self.test_rows)
        seed = seed_name(self.data_seed)
        used: set[str] = set()
        turns: Counter[tuple[str, int, str]] = Counter()
        for slot in slots(sizes, self.difficulty):
            yield _row(slot, seed, used, turns)


def _row(slot: Slot, seed: str, used: set[str], turns: Counter[tuple[str, int, str]]) -> Example:
    names = ("chat", seed, slot.group)
    spoiled: dict[str, tuple[Fault, list[str]]] = {}

    def drawn(attempt: int) -> Request:
        return draw(slot.level, stream(*names, "question", attempt))

    def is_spoilable(request: Request) -> bool:
        fault = stream(*names, "fault").choice(faults_of(request))
        bad = spoil(request, fault, stream(*names, "wrong"))
        if bad is not None:
            spoiled[request.prompt] = (fault, bad)
        return bad is not None

    request = fresh_question(drawn, used, is_spoilable)
    fault, bad = spoiled[request.prompt]
    better = scatter(respond(request, stream(*names, "right")), FILLERS, stream(*names, "fillers", "right"))
    worse = scatter(bad, FILLERS, stream(*names, "fillers", "wrong"))
    first_is_better = _position(slot, fault, turns)
    first, second = (better, worse) if first_is_better else (worse, better)
    return Example(
        prompt=request.prompt,
        first=first,
        second=second,
        label=first_is_better,
        group=slot.group,
        subset=slot.subset,
        split=slot.split,
    )


def _position(slot: Slot, fault: Fault, turns: Counter[tuple[str, int, str]]) -> bool:
    """First and second in turn, within each split, level and kind of fault; kinds start differently."""
    stratum = (slot.split, slot.level, fault)
    turns[stratum] += 1
    return (turns[stratum] + FAULTS.index(fault) + slot.level) % 2 == 0


# -- requests and their checker --------------------------------------------------------------------------


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
    items = [word for word in words if word.lower() in TOPIC_OF]
    shown = [word.lower() for word in items]
    return (
        len(items) == request.count
        and all(TOPIC_OF[word] == request.topic for word in shown)
        and len(set(shown)) == len(shown)
        and all(word.isupper() == request.capitals for word in items)
        and (request.order == "any" or shown == sorted(shown, reverse=request.order == "down"))
        and _tone(words) == request.tone
        and _edge(words[0], STARTS) == request.start
        and _edge(words[-1], ENDS) == request.end
    )


def _tone(words: list[str]) -> Tone:
    said = (tone for tone, markers in MARKERS.items() if any(word in markers for word in words))
    return next(said, "plain")


def _edge(word: str, edges: tuple[str, ...]) -> str:
    return word if word in edges else ""


# -- responses, before fillers ----------------------------------------------------------------------------


def respond(request: Request, rng: random.Random) -> list[str]:
    """The words of a response that does all that was asked."""
    return _framed(request, rng.sample(TOPICS[request.topic], request.count), rng)


def _framed(request: Request, items: list[str], rng: random.Random) -> list[str]:
    if request.order != "any":
        items = sorted(items, reverse=request.order == "down")
    markers = MARKERS[request.tone]
    words = [request.start] if request.start else []
    words += [rng.choice(markers)] if markers else []
    words += [item.upper() for item in items] if request.capitals else items
    return [*words, request.end] if request.end else words


def faults_of(request: Request) -> list[Fault]:
    """The instructions of a request that a response can break by doing something else."""
    absent = {"order": request.order == "any", "start": not request.start, "end": not request.end}
    return [fault for fault in FAULTS if not absent.get(fault)]


def spoil(request: Request, fault: Fault, rng: random.Random) -> list[str] | None:
    """The words of a response with one instruction broken; `None` where no try brings one."""
    for _ in range(WRONG_TRIES):
        words = _spoiled(request, fault, rng)
        if not is_followed(request, " ".join(words)):
            return words
    return None


def _spoiled(request: Request, fault: Fault, rng: random.Random) -> list[str]:
    if fault == "topic":
        # One word is from another topic, put where the order has it.
        topic = _other(request.topic, TOPICS, rng)
        items = [*rng.sample(TOPICS[request.topic], request.count - 1), rng.choice(TOPICS[topic])]
        rng.shuffle(items)
        return _framed(request, items, rng)
    return respond(_misread(request, fault, rng), rng)


def _misread(request: Request, fault: Fault, rng: random.Random) -> Request:
    """The request with one instruction changed: what follows it breaks the one that was given."""
    if fault == "count":
        return replace(request, count=request.count + rng.choice((-1, 1)))
    if fault == "capitals":
        return replace(request, capitals=not request.capitals)
    if fault == "tone":
        return replace(request, tone=_other(request.tone, MARKERS, rng))
    if fault == "order":
        return replace(request, order=rng.choice(("up" if request.order == "down" else "down", "any")))
    if fault == "start":
        return replace(request, start=_other(request.start, STARTS, rng))
    return replace(request, end=_other(request.end, ENDS, rng))


def _other(word: Word, words: Iterable[Word], rng: random.Random) -> Word:
    return rng.choice([other for other in words if other != word])


@hookimpl
def w2s_tasks() -> list[Task]:
    """Offer the task `chat`."""
    return [ChatTask()]
