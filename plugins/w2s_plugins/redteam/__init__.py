"""Hostile methods, one file for each way to cheat: `w2s-harness redteam` runs them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from w2s_harness import Attack

Body = str | tuple[str, tuple[str, ...]]
"""Alone, or with what stops it."""


def each(
    name: str, family: str, bodies: Mapping[str, Body], summary: str, form: str = "{}", **more: Any
) -> Iterator[Attack]:
    """An attack for each of `bodies`, by what it tries.

    :param name: with `{}` for what is tried, as `summary` has. :param form: what stands around a body.
    :param more: what else the attacks have in common.
    """
    for what, given in bodies.items():
        body, stops = (given, more.get("stops", ())) if isinstance(given, str) else given
        said, rest = summary.format(what.replace("-", " ")), {**more, "stops": stops}
        yield Attack(name=name.format(what), family=family, summary=said, body=form.format(body), **rest)
