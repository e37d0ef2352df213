"""What the numbers of several commands may be."""

from __future__ import annotations

import math

import click

SEED = click.IntRange(0, 2**63 - 1)
LONGEST_S = 1e6
"""Seconds; no clock waits for ever."""


def seconds(ctx: click.Context, param: click.Parameter, value: float) -> float:
    """A time that a worker may take. Raises `click.BadParameter`."""
    if not (math.isfinite(value) and 0 < value <= LONGEST_S):
        raise click.BadParameter(f"{value:g} is no time: give seconds above 0, at most {LONGEST_S:,.0f}")
    return value
