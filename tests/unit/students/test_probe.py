from __future__ import annotations

import numpy as np
import pytest

from w2s_harness.contract.errors import ModelError
from w2s_harness.contract.kinds import PREFERENCE, VERIFY
from w2s_harness.students.probe.choosing import C_GRID, MOST_EPOCHS, choose_c, choose_path, folds
from w2s_harness.students.probe.objective import Loss, balance_threshold, detached_target
from w2s_harness.students.probe.probe import (
    Path,
    Probe,
    cross_entropy,
    fit_exact,
    rebased,
    sigmoid,
    standardiser,
)


def draw(n=300, d=12, seed=0):
    random = np.random.default_rng(seed)
    x = random.normal(size=(n, d)) * random.uniform(0.1, 20, d) + 5
    z = standardised(x) @ random.normal(size=d)
    return x.astype(np.float32), sigmoid(z + random.normal(size=n))


def standardised(x):
    return (x - x.mean(0)) / x.std(0)


def gradient(probe, x, y, c, v=None):
    v = np.ones(len(y)) if v is None else v
    x, y, v = x[v > 0], y[v > 0], v[v > 0] / v[v > 0].mean()
    z = (np.asarray(x, float) - probe.mean) / probe.scale
    r = v * (sigmoid(probe.logits(x)) - y) / len(y)
    return r @ z + probe.weights / (c * len(y)), r.sum()


def fit_path(x, y, kind, *, epochs, **how):
    path = Path(x, y, kind, **how)
    path.run(epochs, epochs)
    return path.probe(), cross_entropy(y, path.margins())


@pytest.mark.parametrize("c", [1e-3, 0.1, 1.0])
def test_the_exact_solver_stops_where_the_gradient_vanishes(c):
    x, y = draw()
    v = np.linspace(0, 2, len(y))
    w, b = gradient(fit_exact(x, y, VERIFY, c=c, weight=v), x, y, c, v)
    assert abs(w).max() < 1e-6 and abs(b) < 1e-6


def test_one_feature_and_strong_regularisation_have_a_closed_form():
    # For C -> 0 the weight is C n times minus the gradient at 0, with the bias at the base rate's log-odds.
    x, y = draw(d=1)
    c = 1e-8
    probe = fit_exact(x, y, VERIFY, c=c)
    z = standardised(x.astype(float))[:, 0]
    assert probe.bias == pytest.approx(np.log(y.mean() / (1 - y.mean())), abs=1e-5)
    assert probe.weights[0] == pytest.approx(c * float(z @ (y - y.mean())), rel=1e-3)


def test_a_row_of_weight_two_pulls_like_two_rows():
    x, y = draw(n=100)
    v = np.append(2.0, np.ones(99))
    a = fit_exact(x, y, VERIFY, c=0.2, weight=v)
    w, b = gradient(a, x, y, 0.2, v)
    assert abs(w).max() < 1e-6 and abs(b) < 1e-6
    errors = [abs(sigmoid(p.logits(x[:1]))[0] - y[0]) for p in (a, fit_exact(x, y, VERIFY, c=0.2))]
    assert errors[0] < errors[1]


def test_a_constant_column_changes_nothing():
    x, y = draw()
    with_constant = np.hstack([x, np.full((len(x), 1), 7.3, np.float32)])
    a, b = fit_exact(x, y, VERIFY, c=0.1), fit_exact(with_constant, y, VERIFY, c=0.1)
    assert b.logits(with_constant) == pytest.approx(a.logits(x), abs=1e-5)


def test_a_preference_is_antisymmetric_with_either_solver():
    x, y = draw()
    exact = fit_exact(x, y, PREFERENCE, c=0.1)
    path, _ = fit_path(x, y, PREFERENCE, c=0.1, epochs=2, lr=0.01, seed=1)
    for probe in (exact, path):
        assert probe.bias == 0.0
        assert np.array_equal(probe.logits(-x), -probe.logits(x))


def test_the_path_solver_ends_near_the_optimum():
    x, y = draw()
    exact = fit_exact(x, y, VERIFY, c=0.05)
    path, _ = fit_path(x, y, VERIFY, c=0.05, epochs=200, lr=3e-3, seed=0)
    assert abs(sigmoid(path.logits(x)) - sigmoid(exact.logits(x))).max() < 0.03


def test_the_path_solver_repeats_itself_and_hears_its_seed():
    x, y = draw()
    a, trace_a = fit_path(x, y, VERIFY, c=1, epochs=1.5, lr=0.01, seed=3)
    b, trace_b = fit_path(x, y, VERIFY, c=1, epochs=1.5, lr=0.01, seed=3)
    other, _ = fit_path(x, y, VERIFY, c=1, epochs=1.5, lr=0.01, seed=4)
    assert a.weights.tobytes() == b.weights.tobytes() and np.array_equal(trace_a, trace_b)
    assert a.weights.tobytes() != other.weights.tobytes()


def test_a_trace_starts_at_the_initial_loss_and_falls():
    x, y = draw()
    _, trace = fit_path(x, y, VERIFY, c=1, epochs=10, lr=0.01, seed=0)
    assert trace.shape == (2, len(y))
    assert trace[1].mean() < trace[0].mean() - 0.02
    _, short = fit_path(x, y, VERIFY, c=1, epochs=0.01, lr=1e-9, seed=0)
    assert short == pytest.approx(np.full((2, len(y)), np.log(2)), abs=1e-5)


def test_init_goes_on_from_a_probe():
    x, y = draw()
    first = fit_exact(x, y, VERIFY, c=0.1)
    again, trace = fit_path(x, y, VERIFY, c=0.1, epochs=0.01, lr=1e-9, seed=0, init=first)
    assert again.logits(x) == pytest.approx(first.logits(x), abs=1e-4)
    assert trace[0] == pytest.approx(cross_entropy(y, first.logits(x)), abs=1e-4)


def test_init_is_written_in_the_standardisation_of_the_rows():
    x, y = draw()
    own = standardiser(x, VERIFY)
    raw = Probe(np.zeros(12), np.ones(12), np.full(12, 0.01), 0.3)
    same = rebased(raw, own)
    assert same.logits(x) == pytest.approx(raw.logits(x)) and np.array_equal(same.scale, own.scale)
    first, _ = fit_path(x, y, VERIFY, c=1e-3, epochs=1, lr=0.01, seed=0)
    assert rebased(first, own).weights.tobytes() == first.weights.tobytes()
    # an untrained head is no start of its own
    zero = Probe(np.zeros(12), np.ones(12), np.zeros(12))
    again, _ = fit_path(x, y, VERIFY, c=1e-3, epochs=1, lr=0.01, seed=0, init=zero)
    assert again.weights.tobytes() == first.weights.tobytes()


def test_logits_read_raw_features():
    probe = Probe(np.array([1.0, 2.0]), np.array([2.0, 4.0]), np.array([3.0, 5.0]), 0.5)
    assert probe.logits(np.array([[3.0, 6.0]])) == pytest.approx([3 * 1 + 5 * 1 + 0.5])


# -- losses ---------------------------------------------------------------------------------------------


def test_the_logconf_target_mixes_in_the_students_own_hard_view():
    weak, own = np.array([0.9, 0.2, 0.6, 0.3]), np.array([0.1, 0.8, 0.7, 0.2])
    t = balance_threshold(weak, own, VERIFY)
    assert (own > t).mean() == pytest.approx(weak.mean())
    mixed = detached_target(weak, own, VERIFY, Loss("logconf", {"a": 0.5}))
    assert mixed == pytest.approx(0.5 * weak + 0.5 * np.array([0, 1, 1, 0]))
    assert balance_threshold(weak, own, PREFERENCE) == 0.5


def test_the_product_target_multiplies_and_normalises():
    weak, own = np.array([0.9]), np.array([0.2])
    target = detached_target(weak, own, VERIFY, Loss("product", {"alpha": 2.0, "beta": 1.0}))
    assert target == pytest.approx([0.81 * 0.2 / (0.81 * 0.2 + 0.01 * 0.8)])


def test_logconf_with_nothing_mixed_in_is_plain_and_else_sharpens():
    x, y = draw()
    plain = sigmoid(fit_exact(x, y, VERIFY, c=0.1).logits(x))
    none = sigmoid(fit_exact(x, y, VERIFY, c=0.1, loss=Loss("logconf", {"a": 0.0})).logits(x))
    sharp = sigmoid(fit_exact(x, y, VERIFY, c=0.1, loss=Loss("logconf", {"a": 0.75})).logits(x))
    assert none == pytest.approx(plain, abs=1e-4)
    assert abs(sharp - 0.5).mean() > abs(plain - 0.5).mean() + 0.02


# -- selection ------------------------------------------------------------------------------------------


def test_folds_keep_groups_together_and_are_balanced():
    groups = [f"g{i // 3}" for i in range(60)]
    fold = folds(groups)
    assert all(len(set(fold[i : i + 3])) == 1 for i in range(0, 60, 3))
    assert np.bincount(fold).tolist() == [12] * 5
    with pytest.raises(ModelError, match="two questions"):
        folds(["a", "a"])


def test_c_is_chosen_by_held_out_loss_and_the_choice_repeats():
    x, y = draw(n=200, d=30)
    noise = np.random.default_rng(1).permutation(y)
    groups = list(range(200))
    informative, empty = choose_c(x, y, groups, VERIFY), choose_c(x, noise, groups, VERIFY)
    assert informative == choose_c(x, y, groups, VERIFY)
    assert informative.settings["c"] > empty.settings["c"]
    assert (
        min(loss for _, loss in informative.grid)
        == {s["c"]: v for s, v in informative.grid}[informative.settings["c"]]
    )


def test_one_standard_error_takes_the_strongest_setting_that_is_as_good():
    x, y = draw(n=200, d=30)
    groups = list(range(200))
    least, one = (choose_c(x, y, groups, VERIFY, rule=rule) for rule in ("least", "one-se"))
    assert least.grid == one.grid and one.settings["c"] < least.settings["c"]
    fold, losses = folds(groups), []
    for k in range(5):
        probe = fit_exact(x[fold != k], y[fold != k], VERIFY, c=least.settings["c"])
        losses.append(cross_entropy(y[fold == k], probe.logits(x[fold == k])).mean())
    bound = np.mean(losses) + np.std(losses, ddof=1) / np.sqrt(5)
    scored = {s["c"]: v for s, v in least.grid}
    assert one.settings["c"] == min(c for c, v in scored.items() if v <= bound + 1e-12)


def test_the_grid_of_c_grows_where_its_edge_is_chosen():
    x, _ = draw(n=400, d=3)
    sure = (x[:, 0] > 0).astype(float)  # separable: the less regularised, the better
    found = choose_c(x, sure, list(range(400)), VERIFY)
    assert found.settings["c"] > max(C_GRID)
    noise = np.random.default_rng(2).random(400)
    empty = choose_c(x, noise, list(range(400)), VERIFY, rule="one-se")
    assert empty.settings["c"] == min(s["c"] for s, _ in empty.grid) < min(C_GRID)
    assert choose_c(x, sure, list(range(400)), VERIFY, (0.1, 1.0)).settings["c"] == 1.0


def test_epochs_grow_where_the_last_are_chosen_and_the_least_moving_is_taken():
    x, _ = draw(n=120, d=3)
    sure = (x[:, 0] > 0).astype(float)
    groups = list(range(120))
    least = choose_path(x, sure, groups, VERIFY, 1.0, lr_grid=(1e-3,))
    assert least.settings["epochs"] == MOST_EPOCHS
    noise = np.random.default_rng(2).random(120)
    strict = choose_path(x, noise, groups, VERIFY, 1.0, rule="one-se")
    assert strict.settings == {"epochs": 1.0, "lr": 1e-3}


def test_the_path_grid_equals_separate_fits():
    x, y = draw(n=120)
    groups = list(range(120))
    choice = choose_path(x, y, groups, VERIFY, 0.1, (1.0, 3.0), (0.01,))
    fold, total = folds(groups), 0.0
    for k in range(5):
        train, held = fold != k, fold == k
        probe, _ = fit_path(x[train], y[train], VERIFY, c=0.1, epochs=3, lr=0.01, seed=0)
        total += cross_entropy(y[held], probe.logits(x[held])).sum()
    assert {s["epochs"]: v for s, v in choice.grid}[3.0] == pytest.approx(total / 120)


def test_the_probe_needs_no_torch():
    import subprocess
    import sys

    code = (
        "import sys, w2s_harness.students.service.service, w2s_harness.students.service.client;"
        "import w2s_harness.students.probe.choosing;"
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}).returncode == 0
    )
