"""The rows of a task that a method's files hold, as text or as digests."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]

LEAST_CHARS = 20
"""Characters of the shortest text that is looked for; shorter ones stand in any file."""
MOST_BYTES = 2 * 2**20
"""Bytes of one file that are looked through; a larger one is flagged for its size."""
MOST_PLACES = 200_000
"""Places of one file that are looked at more closely; a file with more is too large to be overlooked."""
_ANCHOR = 16
"""Bytes of a folded text by which it is found; a text that folds to less is not looked for."""
_HEX_PREFIX = 12
"""Hex digits (48 bits) by which a digest is found: 10^6 known digests meet a random run once in 10^8."""
_JOINS = ("", " ", "\n", "\n\n", "\t", "|", "\0")
"""What may stand between the texts of a row before they are hashed."""
_ESCAPED = re.compile(rb"\\(?:[abfnrtv0]|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2})")
_NOT_WORD = bytes(b for b in range(256) if not bytes([b]).isalnum())
_LOWER = bytes.maketrans(bytes(range(65, 91)), bytes(range(97, 123)))
_HEX_RUN = re.compile(rb"[0-9a-fA-F]{%d,}" % _HEX_PREFIX)


@dataclass(frozen=True, slots=True)
class Traces:
    """What a method's files hold of one split."""

    rows: int
    """Rows whose text or digest was found."""
    texts: int
    """Different texts and digested texts among them; candidates of one question share its prompt."""
    of: int
    """Rows of the split."""
    file: str
    """The file that holds most of them."""
    how: str
    """`text` or `digest`: what it holds more of."""


@dataclass(eq=False)
class RowIndex:
    """The texts of one split, and where they were found.

    A text that stands under several questions, such as an instruction, tells nothing and is not looked for.
    """

    rows: Sequence[Sequence[str]]
    groups: Sequence[int]
    _found: dict[str, set[tuple[str, str]]] = field(default_factory=dict)

    def search(self, name: str, data: bytes) -> None:
        """Look through one file; what is beyond `MOST_BYTES` is not read."""
        body = data[:MOST_BYTES]
        for text in self._texts_in(_folded(body)):
            self._found.setdefault(text, set()).add((name, "text"))
        for text in self._digests_in(body):
            self._found.setdefault(text, set()).add((name, "digest"))

    def traces(self) -> Traces | None:
        """What all files together hold, or `None` for nothing."""
        if not self._found:
            return None
        rows = {row for text in self._found for row in self._rows_of.get(text) or self._wholes[text]}
        count: dict[tuple[str, str], int] = defaultdict(int)
        for places in self._found.values():
            for place in places:
                count[place] += 1
        file, how = max(sorted(count), key=lambda place: count[place])
        return Traces(len(rows), len(self._found), len(self.rows), file, how)

    # -- what is looked for -----------------------------------------------------------------------------

    @cached_property
    def _rows_of(self) -> dict[str, list[int]]:
        rows: dict[str, list[int]] = defaultdict(list)
        for index, row in enumerate(self.rows):
            for text in row:
                rows[text].append(index)
        return {t: found for t, found in rows.items() if len({int(self.groups[i]) for i in found}) == 1}

    @cached_property
    def _by_anchor(self) -> dict[bytes, dict[int, dict[bytes, str]]]:
        """By the first bytes of a folded text, then its length: the folded texts."""
        table: dict[bytes, dict[int, dict[bytes, str]]] = {}
        for text in self._rows_of:
            folded = _folded(text.encode())
            if len(text) >= LEAST_CHARS and len(folded) >= _ANCHOR:
                table.setdefault(folded[:_ANCHOR], {}).setdefault(len(folded), {})[folded] = text
        return table

    @cached_property
    def _anchors(self) -> Words:
        return np.sort(np.array([_mixed(anchor)[0] for anchor in self._by_anchor], np.uint64))

    @cached_property
    def _wholes(self) -> dict[str, list[int]]:
        """By the joined texts of a row, in every way of joining: the row."""
        wholes: dict[str, list[int]] = {}
        for index, row in enumerate(self.rows):
            some = [part for n in range(2, len(row) + 1) for part in combinations(row, n)]
            for join in _JOINS:
                wholes.update({join.join(part): [index] for part in some})
        return wholes

    @cached_property
    def _digests(self) -> list[tuple[bytes, str]]:
        """Every digest of a text or of a row's joined texts, with what it is of."""
        texts = dict.fromkeys([*self._rows_of, *self._wholes])
        return [(digest, text) for text in texts for digest in _hashes(text.encode())]

    @cached_property
    def _by_digest(self) -> dict[bytes, str]:
        """By the first hex digits of a digest: what it is of."""
        return {digest.hex().encode()[:_HEX_PREFIX]: text for digest, text in self._digests}

    @cached_property
    def _digest_words(self) -> tuple[Words, list[str]]:
        """The first 8 bytes of every digest, sorted, and what each is of."""
        pairs = sorted((int.from_bytes(digest[:8], "little"), text) for digest, text in self._digests)
        return np.array([word for word, _ in pairs], np.uint64), [text for _, text in pairs]

    # -- looking ----------------------------------------------------------------------------------------

    def _texts_in(self, folded: bytes) -> Iterator[str]:
        for at in _places(folded, self._anchors):
            for length, texts in self._by_anchor.get(folded[at : at + _ANCHOR], {}).items():
                text = texts.get(folded[at : at + length])
                if text is not None:
                    yield text

    def _digests_in(self, data: bytes) -> Iterator[str]:
        runs = [run.lower() for run in _HEX_RUN.findall(data)]
        for run in runs:
            # Digests may stand one after another without a break, so every place of a run is looked at.
            for at in range(len(run) - _HEX_PREFIX + 1):
                text = self._by_digest.get(run[at : at + _HEX_PREFIX])
                if text is not None:
                    yield text
        if not _is_text(data):
            known, texts = self._digest_words
            words = _words(data)
            for index in _matches(words, known):
                yield texts[int(np.searchsorted(known, words[index]))]


def _hashes(raw: bytes) -> Iterator[bytes]:
    for size in (64, 32, 16, 8):
        yield hashlib.blake2b(raw, digest_size=size).digest()
    for name in ("md5", "sha1", "sha256"):
        yield hashlib.new(name, raw, usedforsecurity=False).digest()


def _is_text(data: bytes) -> bool:
    try:
        return "\0" not in data.decode("utf-8")
    except UnicodeDecodeError:
        return False


def _folded(data: bytes) -> bytes:
    """Letters and digits alone, in lower case, so that quoting, escapes and wrapping hide no text."""
    return _ESCAPED.sub(b" ", data).translate(_LOWER, _NOT_WORD)


def _words(data: bytes) -> Words:
    """(n - 7,) the 8 bytes from every place on, as little-endian words."""
    if len(data) < 8:
        return np.zeros(0, np.uint64)
    return np.ndarray((len(data) - 7,), "<u8", buffer=data, strides=(1,))


def _mixed(folded: bytes) -> Words:
    """(n - 15,) one word for the 16 bytes from every place on."""
    words = _words(folded)
    return words[:-8] * np.uint64(0x9E3779B97F4A7C15) ^ words[8:]


def _places(folded: bytes, anchors: Words) -> list[int]:
    return _matches(_mixed(folded), anchors) if len(folded) >= _ANCHOR and len(anchors) else []


def _matches(words: Words, known: Words) -> list[int]:
    """Where one of the sorted `known` stands in `words`."""
    if not len(words) or not len(known):
        return []
    place = np.minimum(np.searchsorted(known, words), len(known) - 1)
    return [int(i) for i in np.flatnonzero(known[place] == words)[:MOST_PLACES]]


def search(files: Mapping[str, bytes], rows: Sequence[Sequence[str]], groups: Sequence[int]) -> Traces | None:
    """What files hold of one split.

    :param files: content by name. :param rows: (n) the texts of each row: prompt, candidate or responses.
    :param groups: (n) codes of the rows' questions.
    :return: what was found, or `None` for nothing.
    """
    index = RowIndex(rows, groups)
    for name in sorted(files):
        index.search(name, files[name])
    return index.traces()
