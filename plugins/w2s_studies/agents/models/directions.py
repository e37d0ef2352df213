"""Short, vague directions that agents start from, one each."""

from __future__ import annotations

from pathlib import Path

import yaml

from w2s_harness.contract.errors import DataError, UsageError
from w2s_harness.data.disk import read_bytes, shown, text_of

SHIPPED = Path(__file__).parent / "directions.yaml"
MAX_BYTES = 2**16
MAX_CHARACTERS = 500
"""Of one direction: it is a hint, no programme."""


def read(path: Path | None = None) -> list[str]:
    """The directions of a YAML list of texts; the shipped dozen without a file.

    Raises `UsageError`, one line that names the file, for one that is missing, empty or malformed.
    """
    file = path or SHIPPED
    value = _parsed(file)
    if value is None or value == []:
        raise UsageError(f"{file}: holds no direction. Write `- text` lines, or give --undirected.")
    if not isinstance(value, list):
        raise UsageError(f"{file}: is no YAML list. Write one direction a line: `- text`.")
    for n, item in enumerate(value, 1):
        if not isinstance(item, str) or not item.strip():
            raise UsageError(f"{file}: direction {n} is no text: {str(item)[:60]!r}. Put it in quotes.")
        if len(item) > MAX_CHARACTERS:
            raise UsageError(f"{file}: direction {n} is over {MAX_CHARACTERS} characters. Shorten it.")
    return [" ".join(item.split()) for item in value]


def _parsed(file: Path) -> object:
    mend = "Give a list of short directions."
    try:
        text = text_of(read_bytes(file, MAX_BYTES, mend, no_file=mend), shown(file))
    except DataError as bad:
        raise UsageError(str(bad)) from bad
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as bad:
        mark = getattr(bad, "problem_mark", None)
        where = f":{mark.line + 1}" if mark is not None else ""
        raise UsageError(f"{file}{where}: not YAML in UTF-8. Write `- text` lines.") from bad
