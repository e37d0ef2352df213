from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from w2s_harness.experiment.keys import Keys

from w2s_harness.experiment.identity import code_version
from w2s_harness.experiment.store import key_of
from w2s_harness.plan import Cell, Limits
from w2s_harness.types import Model, World

CELL = Cell("words", "p", "plain", 0)


def cell_key(setting, plan, *, cell=CELL, access=(), columns=(), world=None, **method) -> str:
    return Keys(setting).cell(plan, cell, replace(plan.methods[0], **method), access, columns, world)


def test_every_stage_and_seed_has_a_key_of_its_own(setting):
    keys = Keys(setting())
    found = [keys.tune(), keys.path()]
    by_seed = (keys.weak, keys.labels, keys.weak_test, keys.ceiling, keys.ceiling_train)
    found += [f(s) for f in by_seed for s in (0, 1)]
    found += [keys.features(r, s, "features") for r in ("weak", "strong") for s in ("test", "train_unlabel")]
    assert len(set(found)) == len(found)
    assert keys.weak(0) == Keys(setting()).weak(0)


def test_a_cells_key_hangs_on_code_parameters_access_and_limits(setting, plan):
    own = setting()
    base = cell_key(own, plan)
    others = [
        cell_key(own, plan, cell=replace(CELL, seed=1)),
        cell_key(own, plan, parameters={"x": 1}),
        cell_key(own, plan, access=("embeddings",)),
        cell_key(own, plan, columns=("group",)),
        cell_key(own, plan, world=World(name="null-0", teacher="permuted", inputs="scrambled")),
        cell_key(own, plan, world=World(name="null-0", teacher="permuted", inputs="scrambled", draw=1)),
        cell_key(own, plan, source=replace(plan.methods[0].source, sha256="b" * 64)),
        cell_key(own, replace(plan, limits=Limits(fits=3))),
        cell_key(setting(root_seed=1), plan),
        cell_key(setting(limit=20), plan),
    ]
    assert len({base, *others}) == len(others) + 1
    assert cell_key(own, replace(plan, limits=Limits(timeout_s=1))) == base
    assert cell_key(own, replace(plan, seeds=(0, 1, 2), methods=plan.methods[:1])) == base


def test_features_are_shared_by_pairs_with_one_model_wherever_it_lies(setting, plan, model):
    pair = plan.pairs[0]
    moved = replace(pair, name="q", weak=model("elsewhere/weak", b"w"), strong=model("other", b"t"))
    one, two = Keys(setting()), Keys(setting(pairs=(moved,)))
    assert one.features("weak", "test", "features") == two.features("weak", "test", "features")
    assert one.features("strong", "test", "features") != two.features("strong", "test", "features")
    assert one.ceiling(0) != two.ceiling(0)


def test_changed_weights_change_every_key(setting, plan, model):
    before = Keys(setting())
    model("weak", b"W")
    after = Keys(setting())
    assert before.features("weak", "test", "features") != after.features("weak", "test", "features")
    assert before.weak(0) != after.weak(0)


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
        keys = Keys(setting(pairs=(pair,)))
        assert keys.setting.pair.strong.revision == commit * 40
        return keys.features("strong", "test", "features"), keys.ceiling(0), cell_key(keys.setting, plan)

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
    other = Keys(setting(pairs=(replace(pair, strong=replace(pair.strong, **change)),)))
    own = Keys(setting())
    for part in ("features", "likelihoods", "tokens", "facts"):
        assert own.features("strong", "test", part) != other.features("strong", "test", part)
        assert own.features("weak", "test", part) == other.features("weak", "test", part)


def test_changed_data_changes_every_key(setting, folder):
    before = Keys(setting())
    text = (folder / "test.jsonl").read_text().replace("test 0", "test zero")
    (folder / "test.jsonl").write_text(text)
    assert before.weak(0) != Keys(setting()).weak(0)


@pytest.mark.parametrize("split", ["train_label", "train_unlabel"])
def test_a_seed_draws_four_fifths_by_question_and_all_stages_share_it(setting, split):
    own = setting()
    draws = [own.draw(split, seed) for seed in (0, 0, 1)]
    assert np.array_equal(draws[0], draws[1]) and not np.array_equal(draws[0], draws[2])
    groups = own.data.texts[split].groups
    assert len(set(groups[draws[0]])) == round(0.8 * len(set(groups)))
    kept = set(groups[draws[0]])
    assert all((g in kept) == (i in set(draws[0])) for i, g in enumerate(groups))


def test_what_is_written_once_for_a_row_gives_the_key_of_the_whole_text(setting, plan):
    own, method, world = setting(), plan.methods[0], World(name="w", teacher="permuted", inputs="scrambled")
    versions, limits = [code_version("features"), code_version("fit")], plan.limits
    inputs = [
        [own.identity(), *versions],
        CELL.id,
        method.source.sha256,
        dict(method.parameters),
        ["embeddings"],
        None,
        ["a", "b"],
        asdict(world),
        [limits.fits, limits.epochs, limits.handles, limits.flops_over_vanilla],
        code_version("cell"),
        None,
        [own.chain(), list(own.pair.abilities)],
    ]
    text = json.dumps(["cell", inputs], sort_keys=True, separators=(",", ":"))
    key = cell_key(own, plan, access=("embeddings",), columns=("b", "a"), world=world)
    assert key == hashlib.sha256(text.encode()).hexdigest() == key_of("cell", inputs)
