"""Search for the labelling that explains itself best, and train on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from w2s_harness import Handle, Kind, Method, Problem, Student, hookimpl, kind_of

Float = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
LEAST = 0.01
"""The smallest probability that the head gives a label."""
RELATED = 100.0
"""How much likelier an unlabelled row is sampled that stands in conflict with a labelled one."""
FIXES = 20
"""Inconsistent pairs that are looked at after a new label."""


@dataclass(frozen=True)
class UnsupervisedElicitation(Method):
    """Internal coherence maximisation: labels that predict each other and do not contradict each other.

    Wen et al. (2025), "Unsupervised Elicitation of Language Models", arXiv:2506.10139. It seeks the labelled
    set D that maximises U(D) = alpha * P(D) - I(D). P is mutual predictability, the mean of log P(y_i | x_i,
    D without i); I counts contradictions. From `start` labelled rows, each of `iterations` samples a row,
    gives it the likelier label under the others, mends contradictions (of the consistent labellings of a
    contradicting pair the one of highest U, where that is an improvement), and accepts the new set if U rose,
    else with probability exp(dU / T), T = max(T_last, T_first / (1 + cooling * ln n)). Unlabelled rows that
    could contradict labelled ones are sampled 100 times as often. The student is trained on the labels.

    Contradictions: two candidates of one question that come to different answers cannot both be right
    (`rows.conflicts`, access `groups`). A preference and its swap cannot both hold: the head has no bias and
    reads a difference, so the label of the swap is always the opposite one, and none is ever left to mend.

    Ours differs in what predicts. There it is the language model, prompted with all other labelled rows;
    models as small as those of the pair `tiny` do not learn in context. Here P(y_i | x_i, D without i) is the
    out-of-fold probability of a label under a head fitted to the other labelled rows: ridge regression of
    the labels -1 and 1 on frozen features (`penalty`), P = (1 + prediction) / 2 kept within [.01, .99], each
    row left out exactly, in closed form. Such a head knows no concept before it sees labels. So the first
    labels are not random but the signs of the student's zero-shot margins (verify: above the median); only
    for a student without a template are they random, and the result is turned round where fewer than half
    of its labels are the teacher's. P(D) is a mean, as in the released code, and a sum in the paper.
    """

    name = "unsupervised-elicitation"
    track = "elicitation"
    access = ("embeddings", "groups")
    reference = "Wen et al. 2025, arXiv:2506.10139"
    alpha: float = 50.0
    start: int = 8
    iterations: int = 3000
    first_temperature: float = 10.0
    last_temperature: float = 0.01
    cooling: float = 0.99
    penalty: float = 100.0

    def fit(self, problem: Problem, student: Student, rng: np.random.Generator) -> Handle:
        """One fit, on the rows that were labelled."""
        x = design(student.embed(problem.rows, "features" if student.features else -1), kind_of(problem.kind))
        prior = zero_shot_labels(problem, student)
        found = self.search(x, prior, problem.rows.conflicts, rng)
        labels = found.label if prior is not None else oriented(found.label, problem.weak)
        labelled = labels != 0
        return student.fit(problem.rows[labelled], (labels[labelled] > 0).astype(float))

    def search(self, x: Float, prior: Float | None, pairs: Codes, rng: np.random.Generator) -> Labelled:
        """The labelled set after `iterations` of simulated annealing over rows x (n, d)."""
        n = len(x)
        near = partners(n, pairs)
        first = rng.choice(n, min(self.start, n), replace=False)
        random = rng.choice([-1.0, 1.0], n)
        state = Labelled.empty(x, self.penalty)
        for i in first.tolist():
            state = state.put(i, float((random if prior is None else prior)[i]))
        state = self.mended(state, pairs, rng)
        for step in range(1, self.iterations + 1):
            heat = max(self.last_temperature, self.first_temperature / (1 + self.cooling * np.log(step)))
            i = sample(state.label, pairs, rng)
            likelier = 1.0 if state.left_out()[i] > 0 else -1.0
            luck = rng.random()
            if likelier == state.label[i]:
                continue
            new = state.put(i, likelier)
            if likelier > 0 and len(near[i]):
                new = self.mended(new, np.column_stack([np.full(len(near[i]), i), near[i]]), rng)
            gain = self.score(new, pairs) - self.score(state, pairs)
            if gain > 0 or luck < np.exp(gain / heat):
                state = new
        return state

    def score(self, state: Labelled, pairs: Codes) -> float:
        """U = alpha * mutual predictability - contradictions among `pairs` (k, 2)."""
        return self.alpha * state.predictability() - len(contradicting(state.label, pairs))

    def mended(self, state: Labelled, pairs: Codes, rng: np.random.Generator) -> Labelled:
        """`state` after contradicting pairs got their best consistent labels, where that raises U."""
        for _ in range(FIXES):
            wrong = contradicting(state.label, pairs)
            if not len(wrong):
                break
            i, j = pairs[wrong[rng.integers(len(wrong))]].tolist()
            options = [state.put(i, -1.0), state.put(j, -1.0), state.put(i, -1.0).put(j, -1.0)]
            best = max(options, key=lambda option: self.score(option, pairs))
            if self.score(best, pairs) > self.score(state, pairs):
                state = best
        return state


@dataclass(frozen=True, slots=True)
class Labelled:
    """Labels of some rows and the ridge regression on them; each change makes a new one.

    With M = (X_D' X_D + penalty I)^-1: a row that joins changes M by Sherman and Morrison's formula, and the
    prediction of a row by the others is (fitted - h y) / (1 - h), h its leverage x' M x.
    """

    x: Float
    """(n, d)"""
    inverse: Float
    """(d, d) M."""
    label: Float
    """(n,) -1 or 1, and 0 where there is none."""
    fitted: Float
    """(n,) x' w."""
    leverage: Float
    """(n,) h."""

    @classmethod
    def empty(cls, x: Float, penalty: float) -> Labelled:
        """No row is labelled."""
        n, d = x.shape
        return cls(x, np.eye(d) / penalty, np.zeros(n), np.zeros(n), (x**2).sum(1) / penalty)

    def put(self, i: int, value: float) -> Labelled:
        """With the label of row i set to -1 or 1."""
        label = self.label.copy()
        label[i] = value
        toward = self.inverse @ self.x[i]
        reach = self.x @ toward
        if self.label[i] != 0:
            return replace(self, label=label, fitted=self.fitted + reach * (value - self.label[i]))
        share = 1 / (1 + self.leverage[i])
        return Labelled(
            self.x,
            self.inverse - share * np.outer(toward, toward),
            label,
            self.fitted + share * (value - self.fitted[i]) * reach,
            self.leverage - share * reach**2,
        )

    def left_out(self) -> Float:
        """(n,) prediction in about [-1, 1] of each row by the other labelled rows."""
        inside = self.label != 0
        h = np.where(inside, np.minimum(self.leverage, 1 - 1e-9), 0.0)
        return np.asarray((self.fitted - h * self.label) / (1 - h))

    def predictability(self) -> float:
        """Mean log probability of the labels, each predicted by the others."""
        inside = self.label != 0
        p = np.clip((1 + self.label[inside] * self.left_out()[inside]) / 2, LEAST, 1 - LEAST)
        return float(np.log(p).mean())


def design(x: Float, kind: Kind) -> Float:
    """(n, d) standardised; verify rows centred and with a bias, preferences odd under the swap."""
    centred = x - x.mean(0) if kind.has_bias else x
    spread = np.sqrt((centred**2).mean(0))
    scaled = centred / np.where(spread > 1e-6, spread, np.inf)
    return np.hstack([scaled, np.ones((len(x), 1))]) if kind.has_bias else scaled


def zero_shot_labels(problem: Problem, student: Student) -> Float | None:
    """(n,) -1 or 1 by the student's first template; None where it has none."""
    if not student.templates:
        return None
    margin = student.zero_shot(problem.rows)
    threshold = float(np.median(margin)) if kind_of(problem.kind).has_bias else 0.0
    return np.where(margin > threshold, 1.0, -1.0)


def oriented(label: Float, weak: Float) -> Float:
    """`label` (n,), or its opposite where fewer than half of the labels given are the teacher's."""
    given = label != 0
    return label if np.mean((label[given] > 0) == (weak[given] > 0.5)) >= 0.5 else -label


def partners(n: int, pairs: Codes) -> list[Codes]:
    """For each of n rows, the rows that it stands in conflict with."""
    ends = np.concatenate([pairs, pairs[:, ::-1]])
    ends = ends[np.argsort(ends[:, 0], kind="stable")]
    return np.split(ends[:, 1], np.searchsorted(ends[:, 0], np.arange(1, n)))


def sample(label: Float, pairs: Codes, rng: np.random.Generator) -> int:
    """A row; an unlabelled one that could contradict a labelled one is `RELATED` times as likely."""
    weights = np.ones(len(label))
    for one, other in (pairs.T, pairs.T[::-1]):
        weights[other[label[one] != 0]] = RELATED
    weights[label != 0] = 1.0
    total = np.cumsum(weights)
    return int(np.searchsorted(total, rng.random() * total[-1], side="right"))


def contradicting(label: Float, pairs: Codes) -> Codes:
    """Positions of those of the pairs (k, 2) whose rows are both called right."""
    return np.flatnonzero((label[pairs[:, 0]] > 0) & (label[pairs[:, 1]] > 0))


@hookimpl
def w2s_methods() -> Sequence[type[Method]]:
    """The method of this file."""
    return [UnsupervisedElicitation]
