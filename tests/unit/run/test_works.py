"""The closed set of works: their kinds and results, and what their keys hang on."""

from __future__ import annotations

import importlib
import json
import pkgutil
from dataclasses import fields, replace

import numpy as np
import pytest

from w2s_harness.contract.plan import Cell, Limits
from w2s_harness.contract.types import Model, World
from w2s_harness.run import cell as cell_room
from w2s_harness.run import stages
from w2s_harness.run.cell.given import GivenCell
from w2s_harness.run.cell.method_cell import CellRun
from w2s_harness.run.kept.secret import of_method
from w2s_harness.run.stages.controls import GoldOracle, Noise, WeakAsStrong
from w2s_harness.run.stages.readouts import ReadMargins, ReadoutHeads
from w2s_harness.run.stages.service_orders import Features
from w2s_harness.run.stages.teachers import OTHER_TEACHER, Ceiling, Teacher
from w2s_harness.run.stages.tuning import Tune, TunePath
from w2s_harness.run.stages.vanilla import VanillaMember, VanillaPath
from w2s_harness.run.stages.worlds.null import Null
from w2s_harness.run.stages.worlds.own import OwnLabels, WorldCalibration
from w2s_harness.run.work import code_digest
from w2s_harness.run.work.results import Result
from w2s_harness.run.work.work import Work

for room in (stages, cell_room):
    for module in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
        importlib.import_module(module.name)

CELL = Cell("words", "p", "plain", 0)
WORLD = World(name="echo-0", teacher="echo")
WORKS = {
    Features, Tune, TunePath, Teacher, Ceiling, VanillaPath, ReadMargins, ReadoutHeads, OwnLabels,
    WorldCalibration, Noise, WeakAsStrong, GoldOracle, Null, VanillaMember, CellRun, GivenCell,
}  # fmt: skip


def all_works() -> set[type]:
    found, left = set(), [Work]
    while left:
        for one in left.pop().__subclasses__():
            if one.__module__.startswith("w2s_harness"):
                left.append(one)
                found |= {one} if hasattr(one, "kind") else set()
    return found


def run_of(setting, plan, *, cell=CELL, access=(), columns=(), world=None, limits=None, secret="", **method):
    planned = replace(plan.methods[0], **method)
    limits = limits or plan.limits
    return CellRun(cell, setting.ref, planned, tuple(access), frozenset(columns), limits, world, secret)


def one_of_each(setting, plan):
    ref = setting.ref
    return [
        Features(ref, "strong", "test"), Tune(ref), TunePath(ref), Teacher(ref, 0), Ceiling(ref, 0),
        VanillaPath(ref, "exact", 0), ReadMargins(ref), ReadoutHeads(ref, 0), OwnLabels(ref, 0, WORLD),
        WorldCalibration(ref, 0, (WORLD,)), Noise(ref, "shuffled", 0, 4), WeakAsStrong(ref, 0),
        GoldOracle(ref, 0), Null(ref, (0, 1), 0), VanillaMember(ref, "exact", 0, 1), run_of(setting, plan),
        GivenCell(CELL, ref, plan.methods[0]),
    ]  # fmt: skip


def test_the_set_of_works_is_closed_and_each_kind_of_result_is_typed(setting, plan):
    assert all_works() == WORKS == {type(work) for work in one_of_each(setting(), plan)}
    for work in WORKS:
        assert issubclass(work.gives, Result) and work.gives is not Result
        assert work.place in ("host", "gold", "student", "jail") and work.kind


def test_a_work_is_plain_data(setting, plan):
    for work in one_of_each(setting(), plan):
        json.dumps(work.inputs())
        values = [getattr(work, field.name) for field in fields(work)]
        assert not any(isinstance(value, np.ndarray) for value in values)


def test_every_work_has_a_key_of_its_own_and_the_same_again(setting, plan):
    one, two = (one_of_each(setting(), plan) for _ in range(2))
    keys = [work.key for work in one]
    assert len(set(keys)) == len(keys) and keys == [work.key for work in two]
    for work in (Teacher, Ceiling, WeakAsStrong, GoldOracle, ReadoutHeads):
        assert work(setting().ref, 0).key != work(setting().ref, 1).key


def test_what_sees_gold_needs_nothing_that_may_serve_a_worker(setting, plan):
    for work in one_of_each(setting(), plan):
        if work.place in ("gold", "host"):
            assert all(need.place in ("gold", "host") for need in work.needs())


def test_the_code_of_a_work_is_the_import_closure_of_its_module():
    for work in WORKS:
        reached = code_digest.closure(work.__module__)
        assert work.__module__ in reached and "w2s_harness.report.document.document" not in reached
    assert "w2s_harness.students.service.service" in code_digest.closure(CellRun.__module__)
    assert "w2s_harness.jail.inside.worker" in code_digest.closure(CellRun.__module__)


def test_a_cells_key_hangs_on_code_parameters_access_and_limits(setting, plan):
    own = setting()
    base = run_of(own, plan).key
    scrambled = World(name="null-0", teacher="permuted", inputs="scrambled")
    others = [
        run_of(own, plan, cell=replace(CELL, seed=1)),
        run_of(own, plan, parameters={"x": 1}),
        run_of(own, plan, access=("embeddings",)),
        run_of(own, plan, columns=("group",)),
        run_of(own, plan, world=scrambled),
        run_of(own, plan, world=replace(scrambled, draw=1)),
        run_of(own, plan, source=replace(plan.methods[0].source, sha256="b" * 64)),
        run_of(own, plan, limits=Limits(fits=3)),
        run_of(own, plan, secret="a" * 64),
        run_of(setting(root_seed=1), plan),
        run_of(setting(limit=20), plan),
    ]
    assert len({base, *(work.key for work in others)}) == len(others) + 1
    assert run_of(own, plan, limits=Limits(timeout_s=1)).key == base


def test_a_secret_keys_the_code_of_others_alone(setting, plan):
    theirs, hidden = plan.methods[0], replace(plan, secret="a" * 64)
    ours = replace(theirs, source=replace(theirs.source, distribution="w2s-harness"))
    assert of_method(hidden, ours) == "" or not ours.source.is_shipped
    assert of_method(hidden, theirs) and not of_method(plan, theirs)


def test_features_are_shared_by_pairs_with_one_model_wherever_it_lies(setting, plan, model):
    pair = plan.pairs[0]
    moved = replace(pair, name="q", weak=model("elsewhere/weak", b"w"), strong=model("other", b"t"))
    one, two = setting().ref, setting(pairs=(moved,)).ref
    assert Features(one, "weak", "test").key == Features(two, "weak", "test").key
    assert Features(one, "strong", "test").key != Features(two, "strong", "test").key
    assert Ceiling(one, 0).key != Ceiling(two, 0).key


def test_changed_weights_or_data_change_every_key(setting, plan, model, folder):
    before = one_of_each(setting(), plan)
    model("weak", b"W")
    changed = one_of_each(setting(), plan)
    assert all(a.key != b.key for a, b in zip(before[1:], changed[1:], strict=True))
    text = (folder / "test.jsonl").read_text().replace("test 0", "test zero")
    (folder / "test.jsonl").write_text(text)
    again = one_of_each(setting(), plan)
    assert not {work.key for work in changed} & {work.key for work in again}


def test_a_hub_ids_keys_are_those_of_the_bytes_that_its_name_means_now(setting, plan, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    repo = tmp_path / "hub" / "models--me--student"
    (repo / "refs").mkdir(parents=True)
    for commit in ("a" * 40, "b" * 40, "c" * 40):
        place = repo / "snapshots" / commit
        place.mkdir(parents=True)
        (place / "config.json").write_text("{}")
        (place / "model.safetensors").write_bytes(b"other" if commit[0] == "b" else b"one")
    pair = replace(plan.pairs[0], strong=Model(source="me/student"))

    def found(commit: str) -> tuple[str, ...]:
        (repo / "refs" / "main").write_text(commit * 40)
        here = setting(pairs=(pair,))
        assert here.pair.strong.revision == commit * 40
        works = (Features(here.ref, "strong", "test"), Ceiling(here.ref, 0), run_of(here, plan))
        return tuple(work.key for work in works)

    first = found("a")
    assert not set(first) & set(found("b"))
    assert found("c") == first, "another commit of the same bytes"


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "bfloat16"},
        {"max_tokens": 64},
        {"device": "cpu"},
        {"chat_template": "auto"},
        {"readout": "mean"},
    ],
)
def test_how_a_model_is_read_is_in_the_key_of_its_features(setting, plan, change):
    pair = plan.pairs[0]
    other, own = setting(pairs=(replace(pair, strong=replace(pair.strong, **change)),)).ref, setting().ref
    assert Features(own, "strong", "test").key != Features(other, "strong", "test").key
    assert Features(own, "weak", "test").key == Features(other, "weak", "test").key


def test_a_cells_key_hangs_on_the_ladder_and_the_abilities_and_shared_stages_do_not(setting, plan, model):
    pair = plan.pairs[0]

    def here(**changes):
        return setting(pairs=(replace(pair, **changes),))

    one, other = model("one", b"1"), model("two", b"2")
    found = [
        here(), here(students=(one,)), here(students=(one, other)), here(students=(other, one)),
        here(students=(replace(one, max_tokens=9),)), here(abilities=("generate",)),
    ]  # fmt: skip
    assert len({run_of(each, plan).key for each in found}) == len(found)
    for shared in (
        lambda ref: Ceiling(ref, 0),
        lambda ref: Teacher(ref, 0),
        lambda ref: Features(ref, "weak", "test"),
    ):
        assert len({shared(each.ref).key for each in found}) == 1


def test_a_world_needs_what_its_teacher_is_made_of(setting, plan):
    own = setting()

    def needs(teacher):
        return set(run_of(own, plan, world=World(name=teacher, teacher=teacher)).needs())

    assert Teacher(own.ref, OTHER_TEACHER) in needs("other")
    assert Ceiling(own.ref, 0, with_train=True) in needs("canary")
    assert {type(need) for need in needs("echo")} - {type(need) for need in needs("flipped")} == {OwnLabels}


@pytest.mark.parametrize("split", ["train_label", "train_unlabel"])
def test_a_seed_draws_four_fifths_by_question_and_all_stages_share_it(setting, split):
    own = setting()
    draws = [own.draw(split, seed) for seed in (0, 0, 1)]
    assert np.array_equal(draws[0], draws[1]) and not np.array_equal(draws[0], draws[2])
    groups = own.data.texts[split].groups
    assert len(set(groups[draws[0]])) == round(0.8 * len(set(groups)))
    kept = set(groups[draws[0]])
    assert all((g in kept) == (i in set(draws[0])) for i, g in enumerate(groups))
