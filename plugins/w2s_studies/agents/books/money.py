"""What an agent run spends: money, set aside before a call and never above its budget, and time."""

from __future__ import annotations

import math
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from w2s_harness.contract.errors import DataError
from w2s_harness.contract.studies import Usage
from w2s_harness.data.reading.yaml_file import Document, read_yaml
from w2s_studies.agents.books.journal import Journal

SHIPPED = Path(__file__).parent / "prices.yaml"
_KINDS = ("input", "output", "cache_read", "cache_write")
_DATE = re.compile(r"-20\d{6}$")
"""How a provider's full name of a model ends."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens of each kind."""

    input: float
    output: float
    cache_read: float
    cache_write: float

    def of(self, usage: Usage) -> float:
        """US dollars for the tokens of a call."""
        return float(sum(getattr(self, kind) * getattr(usage, kind) for kind in _KINDS)) / 1e6

    def at_most(self, sent: int, answered: int) -> float:
        """US dollars for `sent` tokens by the dearest road and `answered` tokens out."""
        return (max(self.input, self.cache_read, self.cache_write) * sent + self.output * answered) / 1e6


@dataclass(frozen=True, slots=True)
class Prices:
    """A dated price table."""

    dated: str
    models: Mapping[str, Price]

    def of(self, model: str) -> Price | None:
        """The model's price, by its name with or without a date behind it; None where it is unknown."""
        return self.models.get(model) or self.models.get(_DATE.sub("", model))


def load_prices(path: Path | None = None) -> Prices:
    """The shipped table; above it the user's. Raises `DataError`, one line with file and line."""
    table = _table(SHIPPED)
    if path is None:
        return table
    own = _table(path)
    return Prices(own.dated, {**table.models, **own.models})


def _table(path: Path) -> Prices:
    document = read_yaml(path)
    models = document.value.get("models")
    if set(document.value) != {"dated", "models"} or not isinstance(models, dict) or not models:
        raise DataError(f"{document.at()}: a price table holds `dated` and `models`, a price per name")
    prices = {name: _price(document, name, given) for name, given in models.items()}
    return Prices(str(document.value["dated"]), prices)


def _price(document: Document, name: str, given: object) -> Price:
    where = document.at("models", name)
    if not isinstance(given, dict) or set(given) != set(_KINDS):
        raise DataError(f"{where}: '{name}' needs {', '.join(_KINDS)}, in dollars per million tokens")
    for kind, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise DataError(f"{where}: '{name}', {kind}: {value!r} is no price. Give a number from 0 up.")
    return Price(**{kind: float(given[kind]) for kind in _KINDS})


class BudgetReachedError(Exception):
    """The next call could pass a budget; the message says which."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """Money set aside for one call."""

    n: int
    who: str
    usd: float


@dataclass(slots=True)
class Spending:
    """What was spent, in US dollars."""

    tokens_usd: float = 0.0
    lost_usd: float = 0.0
    """Of calls that were sent and whose answer never came: counted at what they could have cost."""
    compute_usd: float = 0.0
    compute_s: float = 0.0
    calls: int = 0
    tokens: Counter[str] = field(default_factory=Counter)
    """By kind."""

    @property
    def usd(self) -> float:
        """All of it."""
        return self.tokens_usd + self.lost_usd + self.compute_usd


class Purse:
    """The money of a run, kept in a journal; thread-safe.

    :param rate: US dollars per hour of the host's machine. :param budget: what all may cost, in US dollars.
    :param each: what one agent may cost. :param reading: only look, as beside a run at work.

    A call that a kill cut off is counted as paid, at all that it could have cost.
    """

    def __init__(
        self,
        journal: Journal,
        prices: Prices,
        *,
        rate: float = 0.0,
        budget: float | None = None,
        each: float | None = None,
        reading: bool = False,
    ) -> None:
        self._journal, self._prices, self._rate = journal, prices, rate
        self._budget, self._each = budget, each
        self._lock = threading.Lock()
        self._spent: dict[str, Spending] = {}
        self._open: dict[int, Reservation] = {}
        self._next = 0
        for line in journal.read():
            self._take(line)
        for reservation in [] if reading else list(self._open.values()):
            self.lose(reservation)

    def reserve(self, who: str, model: str, sent: int, answered: int) -> Reservation:
        """Set aside what a call of at most `sent` tokens in and `answered` tokens out could cost.

        Raises `BudgetReachedError` where it could pass a budget.
        """
        price = self._prices.of(model)
        usd = price.at_most(sent, answered) if price is not None else 0.0
        with self._lock:
            if which := self._over(who, usd):
                raise BudgetReachedError(f"the next call could cost ${usd:.4f}, which could pass {which}")
            reservation = Reservation(self._next, who, usd)
            self._write({"kind": "reserve", "n": reservation.n, "who": who, "model": model, "usd": usd})
        return reservation

    def settle(self, reservation: Reservation, model: str, usage: Usage) -> float:
        """Replace a reservation with what the call cost; the cost in US dollars."""
        price = self._prices.of(model)
        usd = price.of(usage) if price is not None else 0.0
        tokens = {kind: getattr(usage, kind) for kind in _KINDS}
        self._close("settle", reservation, usd=usd, tokens=tokens)
        return usd

    def release(self, reservation: Reservation) -> None:
        """Give a reservation back: the call was refused before it cost anything."""
        self._close("release", reservation)

    def lose(self, reservation: Reservation) -> None:
        """Count a reservation as spent: the call was sent, and its answer broke off."""
        self._close("lost", reservation, usd=reservation.usd)

    def _close(self, kind: str, reservation: Reservation, **cost: Any) -> None:
        with self._lock:
            self._write({"kind": kind, "n": reservation.n, "who": reservation.who, **cost})

    def compute(self, who: str, seconds: float) -> None:
        """Charge an agent for seconds of the host's machine."""
        usd = seconds / 3600 * self._rate
        with self._lock:
            self._write({"kind": "compute", "who": who, "seconds": seconds, "usd": usd})

    def can_compute(self, who: str) -> bool:
        """Whether the budgets leave anything for the machine's time."""
        with self._lock:
            return not self._over(who, 0.0) and (self._rate == 0 or not self._over(who, 1e-9))

    def spent(self, who: str | None = None) -> Spending:
        """What an agent has spent, or all of them."""
        out = Spending()
        with self._lock:
            for part in (s for name, s in self._spent.items() if who in (None, name)):
                out.tokens_usd += part.tokens_usd
                out.lost_usd += part.lost_usd
                out.compute_usd += part.compute_usd
                out.compute_s += part.compute_s
                out.calls += part.calls
                out.tokens.update(part.tokens)
        return out

    def _over(self, who: str, usd: float) -> str:
        mine = self._sure(who) + usd
        if self._each is not None and mine > self._each:
            return f"{who}'s budget of ${self._each:g}"
        if self._budget is not None and self._sure(None) + usd > self._budget:
            return f"the budget of ${self._budget:g}"
        return ""

    def _sure(self, who: str | None) -> float:
        """Spent or set aside."""
        spent = sum(s.usd for name, s in self._spent.items() if who in (None, name))
        return spent + sum(r.usd for r in self._open.values() if who in (None, r.who))

    def _write(self, line: dict[str, Any]) -> None:
        self._journal.append(line)
        self._take(line)

    def _take(self, line: Mapping[str, Any]) -> None:
        kind, who = line["kind"], line["who"]
        mine = self._spent.setdefault(who, Spending())
        if kind == "reserve":
            self._open[line["n"]] = Reservation(line["n"], who, line["usd"])
            self._next = max(self._next, line["n"] + 1)
            return
        if kind == "compute":
            mine.compute_usd += line["usd"]
            mine.compute_s += line["seconds"]
            return
        self._open.pop(line["n"], None)
        if kind == "settle":
            mine.tokens_usd += line["usd"]
            mine.calls += 1
            mine.tokens.update(line["tokens"])
        elif kind == "lost":
            mine.lost_usd += line["usd"]


class Clock:
    """Counts the seconds in which agents may work; what a killed session had used is kept.

    :param journal: where a line stands for each span of work. :param hours: what may be used in all.
    """

    def __init__(self, journal: Journal, hours: float, now: Callable[[], float] = time.monotonic) -> None:
        self._journal, self._now = journal, now
        self.limit_s = hours * 3600
        self._before = sum(float(line["seconds"]) for line in journal.read())
        self._since = now()
        self._written = self._since

    def used_s(self) -> float:
        """Seconds of work so far."""
        return self._before + self._now() - self._since

    def left_s(self) -> float:
        """Seconds of work left, 0 at least."""
        return max(0.0, self.limit_s - self.used_s())

    def tick(self) -> None:
        """Write down what was worked since the last tick."""
        now = self._now()
        self._journal.append({"seconds": now - self._written})
        self._written = now
