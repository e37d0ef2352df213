"""How far a run is, and how long the rest takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(slots=True)
class Stage:
    """A group of work under way."""

    name: str
    total: int
    began: float
    """Seconds of the terminal's clock."""
    done: int = 0
    kept: int = 0
    """Of those done: what came from the store."""

    def left_s(self, now: float) -> float | None:
        """Seconds that the rest takes at the pace so far; None before anything was computed."""
        computed = self.done - self.kept
        if not computed or self.done >= self.total:
            return None
        return (now - self.began) / computed * (self.total - self.done)

    def line(self) -> str:
        """How far it is: `cells 12/30 (5 kept)`."""
        return f"{self.name} {self.done}/{self.total}{f' ({self.kept} kept)' if self.kept else ''}"


class Pace(Protocol):
    """What is known of a run under way."""

    doing: str
    began: float
    failed: int
    """Cells."""
    stages: dict[str, Stage]
    clock: Callable[[], float]


def duration(seconds: float) -> str:
    """A time for people: `8 s`, `3 min`, `2 h 5 min`."""
    if (whole := round(seconds)) < 60:
        return f"{max(1, whole)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
