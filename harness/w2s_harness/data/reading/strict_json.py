"""Strict reading of JSON: a document, or JSON lines, one object each, or an error with file and line.

Python's own reader, and msgspec's, let the last of two equal keys win without a word; here that is refused,
as are NaN, an infinity (1e400 is one) and half of a surrogate pair.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import msgspec

from w2s_harness.contract.errors import DataError
from w2s_harness.data.disk import HEAD, check_head, decoded, open_regular, quoted, shown

T = TypeVar("T")
MAX_LINE = 16 * 2**20
"""Bytes of JSON lines; a longer one is refused before it is parsed."""
_BLANK = b" \t\r\n"
_MEND = "Write one JSON object per line."
_APART = re.compile(r'"\s+:')
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|[{}\[\],:]|[^\s{}\[\],:"]++', re.DOTALL)


class _RefusedError(ValueError):
    """What JSON does not have, or may not have here."""

    def __init__(self, what: str, mend: str, place: Callable[[str], int]) -> None:
        super().__init__(what, mend)
        self.what, self.mend, self.place = what, mend, place


def value_of(text: str, name: str, *, line: int | None = None, mend: str) -> Any:
    """The value that `text` is in JSON; `name` is the file that an error names.

    Raises `DataError`, as `file:line: what is wrong. Mend.`, for text that is no JSON, a key that stands
    twice in an object, NaN, Infinity, a number that is too large or too long, half of a surrogate pair and
    nesting that is too deep.

    :param line: the number of the line that the text is; None for a whole document. :param mend: what to do
    about text that is no JSON.
    """

    def at(position: int) -> str:
        return f"{name}:{line or text.count(chr(10), 0, position) + 1}"

    try:
        value = _DECODER.decode(text)
        if "\\u" in text:
            # an escape can spell half of a surrogate pair, which no file and no tokenizer can hold
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        return value
    except json.JSONDecodeError as bad:
        what = f"not JSON: {bad.msg.rstrip(':')}, column {bad.colno}"
        raise DataError(f"{at(bad.pos)}: {what}. {mend}") from None
    except RecursionError:
        flat = "Write it flat." if line is None else "Write one flat object per line."
        raise DataError(f"{at(0)}: the JSON is nested too deeply. {flat}") from None
    except _RefusedError as bad:
        raise DataError(f"{at(bad.place(text))}: {bad.what}. {bad.mend}") from None
    except UnicodeEncodeError:
        what = "a \\u escape is half of a surrogate pair"
        raise DataError(f"{at(_half(text))}: {what}. Write the character.") from None
    except ValueError:
        # what is left of the decoder: an integer of more digits than Python converts
        raise DataError(f"{at(_longest(text))}: a number is too long. Write it as text.") from None


def struct_of(text: str, kind: type[T], name: str, *, line: int | None = None, mend: str) -> T:
    """`value_of` as a msgspec type. Raises `DataError` with the JSON path too, for what does not fit it."""
    found = _plainly(text, kind)
    if found is not None:
        return found
    value = value_of(text, name, line=line, mend=mend)
    at = name if line is None else f"{name}:{line}"
    try:
        return msgspec.convert(value, type=kind, strict=True)
    except msgspec.ValidationError as bad:
        where = str(bad) if "`$" in str(bad) or line is not None else f"{bad} - at `$`"
        raise DataError(f"{at}: {where}. {mend}") from None
    except OverflowError:
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


def _second(text: str) -> int:
    """Where a key stands that its object has already."""
    within: list[set[str] | None] = []
    before = ""
    for token in _TOKEN.finditer(text):
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
    return next((token.start() for token in _TOKEN.finditer(text) if token[0] == word), 0)


def _longest(text: str) -> int:
    """Where the longest word outside of texts stands."""
    words = (token for token in _TOKEN.finditer(text) if token[0][0] != '"')
    return max(words, key=lambda token: len(token[0])).start()


def _half(text: str) -> int:
    """Where a text stands that holds half of a surrogate pair."""
    for token in _TOKEN.finditer(text):
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
                raise _RefusedError(f"the key {quoted(key)} stands twice", "Keep one.", _second)
            seen.add(key)
    return row


def _refuse(word: str) -> NoReturn:
    raise _RefusedError(f"{word} is not JSON", "Write null or a number.", lambda text: _first(text, word))


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        what = f"{quoted(number)} is too large a number"
        raise _RefusedError(what, "Write it as text.", lambda text: _first(text, number))
    return value


# one for all: json.loads would build a scanner for each line
_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite)


# -- lines ------------------------------------------------------------------------------------------------


def read_numbered(path: str | Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number from 1, object) for every line of a JSON-lines file.

    Blank lines are allowed at the end only. Raises `DataError`, as `file:line: what is wrong. Mend.`, for
    a file that cannot be read or is none, is compressed, or is not UTF-8, text that is not strict JSON
    (`strict_json.value_of`), a line that is no object, is over `MAX_LINE` bytes or is nested too deeply.
    """
    path = Path(path)
    blank = 0
    for number, line in _lines(path):
        if not line.strip(_BLANK):
            blank = blank or number
            continue
        if blank:
            raise DataError(f"{shown(path)}:{blank}: a blank line stands between rows. Remove it.")
        yield number, row_of(line, shown(path), number)


def first_row(path: Path) -> tuple[str, dict[str, Any]]:
    """`file:line` and object of the first row. Raises `DataError` as `read_numbered`, and without a row."""
    for number, row in read_numbered(path):
        return f"{shown(path)}:{number}", row
    raise no_row(path)


def no_row(path: Path) -> DataError:
    """The error that a file is empty."""
    return DataError(f"{shown(path)}:1: holds no row. {_MEND}")


def read_jsonl(path: str | Path) -> Iterator[dict[str, Any]]:
    """Yield the object on every line of a JSON-lines file; blank lines are allowed at the end only.

    Raises `DataError`, one line with file and line number, for what is not strict JSON in UTF-8, as
    `read_numbered` says.
    """
    for _, row in read_numbered(path):
        yield row


def row_of(line: bytes, name: str, number: int) -> dict[str, Any]:
    """The object on one line. Raises `DataError` as `read_numbered`."""
    at = f"{name}:{number}"
    row = value_of(decoded(line.rstrip(_BLANK), at), name, line=number, mend=_MEND)
    if not isinstance(row, dict):
        raise DataError(f"{at}: the line holds no object. Write {{...}} on every line.")
    return row


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    number = 0
    with open_regular(path) as file:
        while True:
            number += 1
            try:
                if number == 1:
                    check_head(file.peek(HEAD)[:HEAD], shown(path))
                line = file.readline(MAX_LINE + 1)
            except OSError as bad:
                raise DataError(f"{shown(path)}:{number}: cannot be read ({bad.strerror}).") from None
            if not line:
                return
            if len(line) > MAX_LINE:
                what = f"the line is over {MAX_LINE // 2**20} MiB"
                raise DataError(f"{shown(path)}:{number}: {what}. {_MEND}")
            yield number, line
