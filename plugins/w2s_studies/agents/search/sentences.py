"""The productions of the grammar, as lines of a method's `fit`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """A production: the lines that it stands for, and the range of its number where it has one."""

    code: tuple[str, ...]
    family: str = ""
    """The kind of idea; empty for a plain one."""
    low: float | None = None
    high: float = 0.0
    whole: bool = False
    """Whether the number is a whole one."""
    what: str = ""
    """What the number means."""

    def rounded(self, value: float) -> float:
        """The number as a method file shows it."""
        return float(round(value)) if self.whole else round(value, 2)


FILTERS = {
    "all": Step(("keep = np.ones(n, bool)",)),
    "confident": Step(
        ("keep = usable(np.abs(weak - 0.5) >= self.filter)",),
        "data filtering", 0.02, 0.35, what="least distance of a weak label from 1/2",
    ),
    "surest": Step(
        ("sure = np.abs(weak - 0.5)", "keep = usable(sure >= np.quantile(sure, 1 - self.filter))"),
        "data filtering", 0.3, 0.95, what="share of the rows that is kept",
    ),
    "agreeing": Step(
        (
            "own = margins(problem, student)",
            "doubt = np.quantile(np.abs(own), self.filter)",
            "keep = usable(((own > 0) == (weak > 0.5)) | (np.abs(own) < doubt))",
        ),
        "unsupervised elicitation", 0.0, 0.8, what="share of the student's margins that count as no opinion",
    ),
}  # fmt: skip
RELABELS = {
    "teacher": Step(("targets = weak",)),
    "temper": Step(
        ("targets = sigmoid(self.relabel * log_odds(weak))",),
        "confidence weighting", 0.4, 4.0, what="power of the weak labels' odds",
    ),
    "self": Step(
        (
            "targets = weak",
            "for _ in range(int(self.relabel)):",
            "    said = student.fit(rows[keep], targets[keep]).predict(rows)",
            "    targets = balanced(said, weak, problem.kind)",
        ),
        "self-training", 1, 3, whole=True, what="rounds",
    ),
    "blend": Step(
        (
            "own = margins(problem, student)",
            "targets = sigmoid((1 - self.relabel) * log_odds(weak) + self.relabel * own / own.std())",
        ),
        "unsupervised elicitation", 0.05, 0.7, what="weight of the student's own zero-shot margins",
    ),
    "soften": Step(
        (
            "said = student.fit(rows[keep], weak[keep]).predict(rows)",
            "targets = (1 - self.relabel) * weak + self.relabel * said",
        ),
        "distillation", 0.1, 0.9, what="weight of a first student's predictions",
    ),
}  # fmt: skip
LOSSES = {
    "xent": Step(('"xent"',)),
    "logconf": Step(
        ('("logconf", {"a": self.loss})',), "loss function", 0.2, 0.95, what="part of the student's decision"
    ),
    "product": Step(
        ('("product", {"alpha": 1.0, "beta": self.loss})',),
        "loss function", 0.2, 2.0, what="power of the student's own odds",
    ),
}  # fmt: skip
ENSEMBLES = {
    "one": Step(("return student.fit(rows[keep], targets[keep], loss=loss)",)),
    "bagged": Step(
        (
            "kept = np.flatnonzero(keep)",
            "draws = [np.sort(rng.choice(kept, len(kept))) for _ in range(int(self.ensemble))]",
            "members = [student.fit(rows[drawn], targets[drawn], loss=loss) for drawn in draws]",
            'return student.ensemble(members, how="logit-mean")',
        ),
        "ensemble", 3, 7, whole=True, what="members",
    ),
}  # fmt: skip
MODULE = '''\
"""Found by plain search. {title}."""

from dataclasses import dataclass

import numpy as np

from w2s_harness import Method, hookimpl, kind_of


@dataclass(frozen=True)
class Found(Method):
    """{title}."""

    name = "{name}"
    authored_by = "agent"
{fields}

    def fit(self, problem, student, rng):
        """Filter, relabel, train."""
        rows, weak, n = problem.rows, problem.weak, len(problem.weak)
{body}
        loss = {loss}
{train}


def usable(keep):
    """`keep`, or every row where fewer than 40 are left."""
    return keep if keep.sum() >= 40 else np.ones(len(keep), bool)


def log_odds(p):
    """Log-odds of probabilities."""
    q = np.clip(p, 1e-6, 1 - 1e-6)
    return np.log(q) - np.log1p(-q)


def sigmoid(z):
    """Probabilities of log-odds."""
    return 1 / (1 + np.exp(-np.clip(z, -30, 30)))


def margins(problem, student):
    """(n,) the untrained student's margins; those of verify rows around their median."""
    own = student.zero_shot(problem.rows)
    return own - np.median(own) if kind_of(problem.kind).has_bias else own


def balanced(said, weak, kind):
    """(n,) labels of predictions; verify rows keep the teacher's class balance."""
    if not kind_of(kind).has_bias:
        return (said > 0.5).astype(float)
    labels = np.zeros(len(said))
    labels[np.argsort(-said, kind="stable")[: round(float(weak.sum()))]] = 1.0
    return labels


@hookimpl
def w2s_methods():
    """The method of this file."""
    return [Found]
'''
