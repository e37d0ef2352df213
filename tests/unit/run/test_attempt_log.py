from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from w2s_harness.contract.errors import StoreError
from w2s_harness.contract.plan import MethodSource, PlannedMethod
from w2s_harness.installed.distributions.metadata import OURS
from w2s_harness.run.board.attempts import (
    FILE,
    SHARED,
    AttemptLog,
    counts,
    frozen_before,
    holdout,
    holdouts,
    overlap,
)
from w2s_harness.run.plan.planning import describe_plan
from w2s_harness.run.work.setting.preparing import prepare_settings


def method(sha: str, *, name: str = "mine", file: str = "mine.py", shipped: bool = False, **changed):
    source = MethodSource(file, "m", OURS if shipped else None, None, sha * 64, filename=file)
    return PlannedMethod(f"{name}-{sha}{changed or ''}", name, source, {"rate": 0.5, **changed}, changed)


@pytest.fixture
def on(plan, store):
    """The plan with these methods, and its settings."""

    def make(*methods: PlannedMethod):
        changed = replace(plan, methods=methods)
        return changed, prepare_settings(changed, store)

    return make


@pytest.fixture
def score(store, on):
    """Score every cell of these methods, in a log that is read anew; as an interrupted run leaves it."""

    def make(*methods: PlannedMethod) -> None:
        plan, settings = on(*methods)
        listen = AttemptLog(store).listener(plan, settings)
        for cell in plan.cells():
            listen({"cell": cell.id, "accuracy": 0.5})

    return make


def row(planned: PlannedMethod, p: float | None, accuracy: float | None = 0.5):
    return SimpleNamespace(
        method=planned.name,
        parameters=dict(planned.changed),
        task="words",
        pair="p",
        transfer=SimpleNamespace(per_seed=[SimpleNamespace(accuracy=accuracy)]),
        claim=None,
        vs_vanilla=None if p is None else SimpleNamespace(p=p),
    )


def before(store, on, *methods: PlannedMethod):
    return AttemptLog(store).before(*on(*methods))


def lines(store) -> list[dict]:
    return [json.loads(line) for line in (store.root / FILE).read_text().splitlines()]


def test_sources_and_parameters_are_attempts_of_their_own(store, on, score):
    score(method("a"), method("b"), method("b", rate=0.25), method("b", name="other"))
    found = before(store, on, method("c"))
    assert [(a.sha256[0], a.method, a.parameters) for a in found] == [
        ("a", "mine", {"rate": 0.5}),
        ("b", "mine", {"rate": 0.25}),
        ("b", "mine", {"rate": 0.5}),
        ("b", "other", {"rate": 0.5}),
    ]
    assert {(a.task, a.pair, a.p) for a in found} == {("words", "p", None)}


def test_a_copy_of_a_file_and_another_run_of_it_are_no_new_attempts(store, on, score):
    score(method("a"))
    score(method("a", file="copy.py"))
    assert len(lines(store)) == 1 and len(before(store, on, method("c"))) == 1


def test_a_shipped_default_is_a_reference_and_its_variants_are_attempts(store, on, score):
    score(method("a", shipped=True), method("a", shipped=True, rate=0.1))
    (found,) = before(store, on, method("c"))
    assert found.parameters == {"rate": 0.1}


def test_a_cell_that_was_not_scored_is_no_attempt(store, on):
    plan, settings = on(method("a"))
    log = AttemptLog(store)
    listen = log.listener(plan, settings)
    listen({"cell": next(plan.cells()).id, "error": "no"})
    listen({"cell": "of/another/plan/s0", "accuracy": 0.5})
    listen({"published": "words/p/mine/s0", "accuracy": 0.5})
    log.finished(plan, settings, [row(plan.methods[0], None, accuracy=None)])
    assert not (store.root / FILE).exists()


def test_the_plan_s_own_rows_are_not_frozen(store, on, score):
    score(method("a"), method("b"))
    assert [a.sha256[0] for a in before(store, on, method("b"))] == ["a"]
    # a row that -k left out is not the plan's
    plan, settings = on(method("a"), method("b", name="other"))
    part = replace(plan, selected=frozenset({"words/p/other-b/s0"}))
    assert [a.sha256[0] for a in AttemptLog(store).before(part, settings)] == ["a", "b"]


def test_the_last_p_of_an_attempt_holds_and_only_news_is_written(store, on, score):
    score(method("a"))
    plan, settings = on(method("a"))
    for p in (0.03, 0.03, 0.2, None):
        AttemptLog(store).finished(plan, settings, [row(plan.methods[0], p)])
    assert [line["p"] for line in lines(store)] == [None, 0.03, 0.2, None]
    AttemptLog(store).finished(plan, settings, [row(plan.methods[0], 0.01)])
    score(method("a"))
    assert [a.p for a in before(store, on, method("b"))] == [0.01]


def test_the_same_plan_again_freezes_the_same(store, on, score):
    score(method("x"), method("a"))
    first = before(store, on, method("c"))
    score(method("c"))
    assert before(store, on, method("c")) == first
    assert [a.sha256[0] for a in first] == ["a", "x"]


def test_the_order_of_the_log_plays_no_part(store, on, score):
    score(method("b"), method("a"), method("b", rate=0.1))
    found = before(store, on, method("c"))
    file = store.root / FILE
    file.write_bytes(b"".join(reversed(file.read_bytes().splitlines(keepends=True))))
    assert before(store, on, method("c")) == found


@pytest.mark.parametrize("tail", [b'{"holdout": "x", "ta', b"{}\n", b"\xff\xfe\n[1\n", b'{"k": 1}'])
def test_what_is_torn_is_dropped_and_swallows_nothing(store, on, score, tail):
    score(method("a"))
    with (store.root / FILE).open("ab") as file:
        file.write(tail)
    assert len(before(store, on, method("c"))) == 1
    score(method("b"))
    assert [a.sha256[0] for a in before(store, on, method("c"))] == ["a", "b"]


def test_a_link_in_the_log_s_place_is_refused(store, on, score, tmp_path):
    (tmp_path / "elsewhere").touch()
    (store.root / FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="cannot write to the store"):
        AttemptLog(store)


def test_a_holdout_is_known_by_its_rows_and_the_models(plan, store, folder, model):
    def now(**changes) -> str:
        return holdout(prepare_settings(replace(plan, **changes), store)[0])

    first = now()
    assert now(root_seed=7, limit=48) == first, "neither seeds nor a cut that cuts nothing make a new one"
    pair = plan.pairs[0]
    assert now(pairs=(replace(pair, name="q", probe={**pair.probe, "folds": 3}),)) == first
    assert now(pairs=(replace(pair, strong=model("other", b"o")),)) != first
    rows = (folder / "test.jsonl").read_text().splitlines(keepends=True)
    (folder / "test.jsonl").write_text("".join(rows[2:] + rows[:2]))
    assert now() == first, "the order of rows"
    (folder / "test.jsonl").write_text("".join(rows[:-2]))
    assert now() != first


def test_another_part_of_the_same_rows_is_the_same_holdout_looked_at_again(plan, store, on, score):
    score(method("a"))
    for limit in (40, 44):  # rows of train splits; the holdout's follow
        changed = replace(plan, methods=(method("a"), method("b")), limit=limit)
        settings = prepare_settings(changed, store)
        found = AttemptLog(store).before(changed, settings)
        assert len(settings[0].test) < 48 and holdout(settings[0]) not in {a.holdout for a in found}
        changed = replace(changed, attempts=found)
        scored = {cell.id: {"accuracy": 0.5} for cell in changed.cells()}
        before_this = 1 if limit == 40 else 3
        assert len(found) == before_this and set(counts(changed, scored).values()) == {before_this + 2}
        listen = AttemptLog(store).listener(changed, settings)
        for cell in changed.cells():
            listen({"cell": cell.id, "accuracy": 0.5})


def test_other_rows_or_models_are_another_holdout_and_old_lines_count_by_digest(
    plan, store, score, folder, model
):
    score(method("a"))
    strong = replace(plan.pairs[0], strong=model("other", b"o"))
    for pairs, expected in ((plan.pairs, 1), ((strong,), 0)):
        changed = replace(plan, methods=(method("c"),), pairs=pairs, limit=40)
        assert len(AttemptLog(store).before(changed, prepare_settings(changed, store))) == expected
    log = store.root / FILE
    (line,) = lines(store)
    log.write_text(json.dumps({k: v for k, v in line.items() if k != "models"}) + "\n")
    for limit, expected in ((None, 1), (40, 0)):
        changed = replace(plan, methods=(method("c"),), limit=limit)
        assert len(AttemptLog(store).before(changed, prepare_settings(changed, store))) == expected
    rows = (folder / "test.jsonl").read_text()
    (folder / "test.jsonl").write_text(rows.replace("test ", "another "))
    changed = replace(plan, methods=(method("c"),))
    assert not AttemptLog(store).before(changed, prepare_settings(changed, store))


def test_holdouts_are_told_apart_by_the_share_of_the_smaller_one():
    rows = np.arange(1000, dtype=np.uint64)
    assert overlap(rows, rows[:50]) == 1 and overlap(rows[:100], rows[95:300]) == SHARED
    assert overlap(rows[:10], rows[10:]) == 0 and overlap(rows, rows[:0]) == 0


def test_the_p_of_an_attempt_is_the_one_that_a_claim_rests_on(store, on, score):
    score(method("a"))
    plan, settings = on(method("a"))
    claimed = row(plan.methods[0], 0.01)
    for claim, p in ((SimpleNamespace(p=0.3), 0.3), (SimpleNamespace(p=None), 0.01)):
        claimed.claim = claim
        AttemptLog(store).finished(plan, settings, [claimed])
        assert lines(store)[-1]["p"] == p


def test_counts_take_the_plan_and_what_came_before(store, on, score):
    score(method("x"), method("y"))
    methods = (
        method("a"),
        method("b", name="torn"),
        method("c", name="kept", shipped=True),
        method("c", name="kept", shipped=True, rate=0.1),
    )
    plan, settings = on(*methods)
    plan = replace(plan, attempts=AttemptLog(store).before(plan, settings))
    found = counts(plan, {cell.id for cell in plan.cells() if cell.method != "torn-b"})
    assert found == {
        ("words/p", methods[0].id): 4,
        ("words/p", methods[1].id): 4,
        ("words/p", methods[2].id): 1,
        ("words/p", methods[3].id): 4,
    }
    alone, _ = on(method("a"))
    assert set(counts(alone, set()).values()) == {1}


def test_an_unfinished_run_keeps_its_list_until_a_method_or_the_data_changes(store, on, score, folder):
    score(method("x"))
    plan, settings = on(method("a"))
    plan = replace(plan, attempts=AttemptLog(store).before(plan, settings))
    written = json.loads(json.dumps({**describe_plan(plan), "holdouts": holdouts(settings)}))
    score(method("y"))
    assert frozen_before(written, *on(method("a"))) == plan.attempts
    assert frozen_before(written, *on(method("b"))) is None, "its source was edited"
    assert frozen_before({**written, "attempts": [{"task": 1}]}, *on(method("a"))) is None
    rows = (folder / "test.jsonl").read_text().splitlines(keepends=True)
    (folder / "test.jsonl").write_text("".join(rows[:-2]))
    assert frozen_before(written, *on(method("a"))) is None
