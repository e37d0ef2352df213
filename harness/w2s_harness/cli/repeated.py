"""A command that notices options given twice (the last one counts) and words that belong to no option."""

from __future__ import annotations

from typing import Any

import click

KEY = "w2s.repeated"
"""Where a context's `meta` holds the lines about it."""


class Noticing(click.Command):
    """Puts a line into `ctx.meta[KEY]` for each option that takes one value and is given several times."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As `click.Command`'s."""
        if not ctx.resilient_parsing:
            _, rest, found = self.make_parser(ctx).parse_args(args=list(args))
            order: list[Any] = found
            if rest and not any(isinstance(p, click.Argument) for p in self.params):
                raise click.UsageError(
                    f"'{rest[0]}' stands alone: tasks are named with --tasks, methods with --methods", ctx
                )
            ctx.meta[KEY] = [_line(p) for p in self.params if _takes_one(p) and order.count(p) > 1]
        return super().parse_args(ctx, args)


def _takes_one(parameter: click.Parameter) -> bool:
    if not isinstance(parameter, click.Option):
        return False
    return not (parameter.multiple or parameter.count or parameter.is_flag)


def _line(option: click.Parameter) -> str:
    name = max(option.opts, key=len)
    hint = "; separate several names with commas" if option.metavar == "NAMES" else ""
    return f"{name} is given more than once, and only the last one counts{hint}"
