"""Plain evolutionary search over a small grammar of methods: the control for language models.

The grammar is filter x relabel x loss x ensemble, each a step of a shipped method.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from w2s_harness.report.notation import counted
from w2s_harness.run.work.work import named_seed
from w2s_studies.agents.books.journal import Journal
from w2s_studies.agents.tools.contract import Toolbox, ToolResult


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


STEPS = {"filter": FILTERS, "relabel": RELABELS, "loss": LOSSES, "ensemble": ENSEMBLES}
"""The productions of each part, by name."""


@dataclass(frozen=True, slots=True)
class Genome:
    """One method: a production for each part, and its number where it has one."""

    filter: str = "all"
    filter_value: float = 0.0
    relabel: str = "teacher"
    relabel_value: float = 0.0
    loss: str = "xent"
    loss_value: float = 0.0
    ensemble: str = "one"
    ensemble_value: float = 0.0

    @property
    def name(self) -> str:
        """A name that the productions and their numbers decide."""
        text = repr([(f.name, getattr(self, f.name)) for f in fields(self)])
        return f"search-{hashlib.sha256(text.encode()).hexdigest()[:6]}"

    @property
    def family(self) -> str:
        """The kind of idea, by the rarest part that is not plain."""
        for part in ("relabel", "loss", "filter", "ensemble"):
            step = self.step(part)
            if step.family:
                return step.family
        return "distillation"

    def step(self, part: str) -> Step:
        """The production of a part."""
        return STEPS[part][getattr(self, part)]

    def value(self, part: str) -> float:
        """The number of a part."""
        return float(getattr(self, f"{part}_value"))


def random_genome(rng: random.Random) -> Genome:
    """A production of each part, plain ones half of the time."""
    genome = Genome()
    for part in STEPS:
        if rng.random() < 0.5:
            genome = _with(genome, part, rng.choice(sorted(STEPS[part])), rng)
    return genome


def mutated(genome: Genome, rng: random.Random) -> Genome:
    """One part changed: another production, or its number moved."""
    part = rng.choice(sorted(STEPS))
    step = genome.step(part)
    if step.low is None or rng.random() < 0.5:
        others = sorted(set(STEPS[part]) - {getattr(genome, part)})
        return _with(genome, part, rng.choice(others), rng)
    spread = (step.high - step.low) / 5
    moved = step.rounded(min(step.high, max(step.low, genome.value(part) + rng.gauss(0, spread))))
    return replace(genome, **{f"{part}_value": moved})  # type: ignore[arg-type]


def crossed(one: Genome, other: Genome, rng: random.Random) -> Genome:
    """Each part from one of the two."""
    made: dict[str, Any] = {}
    for part in STEPS:
        parent = one if rng.random() < 0.5 else other
        made |= {part: getattr(parent, part), f"{part}_value": parent.value(part)}
    return Genome(**made)


def source(genome: Genome) -> str:
    """The method as one readable file on the public contract."""
    steps = {part: genome.step(part) for part in STEPS}
    fields_ = [
        f"    {part}: float = {genome.value(part)!r}  # {step.what}"
        for part, step in steps.items()
        if step.low is not None
    ]
    body = [line for part in ("filter", "relabel") for line in steps[part].code]
    return MODULE.format(
        title=", ".join(f"{part}: {getattr(genome, part)}" for part in STEPS),
        name=genome.name,
        fields="\n".join(fields_) or "    pass",
        body="\n".join(f"        {line}" for line in body),
        loss=steps["loss"].code[0],
        train="\n".join(f"        {line}" for line in steps["ensemble"].code),
    )


def _with(genome: Genome, part: str, production: str, rng: random.Random) -> Genome:
    step = STEPS[part][production]
    value = 0.0 if step.low is None else step.rounded(rng.uniform(step.low, step.high))
    return replace(genome, **{part: production, f"{part}_value": value})  # type: ignore[arg-type]


ELITE = 4
"""Of the best so far, from which the next one is made."""
EXPLORE = 0.25
"""Share of new genomes that are drawn afresh."""
HANDED_IN = 3
"""Methods that one search hands in at most."""


class SearchAgent:
    """Writes methods of the grammar, evaluates them, hands in the best; no model, no key.

    It may use only what a language model may: the same tools, oracle and budget. All of its draws hang on
    `seed`, its name and what the tools answered, so a run that is resumed decides the same again.
    """

    def __init__(
        self,
        who: str,
        toolbox: Toolbox,
        seed: int,
        transcript: Journal,
        stop: Callable[[], bool],
        turn: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """`turn`: entered around each call of a tool."""
        self.who, self._toolbox, self._stop, self._turn = who, toolbox, stop, turn
        self._rng = random.Random(named_seed("search", seed, who))
        self._transcript = transcript
        self._replayed = len(transcript.read())
        self._calls = 0
        self._tried: list[tuple[Genome, float | None]] = []
        """With the PGR that the oracle told; None where it was not better than the best by the step."""

    def run(self) -> None:
        """Until no query is left or it is told to stop; then it hands in."""
        seen: set[Genome] = set()
        while not self._stop():
            genome = self._next(seen)
            seen.add(genome)
            path = f"{genome.name}.py"
            self._call("write_file", {"path": path, "text": source(genome)})
            answer = self._call("evaluate", {"method_file": path, "family": genome.family})
            if "left" not in answer.facts:
                break
            self._tried.append((genome, answer.facts["pgr"]))
            if answer.facts["improved"]:
                text = f"{asdict(genome)} was told PGR {answer.facts['pgr']:.2f} on feedback."
                self._call("share_finding", {"kind": "result", "title": genome.name, "text": text})
            if answer.facts["left"] == 0:
                break
        self._hand_in()

    def _next(self, seen: set[Genome]) -> Genome:
        """A genome that was not tried."""
        for _ in range(200):
            genome = self._proposed()
            if genome not in seen:
                return genome
        return genome

    def _proposed(self) -> Genome:
        rng, elite = self._rng, self._elite()
        if not self._tried:
            return Genome() if rng.random() < 0.5 else random_genome(rng)
        if not elite or rng.random() < EXPLORE:
            return random_genome(rng)
        one = rng.choice(elite)
        if len(elite) > 1 and rng.random() < 0.4:
            return crossed(one, rng.choice(elite), rng)
        return mutated(one, rng)

    def _elite(self) -> list[Genome]:
        """What was told to be better, best first: the oracle is silent about the rest."""
        told = [(pgr, genome) for genome, pgr in self._tried if pgr is not None]
        return [genome for _, genome in sorted(told, key=lambda one: -one[0])[:ELITE]]

    def _hand_in(self) -> None:
        """The best, then the best of other families."""
        families: set[str] = set()
        for genome in self._elite():
            if genome.family in families or len(families) == HANDED_IN:
                continue
            families.add(genome.family)
            what = f"filter {genome.filter}, relabel {genome.relabel}, loss {genome.loss}, {genome.ensemble}"
            self._call(
                "submit",
                {
                    "method_file": f"{genome.name}.py",
                    "title": what,
                    "summary": f"Found by plain search after {counted(len(self._tried), 'evaluation')}.",
                    "family": genome.family,
                },
            )

    def _call(self, name: str, arguments: dict[str, object]) -> ToolResult:
        """A tool's answer; the call is written down before it is acted on."""
        self._calls += 1
        call_id = f"{self.who}/{self._calls}"
        if self._calls > self._replayed:
            self._transcript.append({"call": call_id, "tool": name, "arguments": arguments})
        with self._turn():
            return self._toolbox.call(name, arguments, call_id)
