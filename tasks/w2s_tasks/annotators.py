"""Who votes on a generated task? Simulated annotators: how careful each is, and where each leans."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Annotator:
    """A simulated annotator: never a person."""

    name: str
    care: float
    """How much the difference between two responses weighs."""
    lean: float
    """Log-odds by which the response read first is preferred."""

    def first(self, clarity: float) -> float:
        """P(vote for the first) = sigmoid(care * clarity + lean); clarity > 0 where the first is better.

        The two-parameter logistic model (Birnbaum 1968, in Lord & Novick, *Statistical Theories of Mental
        Test Scores*), with care the discrimination.
        """
        return 1 / (1 + math.exp(-(self.care * clarity + self.lean)))


ANNOTATORS = (
    Annotator("simulated-a", 1.6, 0.0),
    Annotator("simulated-b", 1.2, 0.3),
    Annotator("simulated-c", 1.0, -0.2),
    Annotator("simulated-d", 0.8, 0.5),
    Annotator("simulated-e", 0.5, 0.0),
)
