"""The known method whose code is most like a method's, and what differs."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from w2s_harness.installed import small_files
from w2s_harness.installed.distributions import modules
from w2s_harness.installed.distributions.metadata import Entry
from w2s_harness.installed.parsed.normal_form import alike, normal_form, runs

CONTEXT = 3
"""Lines that a diff shows around what differs."""


@dataclass(frozen=True, slots=True)
class Nearest:
    """The most similar of the known methods."""

    name: str
    similarity: float
    """In [0, 1], of the normalised sources; 1 where only names, comments or constants differ."""
    diff: str
    """Unified, from the known method to this one; empty for equal files."""
    added: int
    """Lines of the diff that the known method has not."""
    removed: int
    """Lines of it that this one has not."""


def known(methods: Mapping[str, Entry]) -> dict[str, str]:
    """The source of every installed method by its name, read and never imported; shipped ones first."""
    out = {}
    for name, entry in sorted(methods.items(), key=lambda item: (not item[1].is_shipped, item[0])):
        file = modules.module_file(entry)
        if file is not None:
            with contextlib.suppress(OSError):  # one that is too large or gone is like nothing
                out[name] = small_files.read(file).decode("utf-8", "replace")
    return out


def nearest(name: str, source: str, known: Mapping[str, str]) -> Nearest | None:
    """The known method most like `source`, the first of equals; None where nothing else is known.

    Similarity is that of `normal_form.alike`; `name` itself is passed over, as the method would be most
    like its own installed self.
    """
    mine = runs(normal_form(source))
    likeness = {k: alike(mine, runs(normal_form(text))) for k, text in known.items() if k != name}
    if not likeness:
        return None
    other = max(likeness, key=lambda k: likeness[k])
    pair = known[other].splitlines(), source.splitlines()
    lines = list(difflib.unified_diff(*pair, other, name, lineterm="", n=CONTEXT))
    added, removed = (sum(line.startswith(sign) for line in lines[2:]) for sign in "+-")
    return Nearest(other, likeness[other], "\n".join(lines), added, removed)


def text_of(files: Mapping[str, bytes], filename: str) -> str:
    """The method's own module among its files, as text."""
    name = Path(filename).name
    body = next((data for file, data in files.items() if Path(file).name == name), b"")
    return body.decode("utf-8", "replace")
