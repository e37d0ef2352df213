"""Strict reading of JSON: a document, or one line of a JSON-lines file, or an error with file and line.

Python's own reader, and msgspec's, let the last of two equal keys win without a word; here that is refused,
as are NaN, an infinity (1e400 is one) and half of a surrogate pair.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import msgspec

from w2s_harness.contract.errors import DataError
from w2s_harness.data.reading.quoting import quoted

T = TypeVar("T")
_APART = re.compile(r'"\s+:')
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|[{}\[\],:]|[^\s{}\[\],:"]++', re.DOTALL)


class _RepeatedKeyError(ValueError):
    """An object names a key twice; `args[0]` is the key."""


class _ConstantError(ValueError):
    """NaN or Infinity, which JSON does not have; `args[0]` is the word."""


class _HugeError(ValueError):
    """A number beyond the largest one with a point; `args[0]` is its text."""


@dataclass(frozen=True, slots=True)
class _JsonPlace:
    """Where a text of JSON stands."""

    name: str
    line: int | None
    """The number of its line; None where it is a whole document."""
    mend: str

    def at(self, text: str, position: int) -> str:
        """`file:line` of a position in the text."""
        return f"{self.name}:{self.line or text.count(chr(10), 0, position) + 1}"

    def broken(self, text: str, bad: json.JSONDecodeError) -> str:
        """What is wrong where the text is no JSON."""
        return f"{self.at(text, bad.pos)}: not JSON: {bad.msg.rstrip(':')}, column {bad.colno}. {self.mend}"


def value_of(text: str, name: str, *, line: int | None = None, mend: str) -> Any:
    """The value that `text` is in JSON; `name` is the file that an error names.

    Raises `DataError`, as `file:line: what is wrong. Mend.`, for text that is no JSON, a key that stands
    twice in an object, NaN, Infinity, a number that is too large or too long, half of a surrogate pair and
    nesting that is too deep.

    :param line: the number of the line that the text is; None for a whole document. :param mend: what to do
    about text that is no JSON.
    """
    place = _JsonPlace(name, line, mend)
    try:
        value = _DECODER.decode(text)
        if "\\u" in text:
            # an escape can spell half of a surrogate pair, which no file and no tokenizer can hold
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        return value
    except json.JSONDecodeError as bad:
        raise DataError(place.broken(text, bad)) from None
    except RecursionError:
        flat = "Write it flat." if line is None else "Write one flat object per line."
        raise DataError(f"{place.at(text, 0)}: the JSON is nested too deeply. {flat}") from None
    except _RepeatedKeyError as bad:
        at = place.at(text, _second(text))
        raise DataError(f"{at}: the key {quoted(bad.args[0])} stands twice. Keep one.") from None
    except _ConstantError as bad:
        at = place.at(text, _first(text, bad.args[0]))
        raise DataError(f"{at}: {bad.args[0]} is not JSON. Write null or a number.") from None
    except _HugeError as bad:
        at = place.at(text, _first(text, bad.args[0]))
        raise DataError(f"{at}: {quoted(bad.args[0])} is too large a number. Write it as text.") from None
    except UnicodeEncodeError:
        at = place.at(text, _half(text))
        raise DataError(f"{at}: a \\u escape is half of a surrogate pair. Write the character.") from None
    except ValueError:
        # what is left of the decoder: an integer of more digits than Python converts
        at = place.at(text, _longest(text))
        raise DataError(f"{at}: a number is too long. Write it as text.") from None


def struct_of(text: str, kind: type[T], name: str, *, line: int | None = None, mend: str) -> T:
    """`value_of` as a msgspec type. Raises `DataError` with the JSON path too, for what does not fit it."""
    found = _plainly(text, kind)
    if found is not None:
        return found
    value = value_of(text, name, line=line, mend=mend)
    try:
        return msgspec.convert(value, type=kind, strict=True)
    except msgspec.ValidationError as bad:
        where = str(bad) if "`$" in str(bad) or line is not None else f"{bad} - at `$`"
        at = name if line is None else f"{name}:{line}"
        raise DataError(f"{at}: {where}. {mend}") from None
    except OverflowError:
        at = name if line is None else f"{name}:{line}"
        raise DataError(f"{at}: a number is too large. {mend}") from None


def _plainly(text: str, kind: type[T]) -> T | None:
    """`struct_of` several times as fast, or None where only the whole reading tells what is wrong.

    Written anew, a text has as many `":` as before unless a key was dropped, which stood twice; that holds
    where no escape spells a quote and none stands apart from its colon.
    """
    if "\\u" in text or _APART.search(text):
        return None
    try:
        whole = msgspec.json.encode(msgspec.json.decode(text))
        return msgspec.json.decode(text, type=kind) if whole.count(b'":') == text.count('":') else None
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError):
        return None


# -- where in the text; only asked once something is wrong ------------------------------------------------


def _tokens(text: str) -> Iterator[re.Match[str]]:
    return _TOKEN.finditer(text)


def _second(text: str) -> int:
    """Where a key stands that its object has already."""
    within: list[set[str] | None] = []
    before = ""
    for token in _tokens(text):
        word = token[0]
        if word in "{[":
            within.append(set() if word == "{" else None)
        elif word in "}]":
            within.pop()
        elif word[0] == '"' and before in ("{", ",") and within and within[-1] is not None:
            key = json.loads(word, strict=False)
            if key in within[-1]:
                return token.start()
            within[-1].add(key)
        before = word
    return 0


def _first(text: str, word: str) -> int:
    """Where a word stands outside of texts."""
    return next((token.start() for token in _tokens(text) if token[0] == word), 0)


def _longest(text: str) -> int:
    """Where the longest word outside of texts stands."""
    words = (token for token in _tokens(text) if token[0][0] != '"')
    return max(words, key=lambda token: len(token[0])).start()


def _half(text: str) -> int:
    """Where a text stands that holds half of a surrogate pair."""
    for token in _tokens(text):
        if token[0][0] == '"' and "\\u" in token[0]:
            try:
                json.loads(token[0], strict=False).encode("utf-8")
            except UnicodeEncodeError:
                return token.start()
    return 0


# -- the decoder ------------------------------------------------------------------------------------------


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _RepeatedKeyError(key)
            seen.add(key)
    return row


def _refuse(word: str) -> NoReturn:
    raise _ConstantError(word)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _HugeError(text)
    return value


# one for all: json.loads would build a scanner for each line
_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite)
