"""Hostile methods, one file for each way to cheat: `w2s-harness redteam` runs them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from w2s_harness import Attack


def each(
    name: str, family: str, bodies: Mapping[str, str], summary: str, form: str = "{}", **more: Any
) -> list[Attack]:
    """An attack for each of `bodies`, by what it tries.

    :param name: with `{}` for what is tried, as `summary` has. :param form: what stands around a body.
    :param more: what else the attacks have in common.
    """
    tried = [(what, summary.format(what.replace("-", " ")), body) for what, body in bodies.items()]
    return [
        Attack(name=name.format(what), family=family, summary=said, body=form.format(body), **more)
        for what, said, body in tried
    ]
