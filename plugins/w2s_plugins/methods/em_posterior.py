"""Treat the teacher as a noisy channel, and train on what it says about the truth behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from w2s_harness import Handle, Method, Problem, Skip, Student, hookimpl, kind_of

Float = npt.NDArray[np.float64]
NEWTON_STEPS = 5
FIRST_RATE = 0.7
"""True-positive and true-negative rate from which the channel's fit starts."""
EDGE = 1e-3
"""How near a prior may come to 0 and 1."""


@dataclass(frozen=True)
class EMPosterior(Method):
    """Posterior of the gold label under a prior from zero-shot margins and a channel fitted to the teacher.

    Found by agents in the published runs (chat PGR .78 there); the model is that of Dawid and Skene (1979)
    for one observer whose error rates depend on the row. In its steps:

    1. Views: the frozen student's log-odds margin under each template of the pair, preferences in both
       orders. Features f of a row: the teacher's confidence |2 w - 1|, the mean margin m, the margins' spread
       over the views, and the agreement of their signs. Prior P(gold = 1) = sigmoid(m).
    2. Channel: P(y = 1 | gold = 1, f) = sigmoid(a . f + b) and P(y = 1 | gold = 0, f) = sigmoid(c . f + d)
       for the teacher's decision y = [w > 1/2], fitted by marginal likelihood.
    3. Posterior by Bayes, its log-odds divided by `temperature`.
    4. `rounds` times: train a student on the posterior, refit the channel with the student's predictions as
       the prior, recompute. A last student is trained on the last posterior and predicts by itself.

    Ours differs. A likelihood has no natural unit and on verify rows no zero, so each view is standardised
    over the training rows, verify rows after their median is taken off. The channel's marginal likelihood is
    climbed by EM (`steps` of them), whose maximisation is two ridge logistic regressions; preferences enter
    in both orders, so that the channel cannot tell first from second. The channel reads the size of the mean
    margin, not its sign: with the sign, which is the prior's, any labelling explains the teacher equally
    well, and the fit ends where he is always right or always wrong. As for Dawid and Skene he is taken to be
    no worse than chance: where the true-positive rate falls below the false-positive one, both become their
    mean and he is not heard. The temperature was not published and is ours, as are steps and penalty. A
    teacher's decision enters, its doubt only through the channel. A prior that is wrong in its scale makes
    the channel believe the teacher too much; nothing here calibrates it. Where a student has no zero-shot
    template the method is skipped.
    """

    name = "em-posterior"
    authored_by = "agent"
    reference = "found by agents in the published automated weak-to-strong runs; Dawid and Skene 1979"
    rounds: int = 2
    temperature: float = 2.0
    steps: int = 25
    penalty: float = 1.0

    def fit(self, problem: Problem, student: Student, rng: np.random.Generator) -> Handle:
        """`rounds` + 1 fits."""
        if not student.templates:
            raise Skip("its prior is the student's zero-shot margin, and this student has no template")
        margins = views(problem, student)
        seen = features(problem.weak, margins)
        prior = sigmoid(margins.mean(0))
        belief = self.posterior(problem, seen, prior)
        for _ in range(self.rounds):
            trained = student.fit(problem.rows, belief)
            belief = self.posterior(problem, seen, trained.predict(problem.rows))
        return student.fit(problem.rows, belief)

    def posterior(self, problem: Problem, seen: Float, prior: Float) -> Float:
        """(n,) tempered P(gold = 1 | the teacher's decision, features `seen` (n, 4))."""
        kind, said = kind_of(problem.kind), (problem.weak > 0.5).astype(float)
        n = len(said)
        # Exchanging the responses turns round the decision and the prior; no feature has a sign.
        seen = np.vstack([seen for _ in kind.orders])
        said, prior = (np.concatenate(kind.in_orders(p)) for p in (said, prior))
        prior = np.clip(prior, EDGE, 1 - EDGE)
        rates = channel(seen, said, prior, self.steps, self.penalty)
        return sigmoid(log_posterior(said, prior, *rates)[:n] / self.temperature)


def views(problem: Problem, student: Student) -> Float:
    """(v, n) standardised margins: each template, preferences in both orders, the second turned round."""
    found, kind = [], kind_of(problem.kind)
    for template in student.templates:
        for rows, is_swapped in zip(problem.rows.orders, kind.orders, strict=True):
            said = student.zero_shot(rows, template)
            m = said - np.median(said) if kind.has_bias else -said if is_swapped else said
            found.append(m / max(float(np.sqrt(np.mean(m**2))), 1e-9))
    return np.stack(found)


def features(weak: Float, margins: Float) -> Float:
    """(n, 4): confidence, size of the mean margin, spread of the margins (v, n), agreement of their signs.

    Each centred, with unit spread.
    """
    columns = [
        np.abs(2 * weak - 1),
        np.abs(margins.mean(0)),
        margins.std(0),
        np.abs(np.sign(margins).mean(0)),
    ]
    return np.column_stack([(c - c.mean()) / max(float(c.std()), 1e-9) for c in columns])


def channel(seen: Float, said: Float, prior: Float, steps: int, penalty: float) -> tuple[Float, Float]:
    """(n,) P(said = 1 | gold = 1) and P(said = 1 | gold = 0) of each row, by EM."""
    x = np.hstack([seen, np.ones((len(seen), 1))])
    start = float(np.log(FIRST_RATE / (1 - FIRST_RATE)))
    right, wrong = (np.append(np.zeros(seen.shape[1]), bias) for bias in (start, -start))
    for _ in range(steps):
        gold = sigmoid(
            log_posterior(said, prior, *better_than_chance(sigmoid(x @ right), sigmoid(x @ wrong)))
        )
        right = logistic(x, said, gold, right, penalty)
        wrong = logistic(x, said, 1 - gold, wrong, penalty)
    return better_than_chance(sigmoid(x @ right), sigmoid(x @ wrong))


def better_than_chance(true_rate: Float, false_rate: Float) -> tuple[Float, Float]:
    """The rates, where the true one is below the false one both at their mean: there y says nothing."""
    middle = (true_rate + false_rate) / 2
    return np.maximum(true_rate, middle), np.minimum(false_rate, middle)


def log_posterior(said: Float, prior: Float, true_rate: Float, false_rate: Float) -> Float:
    """(n,) log-odds of gold = 1 by Bayes from the prior and the two rates of saying 1."""
    one, zero = np.clip(true_rate, EDGE, 1 - EDGE), np.clip(false_rate, EDGE, 1 - EDGE)
    told = np.where(said > 0.5, np.log(one / zero), np.log((1 - one) / (1 - zero)))
    return np.asarray(np.log(prior / (1 - prior)) + told, np.float64)


def logistic(x: Float, y: Float, weight: Float, theta: Float, penalty: float) -> Float:
    """(d,) ridge logistic regression of y on x, weighted by row, by Newton's method from `theta`.

    The last column is the bias and hardly shrunk.
    """
    ridge = np.diag(np.append(np.full(x.shape[1] - 1, penalty), 1e-2))
    for _ in range(NEWTON_STEPS):
        p = sigmoid(x @ theta)
        slope = x.T @ (weight * (p - y)) + ridge @ theta
        theta = theta - np.linalg.solve((x.T * (weight * p * (1 - p))) @ x + ridge, slope)
    return theta


def sigmoid(z: Float) -> Float:
    """Elementwise 1 / (1 + exp(-z)); beyond 30 it is 0 or 1."""
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -30, 30))))


@hookimpl
def w2s_methods() -> Sequence[type[Method]]:
    """The method of this file."""
    return [EMPosterior]
