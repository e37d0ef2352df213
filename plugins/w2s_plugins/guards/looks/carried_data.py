"""What a method's files hold that code does not need: rows of a task, as text or as digests; big tables."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import numpy.typing as npt

from w2s_plugins.guards.looks.scanning import is_text

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
MOST_NUMBERS = 2000
"""Numbers in one text file. The shipped methods have under 40 each; a table of one number for each of the
1000 training rows of a shipped task, with its key, has 2000."""
MOST_UNBROKEN = 4000
"""Characters of one file in runs of `_RUN` or more without a space or a quote: base64, hex, packed bytes.
Code formatted to any line length has next to none."""
MOST_CODE_KIB = 256
"""KiB of one `.py` file."""
_RUN = 80
_UNBROKEN = re.compile(rb"""[^\s"']{%d,}""" % _RUN)
_NUMBER = re.compile(rb"(?<![\w.])[-+]?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)(?![\w])")
_LISTS = (".dist-info/RECORD", ".dist-info/METADATA", ".lock")
"""Files that packaging writes, which hold digests and links of their own."""


# -- rows of a task -------------------------------------------------------------------------------------


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


def search(files: Mapping[str, bytes], rows: Sequence[Sequence[str]], groups: Sequence[int]) -> Traces | None:
    """What files hold of one split; `None` for nothing.

    A text that stands under several questions, such as an instruction, tells nothing and is not looked for.
    What is beyond `MOST_BYTES` of a file is not read.

    :param files: content by name. :param rows: (n) the texts of each row: prompt, candidate or responses.
    :param groups: (n) codes of the rows' questions.
    """
    texts = _Texts(rows, groups)
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for name in sorted(files):
        body = files[name][:MOST_BYTES]
        for text in texts.written_in(_folded(body)):
            found[text].add((name, "text"))
        for text in texts.digested_in(body):
            found[text].add((name, "digest"))
    if not found:
        return None
    held = {row for text in found for row in texts.rows_of.get(text) or texts.wholes[text]}
    count = Counter(place for places in found.values() for place in places)
    file, how = max(sorted(count), key=lambda place: count[place])
    return Traces(len(held), len(found), len(rows), file, how)


@dataclass(eq=False)
class _Texts:
    """The texts of one split, by what they are found by."""

    rows: Sequence[Sequence[str]]
    groups: Sequence[int]

    @cached_property
    def rows_of(self) -> dict[str, list[int]]:
        """The rows of every text that stands under one question only."""
        rows: dict[str, list[int]] = defaultdict(list)
        for index, row in enumerate(self.rows):
            for text in row:
                rows[text].append(index)
        return {t: found for t, found in rows.items() if len({int(self.groups[i]) for i in found}) == 1}

    @cached_property
    def wholes(self) -> dict[str, list[int]]:
        """By the joined texts of a row, in every way of joining: the row."""
        wholes: dict[str, list[int]] = {}
        for index, row in enumerate(self.rows):
            some = [part for n in range(2, len(row) + 1) for part in combinations(row, n)]
            for join in _JOINS:
                wholes.update({join.join(part): [index] for part in some})
        return wholes

    @cached_property
    def by_anchor(self) -> tuple[Words, dict[bytes, dict[int, dict[bytes, str]]]]:
        """By the first bytes of a folded text, then its length: the folded texts. Before it, their starts."""
        table: dict[bytes, dict[int, dict[bytes, str]]] = {}
        for text in self.rows_of:
            folded = _folded(text.encode())
            if len(text) >= LEAST_CHARS and len(folded) >= _ANCHOR:
                table.setdefault(folded[:_ANCHOR], {}).setdefault(len(folded), {})[folded] = text
        return _starts(table), table

    @cached_property
    def by_digest(self) -> dict[bytes, str]:
        """By the first hex digits of a digest, and by its first 8 bytes: the text, or joined texts, of it."""
        found = {}
        for text in dict.fromkeys([*self.rows_of, *self.wholes]):
            for digest in _hashes(text.encode()):
                found[digest.hex().encode()[:_HEX_PREFIX]] = found[digest[:8]] = text
        return found

    def written_in(self, folded: bytes) -> Iterator[str]:
        """The texts that stand in a folded file."""
        starts, table = self.by_anchor
        for at in _places(folded, starts):
            for length, texts in table.get(folded[at : at + _ANCHOR], {}).items():
                if (text := texts.get(folded[at : at + length])) is not None:
                    yield text

    def digested_in(self, data: bytes) -> Iterator[str]:
        """The texts of which a file holds digests, in hexadecimal or, in what is no text, as they are."""
        keys = []
        for run in map(bytes.lower, _HEX_RUN.findall(data)):
            # Digests may stand one after another without a break, so every place of a run is looked at.
            keys += [run[at : at + _HEX_PREFIX] for at in range(len(run) - _HEX_PREFIX + 1)]
        if not is_text(data):
            starts = _starts(key for key in self.by_digest if len(key) == 8)
            keys += [data[at : at + 8] for at in _places(data, starts)]
        for key in keys:
            if (text := self.by_digest.get(key)) is not None:
                yield text


def _hashes(raw: bytes) -> Iterator[bytes]:
    for size in (64, 32, 16, 8):
        yield hashlib.blake2b(raw, digest_size=size).digest()
    for name in ("md5", "sha1", "sha256"):
        yield hashlib.new(name, raw, usedforsecurity=False).digest()


def _folded(data: bytes) -> bytes:
    """Letters and digits alone, in lower case, so that quoting, escapes and wrapping hide no text."""
    return _ESCAPED.sub(b" ", data).translate(_LOWER, _NOT_WORD)


def _starts(keys: Iterable[bytes]) -> Words:
    """(k,) the first 8 bytes of every key as a word, sorted."""
    return np.sort(np.frombuffer(b"".join(key[:8] for key in keys), "<u8"))


def _places(data: bytes, starts: Words) -> list[int]:
    """Where the 8 bytes from a place on are one of the `starts`."""
    if len(data) < 8 or not len(starts):
        return []
    words = np.ndarray((len(data) - 7,), "<u8", buffer=data, strides=(1,))
    nearest = np.minimum(np.searchsorted(starts, words), len(starts) - 1)
    return list(map(int, np.flatnonzero(starts[nearest] == words)[:MOST_PLACES]))


# -- big tables -----------------------------------------------------------------------------------------


def biggest(files: Mapping[str, bytes], *, data_kib: float, total_kib: float) -> tuple[str, str] | None:
    """The first file, by name, that holds more data than an ordinary method's does, or `None`.

    :param files: content by name. :param data_kib: KiB allowed of a file that is not code.
    :param total_kib: KiB allowed of all files together.
    :return: its name and why, the rest of a sentence that starts with the name.
    """
    for name in sorted(files):
        why = _why(name, files[name], data_kib)
        if why:
            return name, why
    total = sum(map(len, files.values())) / 1024
    if total > total_kib:
        largest = max(sorted(files), key=lambda name: len(files[name]))
        return largest, f"is the largest of files of {total:.0f} KiB in all; {total_kib:.0f} are usual"
    return None


def _why(name: str, data: bytes, data_kib: float) -> str:
    limit = MOST_CODE_KIB if name.endswith(".py") else data_kib
    if len(data) > 1024 * limit:
        return f"has {len(data) / 1024:.0f} KiB; {limit:.0f} are usual"
    if name.endswith(_LISTS):
        return ""
    # An array of 4 to 8 bytes a number.
    if b"\0" in data and len(data) > 4 * MOST_NUMBERS and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        return f"holds {len(data) / 1024:.0f} KiB that are no text"
    numbers = len(_NUMBER.findall(data))
    if numbers >= MOST_NUMBERS:
        return f"holds {numbers} numbers"
    unbroken = sum(map(len, _UNBROKEN.findall(data)))
    if unbroken >= MOST_UNBROKEN:
        return f"holds {unbroken} characters of packed data"
    return ""
