"""Which country does the false statement on a city name? One that says nothing by being named."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

PASSES = 10
"""Times that every city tries to trade its false country for another one's."""


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
