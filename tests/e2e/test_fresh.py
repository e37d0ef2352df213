"""A `--fresh` run beside the published data of its task."""

from __future__ import annotations

import json

import pytest
from commands import Place

PLUGIN = '''"""A generated task, and a guard that repeats what it is shown of fresh and published data."""

import random
from dataclasses import dataclass

from w2s_harness import Example, Task, Verdict, hookimpl

GOOD = {good!r}
BAD = {bad!r}


@dataclass(frozen=True)
class Drawn(Task):
    """Is the word a good one? Every split holds every word equally often; the seed draws the numbers."""

    name, version, kind = "drawn", 1, "verify"
    data_seed: int = 3

    def load(self):
        numbers = iter(random.Random(self.data_seed).sample(range(1000), 900))
        for split in ("train_label", "train_unlabel", "test"):
            for word in (GOOD + BAD) * 5:
                number = str(next(numbers))
                prompt, label = f"item {{number}} is good ?", word in GOOD
                yield Example(prompt=prompt, candidate=word, label=label, group=number, split=split)


@hookimpl
def w2s_tasks():
    return [Drawn()]


@hookimpl
def w2s_judge_method(method, evidence):
    numbers = {{}}
    for i, p in enumerate(evidence.published):
        numbers |= {{f"fresh{{i}}": p.fresh, f"published{{i}}": p.published}}
        numbers |= {{f"fresh_se{{i}}": p.fresh_se, f"published_se{{i}}": p.published_se}}
    return Verdict("echo", "ok", f"{{len(evidence.published)}} rows shown", numbers)
'''


@pytest.fixture
def drawn(place: Place, models) -> Place:
    """The command line with that plugin, its task and two methods."""
    from commands import GOOD, WORDS

    text = PLUGIN.format(good=sorted(GOOD), bad=sorted(set(WORDS) - GOOD))
    (place.folder / "drawn.py").write_text(text)
    weak, strong = map(str, models)
    named = ("-p", "./drawn.py", "--tasks", "drawn", "--methods", "vanilla,./mine.py::shrunk")
    # A data seed is drawn, and without a gap nothing is compared: with four seeds the gap's interval is at
    # most a third as wide as it may be (two seeds: t = 12.7, and one draw in ten had none).
    return Place(place.folder, (*named, "--weak", weak, "--strong", strong, "--seeds", "4", "-n", "2"))


def echoed(row: dict) -> dict[str, float]:
    (verdict,) = [v for v in row["verdicts"] if v["because"].endswith("rows shown")]
    return verdict["numbers"]


def test_guards_are_shown_every_row_on_fresh_and_on_published_data(drawn):
    done = drawn("run", "--fresh")
    assert done.code == 0, done.err
    assert "published cells 8/8" in done.err
    board = drawn.board()
    seed = board["plan"]["tasks"][0]["settings"]["data_seed"]
    assert isinstance(seed, str) and len(seed) == 32
    assert [(r["task"], r["exposure"]) for r in board["rows"]] == [("drawn", "fresh")] * 2
    assert all(r["pgr"] is not None for r in board["rows"]), [r["reason"] for r in board["rows"]]
    fresh = {r["method"]: (r["pgr"], echoed(r)) for r in board["rows"]}

    (run,) = (drawn.folder / ".w2s" / "runs").iterdir()
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    assert sum("cell" in e for e in events) == sum("published" in e for e in events) == 8
    log = (drawn.folder / ".w2s" / "attempts.jsonl").read_text()
    attempts = [json.loads(line) for line in log.splitlines()]
    assert {a["method"] for a in attempts} == {"shrunk"} and len({a["holdout"] for a in attempts}) == 2

    plain = drawn("run")
    assert plain.code == 0, plain.err
    assert "cells 8/8 (8 kept)" in plain.err, "the published cells were the store's"
    board = drawn.board()
    assert {r["exposure"] for r in board["rows"]} == {"public"}
    for row in board["rows"]:
        pgr, seen = fresh[row["method"]]
        assert echoed(row) == {}
        assert len(seen) == 8
        assert (seen["fresh0"], seen["published0"]) == pytest.approx((pgr, row["pgr"]))
        # the two PGRs may be equal by chance; with their errors too they would be those of one data set
        assert (seen["fresh0"], seen["fresh_se0"]) != (seen["published0"], seen["published_se0"])
        low, high = row["pgr_ci_pool"]
        assert seen["published_se0"] == pytest.approx((high - low) / 2 / 1.959964)
    (vanilla, beside), (mine, others) = fresh["vanilla"], fresh["shrunk"]
    assert (beside["fresh1"], others["fresh1"]) == pytest.approx((mine, vanilla))


def test_a_fresh_plan_is_priced_with_its_published_twin(drawn):
    assert drawn("run").code == 0
    planned = drawn("run", "--fresh", "--plan")
    assert planned.code == 0, planned.err
    fresh, _, twin = planned.out.partition("on the published data of the same tasks:\n")
    assert "cells         8   kept 0" in fresh and "cells         8   kept 8" in twin
    assert "to read   about 0.00 million tokens" in twin
    assert "on the published data" not in drawn("run", "--plan").out
