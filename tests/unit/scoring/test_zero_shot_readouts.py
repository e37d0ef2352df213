from __future__ import annotations

import numpy as np
import pytest

from w2s_harness.scoring.comparisons.starred import centred, decided, labels, threshold


def test_the_threshold_calls_the_stated_share_true():
    margins = np.arange(100.0) - 300
    assert threshold(margins, None) == 0.0
    assert threshold(margins, 0.5) == np.median(margins)
    assert (margins > threshold(margins, 0.3)).mean() == pytest.approx(0.3, abs=0.01)


def test_margins_are_centred_and_scaled_by_the_training_rows_alone():
    rng = np.random.default_rng(0)
    train, rows = rng.normal(-80, 9, (2, 500)), rng.normal(-80, 9, (2, 7))
    ours = centred(train, train, 0.5)
    assert np.abs(np.median(ours, axis=1)).max() < 1e-12
    assert np.mean(ours**2, axis=1) == pytest.approx(1)
    assert centred(train, rows, 0.5)[:, 3] == pytest.approx(centred(train, rows[:, 3:4], 0.5)[:, 0])
    assert (centred(train, rows, None) < 0).all()
    assert (centred(np.full((1, 4), 3.0), np.full((1, 4), 3.0), 0.5) == 0).all()


def test_labels_are_balanced_where_half_are_true_and_by_sign_elsewhere():
    z = np.array([-2.0, 0.5, 3.0, -0.1, 0.0])
    kept, y = labels(z, 0.5)
    assert dict(zip(kept.tolist(), y.tolist(), strict=True)) == {0: 0.0, 1: 1.0, 2: 1.0, 3: 0.0}
    kept, y = labels(z, None)
    assert kept.tolist() == [0, 1, 2, 3, 4] and y.tolist() == decided(z).tolist() == [0, 1, 1, 0, 0.5]
