"""A small grammar of methods: filter x relabel x loss x ensemble, each a step of a shipped method."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from w2s_studies.agents.search.sentences import ENSEMBLES, FILTERS, LOSSES, MODULE, RELABELS, Step

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
    return _set(genome, {f"{part}_value": moved})


def crossed(one: Genome, other: Genome, rng: random.Random) -> Genome:
    """Each part from one of the two."""
    chosen = {part: one if rng.random() < 0.5 else other for part in STEPS}
    parts = {part: getattr(chosen[part], part) for part in STEPS}
    return _set(Genome(), {**parts, **{f"{part}_value": chosen[part].value(part) for part in STEPS}})


def source(genome: Genome) -> str:
    """The method as one readable file on the public contract."""
    steps = {part: genome.step(part) for part in STEPS}
    fields_ = [
        f"    {part}: float = {genome.value(part)!r}  # {step.what}"
        for part, step in steps.items()
        if step.low is not None
    ]
    body = [line for part in ("filter", "relabel") for line in steps[part].code]
    loss = steps["loss"].code[0]
    return MODULE.format(
        title=", ".join(f"{part}: {getattr(genome, part)}" for part in STEPS),
        name=genome.name,
        fields="\n".join(fields_) or "    pass",
        body="\n".join(f"        {line}" for line in body),
        loss=loss,
        train="\n".join(f"        {line}" for line in steps["ensemble"].code),
    )


def _with(genome: Genome, part: str, production: str, rng: random.Random) -> Genome:
    step = STEPS[part][production]
    value = 0.0 if step.low is None else step.rounded(rng.uniform(step.low, step.high))
    return _set(genome, {part: production, f"{part}_value": value})


def _set(genome: Genome, values: Mapping[str, Any]) -> Genome:
    return replace(genome, **values)
