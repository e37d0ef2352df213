"""Which echo and decoy cells there are, and that their labels are one draw for all methods."""

from __future__ import annotations

import numpy as np
import pytest
from w2s_harness.experiment.keys import Keys
from w2s_harness.experiment.own_worlds import own_worlds

from w2s_harness.experiment.worlds import stage, tell
from w2s_harness.plan import Cell
from w2s_harness.types import World

ECHO = World(name="echo-0", teacher="echo")
PLUS, MINUS = (World(name=f"decoy-0-{s}", teacher="decoy", sign=s) for s in (1, -1))


@pytest.fixture
def made(setting, store):
    found = setting()
    keys, rng = Keys(found), np.random.default_rng(0)
    z = {}
    for split in ("train_unlabel", "test"):
        n = len(found.data.texts[split])
        x = rng.standard_normal((n, 6))
        z[split] = x[:, 0]
        store.put_array(keys.features("strong", split, "features"), x.astype("f4"))
        store.put_array(keys.margins(split), x[None, :, 0])
    store.put(keys.margins("names"), {"names": ["sum"], "reason": None})
    for seed in (0, 1):
        noise = rng.standard_normal(len(z["train_unlabel"]))
        store.put_array(keys.labels(seed), 1 / (1 + np.exp(-z["train_unlabel"] - noise)))
    return found


def test_every_seed_has_an_echo_and_a_pair_of_decoys():
    found = own_worlds(2, "all", "probe", [0, 3])
    assert len(found) == len({(w.name, s) for w, s in found}) == 2 * 2 * 3 + 1
    assert {s for w, s in found if w.teacher == "echo"} == {0, 3}
    assert own_worlds(1, "none", "probe", [0, 1]) == []
    assert len(own_worlds(1, "one", "probe", [0, 1])) == 6


def test_a_fine_tuned_student_has_them_on_one_seed_unless_all_are_asked_for():
    found = own_worlds(3, "one", "finetune", [0, 1, 2], "a")
    assert len(found) == 3 and len({s for _, s in found}) == 1
    assert {own_worlds(1, "one", "finetune", [0, 1, 2], str(i))[0][1] for i in range(20)} == {0, 1, 2}
    assert len(own_worlds(1, "all", "finetune", [0, 1, 2])) == 10


def test_labels_are_the_same_for_every_method_and_kept(made, store):
    told = [tell(store, made, 0, w).weak for w in (ECHO, PLUS, MINUS)]
    real = tell(store, made, 0, None).weak
    for weak in told:
        assert sorted(weak) == sorted(real) and (weak != real).any()
    assert (told[1] != told[2]).any()
    for method in ("plain", "asks"):
        found = stage(store, made, Cell("words", "p", method, 0), ECHO)
        assert (found.told.weak == told[0]).all()
    assert (tell(store, made, 1, ECHO).weak != told[0]).any()


def test_another_draw_has_other_labels(made, store):
    again = World(name="echo-1", teacher="echo", draw=1)
    assert (tell(store, made, 0, again).weak != tell(store, made, 0, ECHO).weak).any()


def test_without_features_the_rows_lie_where_their_letters_say(made, store, setting, plan):
    from dataclasses import replace

    tuned = setting(pairs=(replace(plan.pairs[0], mode="finetune"),))
    keys, old = Keys(tuned), Keys(made)
    for name in ("names",):
        store.put(keys.margins(name), store.get(old.margins(name)))
    for split in ("train_unlabel", "test"):
        store.put_array(keys.margins(split), store.array(old.margins(split)))
    store.put_array(keys.labels(0), store.array(old.labels(0)))
    assert sorted(tell(store, tuned, 0, PLUS).weak) == sorted(tell(store, tuned, 0, None).weak)


def test_one_strict_echo_a_row_where_all_counterfactuals_are_asked_for():
    strict = [(w, s) for w, s in own_worlds(2, "all", "probe", [0, 3], "a") if w.teacher == "strict"]
    assert [w.name for w, _ in strict] == ["strict-0"]
    assert {own_worlds(1, "all", "probe", [0, 3], str(i))[-1][1] for i in range(20)} == {0, 3}
    assert not [w for w, _ in own_worlds(2, "one", "probe", [0, 3]) if w.teacher == "strict"]


def test_a_strict_echo_keeps_what_the_outlines_of_the_features_tell(made, store):
    strict = World(name="strict-0", teacher="strict")
    x = store.array(Keys(made).features("strong", "train_unlabel", "features"))[made.draw("train_unlabel", 0)]
    # a teacher whose labels hang on a feature that no readout tells
    taught = np.zeros(len(made.data.texts["train_unlabel"]))
    taught[made.draw("train_unlabel", 0)] = 1 / (1 + np.exp(-4 * x[:, 1]))
    store.put_array(Keys(made).labels(0), taught)
    real = tell(store, made, 0, None).weak
    told, plain = tell(store, made, 0, strict).weak, tell(store, made, 0, ECHO).weak
    assert sorted(told) == sorted(real)
    assert np.corrcoef(told, real)[0, 1] > 0.4 > 0.3 > abs(np.corrcoef(plain, real)[0, 1])
