"""How a row becomes token ids: the question, a separator, the response."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from w2s_harness.contract.errors import ModelError
from w2s_harness.contract.kinds import Kind
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.students.lm.chat import Chat

SEPARATOR = "\n"
"""Stands between the question and the response."""
_PART = 2**24


@dataclass(frozen=True, slots=True)
class Encoded:
    """One text as token ids."""

    ids: tuple[int, ...]
    start: int
    """Position of the response's first token; the response ends at `stop`."""
    stop: int
    is_cut: bool
    """Whether tokens of the question's start were dropped to fit the context."""


def texts(rows: Sequence[TextRow], kind: Kind, suffix: str = "") -> list[tuple[str, str]]:
    """(question with separator, response) pairs: one for each response, those of a row side by side.

    `suffix` is appended to every response. Raises `ModelError` where a row lacks a text of its kind.
    """
    pairs: list[tuple[str, str]] = []
    for i, row in enumerate(rows):
        for response in kind.responses(row):
            if response is None:
                raise ModelError(f"row {i} holds no response to read as a {kind.name} row")
            pairs.append((row.prompt + SEPARATOR, response + suffix))
    return pairs


def special_ids(tokenizer: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The ids that a tokenizer puts before and after a text of its own accord (BOS; CLS and SEP)."""
    bare = list(tokenizer("a", add_special_tokens=False)["input_ids"])
    full = list(tokenizer("a")["input_ids"])
    for at in range(len(full) - len(bare) + 1):
        if full[at : at + len(bare)] == bare:
            return tuple(full[:at]), tuple(full[at + len(bare) :])
    raise ModelError("the tokenizer changes a text's tokens when it adds its special ones")


def encode(
    tokenizer: Any, pairs: Sequence[tuple[str, str]], context: int, chat: Chat | None = None
) -> list[Encoded]:
    """Token ids of (question, response) pairs, at most `context` each; inside `chat` where it is given.

    Question and response are tokenised apart, so the response's tokens do not depend on the question. A
    text that is too long loses tokens at the question's start; the response is kept, and only where it
    does not fit by itself does it lose its own start. At least one token precedes the response.
    """
    lead, trail = special_ids(tokenizer) if chat is None else (chat.lead, ())
    tail = () if chat is None else chat.tail
    if not pairs:
        return []
    room = context - len(lead) - len(tail) - len(trail)
    if room < 2:
        raise ModelError(f"a context of {context} tokens holds no response; raise --context or max_tokens")
    out: list[Encoded] = []
    for part in _parts(pairs):
        # The end of a chat template's message takes the separator's place.
        questions = _ids(tokenizer, [q if chat is None else q.removesuffix(SEPARATOR) for q, _ in part])
        responses = _ids(tokenizer, [response for _, response in part])
        out += [_join(lead, q, tail, r, trail, room) for q, r in zip(questions, responses, strict=True)]
    return out


def _parts(pairs: Sequence[tuple[str, str]]) -> Iterator[Sequence[tuple[str, str]]]:
    """The pairs in runs of about `_PART` characters: tokens take many times the memory of their text."""
    begin = characters = 0
    for i, (question, response) in enumerate(pairs):
        characters += len(question) + len(response)
        if characters >= _PART:
            yield pairs[begin : i + 1]
            begin, characters = i + 1, 0
    if begin < len(pairs):
        yield pairs[begin:]


def _ids(tokenizer: Any, strings: list[str]) -> list[list[int]]:
    # Most questions recur (every candidate has the same one): each string is tokenised once.
    distinct = list(dict.fromkeys(strings))
    encoded = tokenizer(distinct, add_special_tokens=False, verbose=False)["input_ids"]
    ids = dict(zip(distinct, encoded, strict=True))
    return [ids[string] for string in strings]


def _join(
    lead: tuple[int, ...],
    question: list[int],
    tail: tuple[int, ...],
    response: list[int],
    trail: tuple[int, ...],
    room: int,
) -> Encoded:
    kept = response[max(0, len(response) - room + 1) :]
    before = question[max(0, len(question) + len(kept) - room) :]
    start = len(lead) + len(before) + len(tail)
    is_cut = len(question) + len(response) > room
    return Encoded((*lead, *before, *tail, *kept, *trail), start, start + len(kept), is_cut)


def batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Positions grouped into batches of texts of like length, at most `budget` padded tokens each.

    Sorted by length (ties by position), so the batches depend on the data alone; a text longer than the
    budget is a batch of its own.
    """
    order = sorted(range(len(lengths)), key=lambda i: (lengths[i], i))
    out: list[list[int]] = []
    for i in order:
        if out and (len(out[-1]) + 1) * lengths[i] <= budget:
            out[-1].append(i)
        else:
            out.append([i])
    return out
