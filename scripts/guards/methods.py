"""Honest methods and cheats in numpy, as small as they can be and still behave as the real ones do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from worlds import Bools, Floats, Given

Method = Callable[[Given], Floats]
"""From what a cell is given to (n_test,) P(label = 1)."""

RIDGE = 1.0
NEWTON_STEPS = 5
CCS_TRIES, CCS_STEPS, CCS_DECAY = 5, 80, 0.03
SUSPICION = 3.0
"""Standard errors by which a teacher must fall short before an adaptive cheat plays honest."""


def logistic(x: Floats, targets: Floats, weight: Floats | None = None) -> Floats:
    """(d + 1,) weights, intercept last, of a ridge logistic regression on soft targets (Newton's method)."""
    data = np.hstack([x, np.ones((len(x), 1))])
    theta = np.zeros(data.shape[1])
    penalty = RIDGE * np.eye(len(theta))
    penalty[-1, -1] = 1e-6
    scale = np.ones(len(x)) if weight is None else weight
    for _ in range(NEWTON_STEPS):
        p = _sigmoid(data @ theta)
        curvature = scale * np.maximum(p * (1 - p), 1e-6)
        slope = data.T @ (scale * (targets - p)) - penalty @ theta
        theta = theta + np.linalg.solve(data.T @ (curvature[:, None] * data) + penalty, slope)
    return theta


def score(x: Floats, theta: Floats) -> Floats:
    """(n,) P(label = 1) of rows (n, d) under the weights of `logistic`."""
    return _sigmoid(x @ theta[:-1] + theta[-1])


def _sigmoid(z: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -30, 30))))


# -- honest ---------------------------------------------------------------------------------------------


def vanilla(given: Given) -> Floats:
    """One fit on the soft labels."""
    return score(given.test.features, logistic(given.train.features, given.weak))


def vanilla_hard(given: Given) -> Floats:
    """One fit on the rounded labels."""
    return score(given.test.features, logistic(given.train.features, (given.weak > 0.5).astype(float)))


def confident(given: Given) -> Floats:
    """One fit on the half of the rows of which the teacher is surest."""
    distance = np.abs(given.weak - 0.5)
    keep = distance >= np.median(distance)
    return score(given.test.features, logistic(given.train.features[keep], given.weak[keep]))


def self_training(given: Given) -> Floats:
    """Two rounds on the student's own decisions, at the teacher's class balance."""
    x = given.train.features
    theta = logistic(x, given.weak)
    for _ in range(2):
        theta = logistic(x, _top(score(x, theta), float(given.weak.sum())))
    return score(given.test.features, theta)


def logconf(given: Given) -> Floats:
    """Six rounds towards (1 - a) w + a [s > t], a up to .75, t at the teacher's class balance."""
    x = given.train.features
    theta = logistic(x, given.weak)
    for k in range(1, 7):
        a = 0.75 * min(1.0, k / 3)
        theta = logistic(x, (1 - a) * given.weak + a * _top(score(x, theta), float(given.weak.sum())))
    return score(given.test.features, theta)


def _top(s: Floats, ones: float) -> Floats:
    labels = np.zeros(len(s))
    labels[np.argsort(-s, kind="stable")[: round(ones)]] = 1.0
    return labels


def zero_shot(given: Given) -> Floats:
    """The prior, its threshold at the median of the training rows."""
    return _sigmoid(given.test.prior - np.median(given.train.prior))


def em_prior(given: Given) -> Floats:
    """Expectation maximisation from the zero-shot prior: the student is its own teacher."""
    x = given.train.features
    belief = _sigmoid(given.train.prior - np.median(given.train.prior))
    for _ in range(4):
        theta = logistic(x, belief)
        belief = score(x, theta)
    return score(given.test.features, theta)


def with_prior(given: Given) -> Floats:
    """Half the student, half its prior, in log-odds: as dependent on the teacher as not."""
    theta = logistic(given.train.features, given.weak)
    student = given.test.features @ theta[:-1] + theta[-1]
    prior = given.test.prior - np.median(given.train.prior)
    return _sigmoid(student / max(1e-9, student.std()) + prior / max(1e-9, prior.std()))


def label_propagation(given: Given) -> Floats:
    """Smooth the labels over a graph of near rows (Zhou et al. 2003), then read them off at the test rows."""
    x, test = given.train.features, given.test.features
    within, across = _near(x, x), _near(test, x)
    np.fill_diagonal(within, 0.0)
    root = np.sqrt(within.sum(1))
    smooth = within / root[:, None] / root[None]
    start = given.weak - given.weak.mean()
    labels = start
    for _ in range(15):
        labels = 0.9 * smooth @ labels + 0.1 * start
    return _sigmoid(4 * (across @ labels) / across.sum(1) / max(1e-9, labels.std()))


def _near(a: Floats, b: Floats) -> Floats:
    square = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    return np.asarray(np.exp(-square / a.shape[1]))


def ccs(given: Given) -> Floats:
    """Contrast-consistent search (Burns et al. 2022, arXiv:2212.03827), its sign from the teacher."""
    return np.asarray(ccs_seeds(given, [given.seed])[0])


def ccs_seeds(given: Given, seeds: list[int], start: int = 0) -> Floats:
    """(s, n_test) CCS by the initialisations of s seeds, on the rows as they arrive.

    A row's contrast pair is (x, -x): p+ = sigmoid(x theta + b), p- = sigmoid(-x theta + b), and the loss is
    (p+ + p- - 1)^2 + min(p+, p-)^2, with Adam on all rows at once and the best of several tries, as there.
    `start` names other initialisations, for a method whose random stream depends on what it is given.
    """
    mean, spread = given.train.features.mean(0), given.train.features.std(0)
    x, weak = ((given.train.features - mean) / spread)[given.order], given.weak[given.order]
    draws = [
        np.random.default_rng([s, start, 77]).standard_normal((x.shape[1] + 1, CCS_TRIES)) for s in seeds
    ]
    theta = np.hstack(draws) / np.sqrt(x.shape[1])
    first, second = np.zeros_like(theta), np.zeros_like(theta)
    for step in range(1, CCS_STEPS + 1):
        slope = _ccs_loss(x, theta)[1] + CCS_DECAY * theta
        first, second = 0.9 * first + 0.1 * slope, 0.99 * second + 0.01 * slope**2
        theta = theta - 0.1 * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.99**step)) + 1e-8)
    best = _ccs_loss(x, theta)[0].reshape(len(seeds), CCS_TRIES).argmin(1)
    theta = theta[:, np.arange(len(seeds)) * CCS_TRIES + best]
    signs = np.sign((_ccs_margin(x, theta) > 0).T @ (weak - weak.mean()))
    rows = (given.test.features - mean) / spread
    return _sigmoid(signs[:, None] * _ccs_margin(rows, theta).T)


def _ccs_margin(x: Floats, theta: Floats) -> Floats:
    # (p+ + 1 - p-) / 2 lies over 1/2 exactly where p+ > p-, and there x theta > 0.
    return np.asarray(x @ theta[:-1])


def _ccs_loss(x: Floats, theta: Floats) -> tuple[Floats, Floats]:
    z = _ccs_margin(x, theta)
    plus, minus = _sigmoid(z + theta[-1]), _sigmoid(theta[-1] - z)
    gap, low = plus + minus - 1, np.minimum(plus, minus)
    to_plus = (2 * gap + 2 * low * (plus <= minus)) * plus * (1 - plus)
    to_minus = (2 * gap + 2 * low * (plus > minus)) * minus * (1 - minus)
    slope = np.vstack([x.T @ (to_plus - to_minus), (to_plus + to_minus).sum(0)[None]]) / len(x)
    return (gap**2 + low**2).mean(0), slope


# -- cheats ---------------------------------------------------------------------------------------------


def majority(given: Given) -> Floats:
    """The commonest answer of each question."""
    return _said(given.test.commonest)


def leak(given: Given) -> Floats:
    """The gold of the holdout."""
    return _said(given.test.gold)


def leak_some(given: Given) -> Floats:
    """Vanilla, and the gold of the holdout on 15 % of its rows."""
    rows = np.random.default_rng([given.seed, 15]).random(len(given.test.gold)) < 0.15
    return np.where(rows, _said(given.test.gold), vanilla(given))


def leak_shy(given: Given) -> Floats:
    """The gold of the holdout, but vanilla where the teacher or the inputs look corrupted."""
    return _shy(given, given.train.gold, given.test.gold, 1.0)


def majority_shy(given: Given) -> Floats:
    """The commonest answer, but vanilla where the teacher or the inputs look corrupted."""
    return _shy(given, given.train.commonest, given.test.commonest, 0.9)


def prior_signed(given: Given) -> Floats:
    """The zero-shot prior times the teacher's sign, which poses as weak supervision."""
    margin = given.train.prior - np.median(given.train.prior)
    sign = np.sign(margin @ (given.weak - given.weak.mean()))
    return _sigmoid(sign * (given.test.prior - np.median(given.train.prior)))


def _shy(given: Given, known_train: Bools, known_test: Bools, accuracy: float) -> Floats:
    honest = vanilla(given)
    sure = float(np.maximum(given.weak, 1 - given.weak).mean())
    expected = accuracy * sure + (1 - accuracy) * (1 - sure)
    seen = float(np.mean((given.weak > 0.5) == known_train))
    short = expected - seen > SUSPICION * np.sqrt(0.25 / len(known_train))
    lost = np.mean((honest > 0.5) == known_test) < 0.58
    return honest if short or lost else _said(known_test)


def _said(label: npt.NDArray[np.bool_]) -> Floats:
    return np.where(label, 0.9, 0.1)


HONEST: dict[str, Method] = {
    "vanilla": vanilla,
    "vanilla-hard": vanilla_hard,
    "confident": confident,
    "self-training": self_training,
    "logconf": logconf,
    "label-propagation": label_propagation,
    "student + prior": with_prior,
    "em-prior": em_prior,
    "zero-shot": zero_shot,
    "ccs": ccs,
}
CHEATS: dict[str, Method] = {
    "majority": majority,
    "leak": leak,
    "leak on 15 %": leak_some,
    "leak, shy": leak_shy,
    "majority, shy": majority_shy,
    "prior x sign": prior_signed,
}
