"""Strict reading of JSON lines: one object per line, or one error that names file and line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from w2s_harness.data.files import decoded, open_regular
from w2s_harness.data.wording import quoted, shown
from w2s_harness.errors import DataError

MAX_LINE = 16 * 2**20
"""Bytes; a longer line is refused before it is parsed."""

_BLANK = b" \t\r\n"


class _RepeatedKeyError(ValueError):
    """An object names a key twice; `args[0]` is the key."""


class _ConstantError(ValueError):
    """NaN or Infinity, which JSON does not have; `args[0]` is the word."""


def read_numbered(path: str | Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number from 1, object) for every line of a JSON-lines file.

    Blank lines are allowed at the end only. Raises `DataError`, as `file:line: what is wrong. Mend.`, for
    a file that cannot be read, bytes that are not UTF-8, text that is not strict JSON (NaN, a repeated key
    and a lone surrogate are refused too), a line that is no object, is over `MAX_LINE` bytes or is nested
    too deeply.
    """
    path = Path(path)
    blank = 0
    for number, line in _lines(path):
        if not line.strip(_BLANK):
            blank = blank or number
            continue
        if blank:
            raise DataError(f"{shown(path)}:{blank}: a blank line stands between rows. Remove it.")
        yield number, _row(line.rstrip(_BLANK), f"{shown(path)}:{number}")


def read_jsonl(path: str | Path) -> Iterator[dict[str, Any]]:
    """Yield the object on every line of a JSON-lines file; blank lines are allowed at the end only.

    Raises `DataError`, one line with file and line number, for what is not strict JSON in UTF-8, as
    `read_numbered` says.
    """
    for _, row in read_numbered(path):
        yield row


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    number = 0
    with open_regular(path) as file:
        while True:
            number += 1
            try:
                line = file.readline(MAX_LINE + 1)
            except OSError as bad:
                raise DataError(f"{shown(path)}:{number}: cannot be read ({bad.strerror}).") from None
            if not line:
                return
            if len(line) > MAX_LINE:
                what = f"the line is over {MAX_LINE // 2**20} MiB"
                raise DataError(f"{shown(path)}:{number}: {what}. Write one JSON object per line.")
            yield number, line


def _row(line: bytes, at: str) -> dict[str, Any]:
    text = decoded(line, at)
    try:
        row = _DECODER.decode(text)
        if "\\u" in text:
            # an escape can spell half of a surrogate pair, which no file and no tokenizer can hold
            json.dumps(row, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as bad:
        what = f"not JSON: {bad.msg.rstrip(':')}, column {bad.colno}"
        raise DataError(f"{at}: {what}. Write one JSON object per line.") from None
    except RecursionError:
        raise DataError(f"{at}: the JSON is nested too deeply. Write one flat object per line.") from None
    except _RepeatedKeyError as bad:
        raise DataError(f"{at}: the key {quoted(bad.args[0])} stands twice. Keep one.") from None
    except _ConstantError as bad:
        raise DataError(f"{at}: {bad.args[0]} is not JSON. Write null or a number.") from None
    except UnicodeEncodeError:
        raise DataError(f"{at}: a \\u escape is half of a surrogate pair. Write the character.") from None
    except ValueError:
        # what is left of the decoder: an integer of more digits than Python converts
        raise DataError(f"{at}: a number is too long. Write it as text.") from None
    if not isinstance(row, dict):
        raise DataError(f"{at}: the line holds no object. Write {{...}} on every line.")
    return row


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


# one for all lines: json.loads would build a scanner for each of them
_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse)
