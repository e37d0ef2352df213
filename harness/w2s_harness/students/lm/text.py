"""How a row becomes token ids: the question, a separator, the response; a chat model's own words around them.

A chat template is rendered once, with a placeholder for the user's message and the header of the answer; what
stands before and after the placeholder is put around every question, as ids, so that only the question is
ever cut and the beginning-of-text token comes once, where the template has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from w2s_harness.contract.errors import ModelError
from w2s_harness.contract.kinds import Kind
from w2s_harness.contract.worker.wire.row_text import TextRow

SEPARATOR = "\n"
"""Stands between the question and the response."""
_PART = 2**24
_QUESTION = "W2SQUESTION"
_DATE = "26 Jul 2024"
"""What templates that tell the date are told, so that the same run gives the same numbers tomorrow."""


@dataclass(frozen=True, slots=True)
class Chat:
    """What a chat template puts around a question."""

    shown: str
    """The template around `{question}`."""
    lead: tuple[int, ...]
    """Ids before the question, the beginning-of-text token among them where the template has one."""
    tail: tuple[int, ...]
    """Ids after it, up to where the answer begins."""


def chat_of(tokenizer: Any, source: str) -> Chat | None:
    """The chat template of a tokenizer, or None where it has none.

    Raises `ModelError` for a template that cannot be rendered or does not repeat what the user says.
    """
    if not getattr(tokenizer, "chat_template", None):
        return None
    message = [{"role": "user", "content": _QUESTION}]
    try:
        text = tokenizer.apply_chat_template(
            message, tokenize=False, add_generation_prompt=True, date_string=_DATE
        )
    except Exception as bad:
        why = " ".join(f"{type(bad).__name__}: {bad}".split())[:200]
        raise ModelError(f"'{source}': its chat template fails ({why}); try --chat-template none") from bad
    if text.count(_QUESTION) != 1:
        raise ModelError(
            f"'{source}': its chat template does not repeat the question once; try --chat-template none"
        )
    lead, tail = (
        tuple(tokenizer(part, add_special_tokens=False)["input_ids"]) if part else ()
        for part in text.split(_QUESTION)
    )
    return Chat(text.replace(_QUESTION, "{question}"), lead, tail)


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
        for question, response in zip(questions, responses, strict=True):
            kept = response[max(0, len(response) - room + 1) :]
            before = question[max(0, len(question) + len(kept) - room) :]
            start = len(lead) + len(before) + len(tail)
            is_cut = len(question) + len(response) > room
            ids = (*lead, *before, *tail, *kept, *trail)
            out.append(Encoded(ids, start, start + len(kept), is_cut))
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
