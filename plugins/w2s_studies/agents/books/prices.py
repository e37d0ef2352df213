"""What a language model's tokens cost: the shipped table and the user's."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from w2s_harness.contract.errors import DataError
from w2s_harness.contract.studies.dialogue import Usage
from w2s_harness.data.reading.yaml_file import Document, read_yaml

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


def load(path: Path | None = None) -> Prices:
    """The shipped table; above it the user's. Raises `DataError`, one line with file and line."""
    table = _read(SHIPPED)
    if path is None:
        return table
    own = _read(path)
    return Prices(own.dated, {**table.models, **own.models})


def _read(path: Path) -> Prices:
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
