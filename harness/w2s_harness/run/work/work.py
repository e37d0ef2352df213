"""The unit of work: something that is computed once, kept under a key, and asked for by whatever needs it.

A work is a value: what it is computed from, never what came of it. Its key follows from a rule, so that a
plan can be looked up whole before anything is computed, and no two places name a result in two ways.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Protocol, TypeAlias, TypeVar

import msgspec

from w2s_harness.run.kept.store import key_of
from w2s_harness.run.work.code_digest import code_of

if TYPE_CHECKING:
    from threading import Event

    from w2s_harness.jail.host.jail import Jail
    from w2s_harness.jail.host.launcher import Zygote
    from w2s_harness.run.work.results import Result
    from w2s_harness.run.work.setting.setting import Setting, SettingRef
    from w2s_harness.students.service.client import ServiceClient


import hashlib
import json

Place: TypeAlias = Literal["host", "gold", "student", "jail"]
"""Where a work computes: in the host, on a service that may see gold, on one that may serve a worker, or in
a worker beside such a service."""
Json: TypeAlias = Any
"""Plain JSON types."""
R = TypeVar("R", bound="Result")
R_co = TypeVar("R_co", bound="Result", covariant=True)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a work has no result; never kept."""

    why: str
    skipped: bool = False
    """Whether it was not to be had here, rather than wrong."""


class Work(ABC, Generic[R_co]):
    """A frozen dataclass of plain fields; equal fields, equal work."""

    kind: ClassVar[str]
    """The stage's name in hooks, counts and keys."""
    place: ClassVar[Place]
    gives: ClassVar[type[Result]]
    """The type of its result."""

    def __init_subclass__(
        cls, *, kind: str = "", place: Place | None = None, gives: type[Result] | None = None, **more: Any
    ) -> None:
        """A class of works says in its first line what they are."""
        super().__init_subclass__(**more)
        if kind and place is not None and gives is not None:
            cls.kind, cls.place, cls.gives = kind, place, gives

    @property
    def stage(self) -> str:
        """What it is counted under, where that is not its kind."""
        return self.kind

    @property
    def key(self) -> str:
        """The content address of its result."""
        return _key(self)

    @abstractmethod
    def name(self) -> str:
        """For people: `math/tiny s0`."""

    @abstractmethod
    def inputs(self) -> Json:
        """Its own settings, never results."""

    def needs(self) -> tuple[Work[Result], ...]:
        """The works whose results it reads."""
        return ()

    def is_sound(self, result: Result, at: Lookup) -> bool:
        """Whether a kept result will do here."""
        return True

    @abstractmethod
    def run(self, at: At) -> R_co | Failure:
        """Compute it. What is raised ends the run; a `Failure` does not."""


class SettingWork(Work[R_co]):
    """A work that hangs on a setting and on its own fields alone."""

    setting: SettingRef

    def name(self) -> str:
        """`math/tiny s0`; of works with a control or a solver, `math/tiny exact s0`."""
        known = [getattr(self, name, None) for name in ("control", "solver")]
        seed = getattr(self, "seed", None)
        parts = [self.setting.id, *known, None if seed is None else f"s{seed}"]
        return " ".join(part for part in parts if part is not None)

    def inputs(self) -> Json:
        """The setting, the share of true rows that its task states, and every other field."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "setting"}  # type: ignore[arg-type]
        return [self.setting.identity, self.setting.share_true, msgspec.to_builtins(own)]


class Lookup(Protocol):
    """Results and settings, and how workers are locked down."""

    @property
    def jail(self) -> Jail:
        """How workers are locked down."""

    def of(self, work: Work[R]) -> R:
        """The result of a work that was needed. Raises `StoreError` where it is gone."""

    def setting(self, ref: SettingRef) -> Setting:
        """The data and models that a reference names."""


class At(Lookup, Protocol):
    """What a work finds where it computes."""

    @property
    def client(self) -> ServiceClient:
        """The student service of the place, but for `host`."""

    @property
    def zygote(self) -> Zygote:
        """Where workers are forked from (place `jail`)."""

    @property
    def cancel(self) -> Event:
        """Set where the run was interrupted."""


def address(work: Work[Any]) -> str:
    """The rule: which work it is, its inputs, the addresses of its needs, and the code it runs."""
    named = [type(work).__name__, work.inputs(), [need.key for need in work.needs()], code_of(type(work))]
    return key_of(work.kind, named)


@functools.lru_cache(maxsize=2**14)
def _key(work: Work[Any]) -> str:
    return address(work)


def named_seed(*names: str | int) -> int:
    """A 63-bit seed for the draw that `names` names."""
    digest = hashlib.sha256(json.dumps(["w2s-harness/seed/1", *names]).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
