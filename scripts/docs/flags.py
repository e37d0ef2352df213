"""Write the flags of `run` into `docs/cli.md`, from their declarations.

    python scripts/docs/flags.py [--check] [PAGE]

Of the table under `run`, spellings, variables and shown defaults are made again; what else its rows say
stays as it was written, and a flag without a row gets one that says what the help does. The keys of
`w2s.yaml` are listed again too. `--check` only compares, and ends with 1 where the page is out of date.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from w2s_harness.cli.options.flags_of_run import FLAGS, QUIET, VERBOSE
from w2s_harness.run.plan.selection import Flag

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
BEGIN, END = "## `w2s-harness run`\n", "\n\nWhile it works"
CONFIG = "-c"
"""What says where flags are read from is none of them, and keeps its row."""


def updated(page: str) -> str:
    """The page with what is generated made again. Raises `SystemExit` where the table is missing."""
    head, begin, rest = page.partition(BEGIN)
    body, end, tail = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{PAGE}: there is no table of flags under {BEGIN.strip()}")
    above, *rows = body.split("\n| `")
    keys = ", ".join(f"`{flag.key}`" for flag in _all() if flag.key)
    tail = re.sub(r"(?m)^(Keys are .+?: ).+$", lambda m: m[1] + keys, tail)
    return f"{head}{begin}{above}\n" + "\n".join(_rows([f"| `{row}" for row in rows])) + f"{end}{tail}"


def _all() -> tuple[Flag, ...]:
    return (*FLAGS.values(), QUIET, VERBOSE)


def _rows(old: list[str]) -> Iterator[str]:
    """The rows in their order on the page, then what is new; what is no flag any more is left out."""
    waiting = {flag.spellings[0].partition("/")[0]: flag for flag in _all()}
    for row in old:
        first = re.match(r"\| `(--?[\w-]+)", row)
        if first is not None and first[1] == CONFIG:
            yield row
        elif first is not None and first[1] in waiting:
            yield _row(waiting.pop(first[1]), [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]])
    for flag in waiting.values():
        yield _row(flag, [f"`{flag.word} {flag.metavar or ''}".strip() + "`", "", "", flag.help])


def _row(flag: Flag, cells: list[str]) -> str:
    """A row: what it takes, its default where the help shows none, and what it does are the page's."""
    takes = re.search(r" [A-Z]+(?=`$)", cells[0])
    words = [word for spelling in flag.spellings for word in spelling.split("/")]
    named = ", ".join(f"`{word}`" for word in words)
    named = f"{named[:-1]}{takes[0]}`" if takes else named
    shown = flag.shows_default and flag.kind not in ("switch", "list", "count") and flag.default is not None
    variable = f"`{flag.variable}`" if flag.variable else ""
    found = [named, variable, f"`{flag.default}`" if shown else cells[2], cells[3]]
    return " ".join(("|", " | ".join(found), "|")).replace("|  |", "| |").replace("|  |", "| |")


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only compare")
    parser.add_argument("page", nargs="?", type=Path, default=PAGE)
    arguments = parser.parse_args()
    old = arguments.page.read_text(encoding="utf-8")
    new = updated(old)
    if arguments.check and new != old:
        print(f"{arguments.page} is out of date: run python {Path(__file__).name}")
        return 1
    if not arguments.check:
        arguments.page.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
