"""Which of two responses follows the instructions? Generated, seeded, offline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from w2s_harness import Example, Task, hookimpl
from w2s_tasks.chat_requests import Request, draw
from w2s_tasks.chat_responses import FAULTS, Fault, faults_of, respond, spoil
from w2s_tasks.draws import fresh_question, seed_name, stream
from w2s_tasks.fillers import Fillers, scatter
from w2s_tasks.layout import Slot, rows_per_split, slots

FILLERS = Fillers(word=0.25)


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


@hookimpl
def w2s_tasks() -> list[Task]:
    """Offer the task `chat`."""
    return [ChatTask()]
