"""The access rights that a method can ask for beyond the minimum, a row each: a new right is a new row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from w2s_harness.contract.kinds import RESPONSES

TestRows = Literal["never", "after fit", "while fitting"]
ASK_WEAK = 'zero_shot(reader="weak")'
"""The call that lets the untrained weak model answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """One access right."""

    name: str
    """As `access` of a method and `--grant` spell it."""
    gives: str
    """What it gives, as the methods guide says it."""
    columns: tuple[str, ...] = ()
    """Columns of a row that a worker is sent with it."""
    calls: tuple[str, ...] = ()
    """Calls of the student that it opens."""
    test_rows: TestRows = "never"
    """When it lets the worker hold the holdout's rows."""
    by_default: bool = False
    """Whether a plan grants it unless it says no."""
    for_agents: bool = True
    """Whether agents, who are answered on the holdout, can be granted it."""
    ability: str = ""
    """What a pair must be known to do for it."""
    unable: str = ""
    """What a pair without that ability cannot do."""


RIGHTS = (
    Right(name="embeddings", gives="`student.embed`", calls=("embed()",), by_default=True),
    Right(
        name="inference",
        gives="`fit` may return any object with `predict(rows)`; after `fit`, shuffled test rows arrive and "
        "`predict` answers once",
        test_rows="after fit",
        for_agents=False,
    ),
    Right(
        name="transductive",
        gives="`problem.test`: test rows while fitting, to embed and to predict",
        test_rows="while fitting",
        for_agents=False,
    ),
    Right(
        name="groups",
        gives="`rows.group`, `rows.conflicts`: which rows share a question, which cannot both be right",
        columns=("group", "conflicts"),
    ),
    Right(
        name="text",
        gives="`rows.text`: what the rows say",
        columns=("prompt", *RESPONSES),
    ),
    Right(
        name="generate",
        gives='`student.generate`, and `student.zero_shot(reader="weak")`; on a pair that can generate',
        calls=("generate()", ASK_WEAK),
        ability="generate",
        unable="generate text",
    ),
)
NAMES = tuple(right.name for right in RIGHTS)
DEFAULT_GRANTS = frozenset(right.name for right in RIGHTS if right.by_default)
"""What every plan grants unless it says no."""
NOT_FOR_AGENTS = tuple(right.name for right in RIGHTS if not right.for_agents)
BEYOND_DEFAULT = ",".join(
    [name for name in NAMES if name not in DEFAULT_GRANTS] + [f"no:{name}" for name in sorted(DEFAULT_GRANTS)]
)
"""All that `--grant` can be told."""
COLUMNS = frozenset(column for right in RIGHTS for column in right.columns)
"""Every column that some right opens."""


def columns_of(access: Iterable[str]) -> frozenset[str]:
    """The columns of a row that `access` opens."""
    return frozenset(column for right in RIGHTS if right.name in access for column in right.columns)


def for_column(column: str) -> str:
    """The right that opens a column of a row."""
    return next(right.name for right in RIGHTS if column in right.columns)


def opens(access: Iterable[str], call: str) -> bool:
    """Whether a method with `access` may make a call of the student, such as `embed()`."""
    return refusal(access, call) is None


def refusal(access: Iterable[str], call: str) -> str | None:
    """Why a method with `access` may not make a call of the student; None where it may."""
    needed = next((right.name for right in RIGHTS if call in right.calls), None)
    if needed is None or needed in access:
        return None
    return f"{call} needs the access {needed}: {how_to_ask(needed)}"


def for_test_rows(when: TestRows) -> str:
    """The right that lets a worker hold the holdout's rows then."""
    return next(right.name for right in RIGHTS if right.test_rows == when)


def how_to_ask(name: str) -> str:
    """What the author of a method does to be given a right."""
    return f'put access = ("{name}",) into the method\'s class'


def beyond(access: Iterable[str], abilities: Iterable[str]) -> str:
    """What a pair with `abilities` cannot do though `access` needs it; empty where it can do all."""
    asked = (right for right in RIGHTS if right.ability and right.name in access)
    return next((right.unable for right in asked if right.ability not in abilities), "")
