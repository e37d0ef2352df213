"""Echoes and decoys: what they keep of a teacher and what they take away."""

from __future__ import annotations

import numpy as np
import pytest

from w2s_harness.scoring.comparisons.own_part import ALIGNED, basis, decoy_pair, directions, echo, shared


@pytest.fixture
def made():
    """Readouts, features and a teacher that knows the readouts' part and a direction of its own."""
    rng = np.random.default_rng(3)
    n = 600
    x = rng.standard_normal((n, 20))
    z = np.stack([x[:, 0] + 0.3 * rng.standard_normal(n) for _ in range(3)], axis=1)
    own = x[:, 5]
    w = 1 / (1 + np.exp(-(x[:, 0] + own + 0.5 * rng.standard_normal(n))))
    b = basis(z)
    return x, b, own, w, shared(b, w, np.arange(n) // 2, np.random.default_rng(0))


def corr(a, b):
    return float(np.corrcoef(a, b)[0, 1])


def test_the_basis_is_linear_quadratic_and_hinged():
    z = np.array([[0.3, -2.0], [1.0, 0.0]])
    t, found = np.tanh(z), basis(z)
    assert found.shape == (2, 2 + 3 + 6)
    assert found[:, :2] == pytest.approx(t) and found[:, 3] == pytest.approx(t[:, 1] * t[:, 0])
    assert found[:, 5] == pytest.approx(np.maximum(t[:, 0] + 0.7, 0))


def test_what_is_shared_is_predicted_out_of_fold(made):
    x, b, own, w, p = made
    assert corr(p, x[:, 0]) > 0.9 and abs(corr(p, own)) < 0.1
    # labels without content are not fitted: in sample, regression would correlate with them
    noise = np.random.default_rng(1).random(len(w))
    one = np.column_stack([np.ones(len(b)), b])
    assert corr(one @ np.linalg.lstsq(one, noise, rcond=None)[0], noise) > 0.1
    assert corr(shared(b, noise, np.arange(len(w)), np.random.default_rng(2)), noise) < 0.05
    assert np.ptp(shared(np.empty((len(w), 0)), w, np.arange(len(w)), np.random.default_rng(2))) == 0


def test_an_echo_keeps_the_labels_and_what_is_shared_and_nothing_else(made):
    _, _, own, w, p = made
    found = echo(w, p, np.random.default_rng(4))
    assert sorted(found) == sorted(w) and (found != w).mean() > 0.9
    assert corr(found, p) == pytest.approx(corr(w, p), abs=0.05)
    assert corr(w, own) > 0.5 and abs(corr(found, own)) < 0.12


def test_decoys_put_another_concept_of_the_same_strength_in_the_place_of_the_teachers(made):
    x, b, _, w, p = made
    u = directions(x, b)
    assert u.T @ u == pytest.approx(np.eye(u.shape[1]), abs=1e-8)
    assert np.abs(u.T @ np.column_stack([np.ones(len(b)), b])).max() < 1e-8
    for draw in range(5):
        plus, minus = decoy_pair(w, p, u, np.random.default_rng(draw))
        for found in (plus, minus):
            assert sorted(found) == sorted(w)
            assert corr(found, p) > 0.8 * corr(w, p)
        strength = [float(np.linalg.norm(u.T @ (y - p))) for y in (w, plus, minus)]
        assert strength[1:] == pytest.approx([strength[0]] * 2, rel=0.25)
        kept = [float((u.T @ (y - p)) @ (u.T @ (w - p))) / strength[0] ** 2 for y in (plus, minus)]
        assert max(map(abs, kept)) < ALIGNED + 0.1 and corr(plus - minus, w - p) < 0.2


def test_more_features_than_rows_leave_nothing_outside_of_the_directions():
    rng = np.random.default_rng(5)
    b = basis(rng.standard_normal((40, 1)))
    u = directions(rng.standard_normal((40, 90)), b)
    assert u.shape[1] == 40 - 1 - np.linalg.matrix_rank(b - b.mean(0))
    assert u.T @ u == pytest.approx(np.eye(u.shape[1]), abs=1e-8)


def test_the_same_generator_gives_the_same_labels(made):
    x, b, _, w, p = made
    u = directions(x, b)
    first, again = (list(decoy_pair(w, p, u, np.random.default_rng(9))) for _ in range(2))
    assert all((a == c).all() for a, c in zip(first, again, strict=True))
