import hashlib
import random

import numpy as np
import pytest
from desks import desk, tools

from w2s_studies.agents.books.journal import Journal
from w2s_studies.agents.search import STEPS, Genome, SearchAgent, crossed, mutated, random_genome, source
from w2s_studies.agents.tools.contract import FAMILIES


def every_production():
    for part, steps in STEPS.items():
        for name, step in steps.items():
            value = 0.0 if step.low is None else step.rounded((step.low + step.high) / 2)
            yield Genome(**{part: name, f"{part}_value": value})


@pytest.mark.parametrize("genome", list(every_production()), ids=repr)
def test_every_production_is_a_method_on_the_public_contract(genome):
    text = source(genome)
    names: dict[str, object] = {"__name__": "found"}
    exec(compile(text, "found.py", "exec"), names)  # our own text, made from the grammar
    (method,) = names["w2s_methods"]()
    assert method.name == genome.name and method.authored_by == "agent"
    assert genome.family in FAMILIES
    assert max(map(len, text.splitlines())) < 130


def test_genomes_stay_in_their_ranges_and_draws_repeat():
    def walk(seed):
        rng, genome, out = random.Random(seed), Genome(), []
        for _ in range(300):
            genome = rng.choice([mutated, lambda g, r: crossed(g, random_genome(r), r)])(genome, rng)
            out.append(genome)
        return out

    for genome in walk(1):
        for part in STEPS:
            step, value = genome.step(part), genome.value(part)
            assert value == 0.0 if step.low is None else step.low <= value <= step.high
            assert not step.whole or value == int(value)
    assert walk(1) == walk(1) != walk(2)


def hidden(text):
    """More for each part that is not plain: something that a search can climb."""
    good = ("logconf", "keep = usable(sure", "members = [")
    noise = int(hashlib.sha256(text.encode()).hexdigest()[:4], 16) / 0xFFFF * 0.01
    return 0.65 + 0.07 * sum(word in text for word in good) + noise


def search(folder, seed=0, **limits):
    made, _ = desk(folder, hidden, **limits)
    agent = SearchAgent("agent-1", tools(made), seed, Journal(folder / "t.jsonl"), lambda: False)
    agent.run()
    return made


def test_the_search_climbs_hands_in_and_stops_with_its_budget(tmp_path):
    made = search(tmp_path, per_agent=20)
    lines = made.evaluations.read()
    assert len(lines) == 20
    best = max(line["accuracy"] for line in lines)
    assert best > max(line["accuracy"] for line in lines[:1]) + 0.05
    handed = made.forum.submissions()
    assert handed and handed[0]["family"] in FAMILIES
    told = [line for line in lines if line["told"] is not None]
    assert handed[0]["name"] == told[-1]["label"]


def test_the_same_seed_searches_the_same_and_another_does_not(tmp_path):
    def labels(name, seed):
        return [line["label"] for line in search(tmp_path / name, seed, per_agent=8).evaluations.read()]

    assert labels("a", 0) == labels("b", 0) != labels("c", 1)


def test_a_search_that_was_cut_off_goes_on_the_same(tmp_path):
    whole = search(tmp_path / "whole", per_agent=10)
    folder = tmp_path / "cut"
    made, _ = desk(folder, hidden, per_agent=10)
    budget = iter(range(4))
    first = SearchAgent(
        "agent-1", tools(made), 0, Journal(folder / "t.jsonl"), lambda: next(budget, None) is None
    )
    first._hand_in = lambda: None
    first.run()
    evaluated = len(made.referee.evaluated)
    SearchAgent("agent-1", tools(made), 0, Journal(folder / "t.jsonl"), lambda: False).run()
    assert [x["label"] for x in made.evaluations.read()] == [x["label"] for x in whole.evaluations.read()]
    assert evaluated == 4 and len(made.referee.evaluated) == 10
    assert np.isclose(made.oracle.left("agent-1", "x"), 0)
