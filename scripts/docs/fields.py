"""Write every field of the leaderboard into `docs/leaderboard.md`, from the docstrings of its types.

    python scripts/docs/fields.py [--check] [PAGE]

What stands between `<!-- fields -->` and `<!-- /fields -->` is replaced; `--check` only compares, and ends
with 1 where the page is out of date.
"""

from __future__ import annotations

import argparse
import sys
import types
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from msgspec import UnsetType

from w2s_harness.report.document import document, records
from w2s_harness.report.document.canonical import descriptions

PAGE = Path(__file__).parents[2] / "docs" / "leaderboard.md"
BEGIN, END = "<!-- fields -->", "<!-- /fields -->"
_PLAIN = {bool: "boolean", int: "integer", float: "number", str: "text", type(None): "null", Any: "anything"}


def tables() -> str:
    """A heading and a table for each type, the document first, then in the order of first mention."""
    parts = []
    for part in _reachable():
        hints = get_type_hints(part, include_extras=True)
        summary = (part.__doc__ or "").strip().partition("\n")[0]
        rows = [
            f"| `{name}` | {_shown(hints[name])} | {text.replace('|', chr(92) + '|')} |"
            for name, text in descriptions()[part.__name__].items()
        ]
        parts += [
            f"### {part.__name__}",
            "",
            summary,
            "",
            "| field | type | what it is |",
            "| --- | --- | --- |",
        ]
        parts += [*rows, ""]
    return "\n".join(parts)


def updated(page: str) -> str:
    """The page with its generated part made again. Raises `SystemExit` where the marks are missing."""
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{PAGE}: the marks {BEGIN} and {END} are missing")
    return f"{head}{BEGIN}\n\n{tables()}\n{END}{tail}"


def _reachable() -> list[type]:
    found: list[type] = [document.Leaderboard]
    for part in found:
        for hint in get_type_hints(part, include_extras=True).values():
            found += [t for t in _parts(hint) if t not in found]
    return found


def _parts(hint: Any) -> list[type]:
    if isinstance(hint, type) and issubclass(hint, records.BoardPart):
        return [hint]
    return [part for inner in get_args(hint) for part in _parts(inner)]


def _shown(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return f"{_shown(arguments[0])}{_bounds(arguments[1:])}"
    if origin in (Union, types.UnionType):
        kept = [a for a in arguments if a is not UnsetType]
        text = " or ".join(_shown(a) for a in kept)
        return f"{text}; may be absent" if len(kept) < len(arguments) else text
    if origin is Literal:
        return ", ".join(f"`{a}`" for a in arguments)
    if origin is list:
        return f"list of {_shown(arguments[0])}"
    if origin is tuple:
        return f"[{', '.join(_shown(a) for a in arguments)}]"
    if origin is dict:
        return f"object: {_shown(arguments[0])} to {_shown(arguments[1])}"
    if isinstance(hint, type) and issubclass(hint, records.BoardPart):
        return f"[{hint.__name__}](#{hint.__name__.lower()})"
    return _PLAIN[hint]


def _bounds(marks: tuple[Any, ...]) -> str:
    least, most = marks[0].ge, marks[0].le
    if least is not None and most is not None:
        return f" in [{least}, {most}]"
    return "" if least is None else f", at least {least}"


def main() -> int:
    """Rewrite or check the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", nargs="?", type=Path, default=PAGE)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    text = given.page.read_text(encoding="utf-8")
    new = updated(text)
    if given.check:
        print("up to date" if new == text else f"{given.page}: run scripts/docs/fields.py")
        return int(new != text)
    given.page.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
