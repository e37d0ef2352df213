"""Whether a table holds rows of a task with something beside their texts that tells their labels."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from w2s_harness import SettingView

FEWEST = 10
"""Rows of the task that a table must hold before anything is said of it."""
AGREES = 0.8
"""Share of rows on which a mark must agree with gold, or with its opposite."""
CHANCE = 1e-6
"""Probability, over all marks tried, that a mark unrelated to gold agrees with it as often."""
_TOKEN = re.compile(r"\w+|[^\w\s]")
_WORD = re.compile(r"[a-z0-9]+")
_PROBES = 40
"""Prompts that are looked for in a quick look."""
_START = 6
"""Tokens by which a prompt is looked for."""
_MOST_MARKS = 200
"""Tokens beside a row's texts; more are no label but another text."""
_MOST_PROMPTS = 3
"""Prompts in one record; more are no row of a table."""

Tokens = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What one table holds."""

    rows: int
    """Rows of the task whose texts it holds."""
    agreement: float
    """Share of them, and of the other rows of their questions, on which the best mark agrees with gold: the
    word beside the texts, or how they stand, that tells the label best."""
    is_label: bool
    """Whether chance does not explain it."""


@dataclass(frozen=True, slots=True)
class _Row:
    texts: tuple[Tokens, ...]
    gold: bool


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """The rows of a setting, by the beginnings of their prompts."""

    _starts: dict[Tokens, dict[int, set[Tokens]]]
    _rows: dict[Tokens, list[_Row]]
    _first: frozenset[str]
    """The first token of every prompt."""

    @classmethod
    def of(cls, setting: SettingView) -> Index:
        """Every row of train_unlabel and of the holdout."""
        starts: dict[Tokens, dict[int, set[Tokens]]] = {}
        rows: dict[Tokens, list[_Row]] = {}
        for part in (setting.train, setting.test):
            for row, gold in zip(part.rows, part.gold, strict=True):
                prompt, *texts = map(tokens, row.texts().values())
                if prompt:
                    rows.setdefault(prompt, []).append(_Row(tuple(texts), bool(gold)))
                    lengths = starts.setdefault(prompt[:_START], {})
                    lengths.setdefault(len(prompt), set()).add(prompt)
        return cls(starts, rows, frozenset(prompt[0] for prompt in rows))

    def is_mentioned(self, data: bytes) -> bool:
        """Whether a text holds a piece of one of 40 prompts: a quick look that spares a search."""
        prompts = sorted(self._rows)
        probes = [_longest_run(prompt) for prompt in prompts[:: max(1, len(prompts) // _PROBES)]]
        lowered = data.lower()
        return any(probe.encode() in lowered for probe in probes)

    def search(self, table: Iterable[Sequence[str]]) -> Found | None:
        """What a table's records hold of the task, or None where that is next to nothing."""
        marks: dict[int, set[str]] = {}
        prompts: set[Tokens] = set()
        for record in table:
            cells = [tokens(cell) for cell in record]
            flat = [t for cell in cells for t in cell]
            here = list(self._prompts(flat))
            if not 0 < len(here) <= _MOST_PROMPTS:
                continue
            prompt, at = max(here, key=lambda found: len(found[0]))
            prompts.add(prompt)
            rest = [*flat[:at], "\n", *flat[at + len(prompt) :]]
            row, left = self._row(prompt, rest)
            if row is not None:
                marks.setdefault(id(row), set()).update(_marks(left, record))
        rows = [row for prompt in sorted(prompts) for row in self._rows[prompt]]
        return _judged(rows, marks) if len(marks) >= FEWEST else None

    def _prompts(self, flat: list[str]) -> Iterator[tuple[Tokens, int]]:
        for at in (i for i, token in enumerate(flat) if token in self._first):
            for width in range(1, _START + 1):
                lengths = self._starts.get(tuple(flat[at : at + width]))
                for length, known in (lengths or {}).items():
                    # A start of fewer tokens than `_START` is a whole prompt.
                    if (text := tuple(flat[at : at + length])) in known:
                        yield text, at

    def _row(self, prompt: Tokens, rest: list[str]) -> tuple[_Row | None, list[str]]:
        """The row of a prompt whose texts stand in `rest`, the longest first, and what is left."""
        for row in sorted(self._rows[prompt], key=lambda r: -sum(map(len, r.texts))):
            left, places = list(rest), []
            for text in row.texts:
                place = _find(left, text)
                if place < 0:
                    break
                places.append(place)
                left[place : place + len(text)] = ["\n"] * len(text)
            else:
                if len(places) == 2 and places[0] != places[1]:
                    left.append("(first stands before second)" if places[0] < places[1] else "")
                return row, left
        return None, rest


def _longest_run(prompt: Tokens) -> str:
    """The longest run of words without a mark between them; empty, so in every text, where there is none."""
    runs = groupby(prompt, key=lambda token: bool(_WORD.fullmatch(token)))
    longest: list[str] = max((list(run) for is_word, run in runs if is_word), key=len, default=[])
    return " ".join(longest)


def tokens(text: str | None) -> Tokens:
    """Words and marks of a text, in lower case."""
    return tuple(_TOKEN.findall((text or "").casefold()))


def _find(flat: Sequence[str], text: Tokens) -> int:
    places = range(len(flat) - len(text) + 1) if text else ()
    return next((i for i in places if flat[i] == text[0] and tuple(flat[i : i + len(text)]) == text), -1)


def _marks(left: Sequence[str], record: Sequence[str]) -> set[str]:
    """What stands beside a row's texts: words, that it is there, and whether a number is above 1/2."""
    words = {t for t in left if t.strip()}
    found = {"(listed)"} | (words if len(words) <= _MOST_MARKS else set())
    for column, cell in enumerate(record):
        try:
            value = float(cell)
        except ValueError:
            continue
        if 0 <= value <= 1 and value > 0.5:
            found.add(f"(number {column} above 1/2)")
    return found


def _judged(rows: Sequence[_Row], marks: dict[int, set[str]]) -> Found:
    gold = [row.gold for row in rows]
    n, prior = len(rows), sum(gold) / len(rows)
    counts: dict[str, list[int]] = {}
    for row in rows:
        for mark in marks.get(id(row), ()):
            counts.setdefault(mark, [0, 0])[row.gold] += 1
    best, least = 0.0, 1.0
    for _, (wrong, right) in sorted(counts.items()):
        share = (wrong + right) / n
        agree = (right + (n - sum(gold)) - wrong) / n
        expected = share * prior + (1 - share) * (1 - prior)
        for value, by_chance in ((agree, expected), (1 - agree, 1 - expected)):
            p = len(counts) * 2 * _tail(n, round(value * n), by_chance)
            if value >= AGREES and p < least:
                best, least = value, p
    return Found(rows=len(marks), agreement=best, is_label=least < CHANCE)


def _tail(n: int, k: int, p: float) -> float:
    """P(Bin(n, p) >= k), bounded by exp(-n KL(k/n, p)) (Chernoff)."""
    share = k / n
    if share <= p:
        return 1.0
    if p <= 0:
        return 0.0
    divergence = share * math.log(share / p)
    if share < 1:
        divergence += (1 - share) * math.log((1 - share) / (1 - p))
    return math.exp(-n * divergence)
