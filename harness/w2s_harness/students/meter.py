"""What a cell is charged, as if nothing were cached, and what it may still spend."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from w2s_harness.contract.errors import BudgetError
from w2s_harness.students.control import CellBudget, FitFacts, Meter
from w2s_harness.students.probe.probe import MOST_EVALUATIONS

FORWARD = 2.0
"""FLOPs per parameter and token of a forward pass (Kaplan et al. 2020, arXiv:2001.08361)."""
TRAINING = {"full": 6.0, "lora": 4.0}
"""FLOPs per parameter and token of a training step: LoRA needs no gradient of the frozen weights."""
HEAD = 4.0
"""FLOPs per row and feature of a probe's logits and gradient."""
NOMINAL_STEPS = 100
"""Evaluations of a probe's solve that the limit of a cell allows for: the true number is known only after."""


@dataclass(slots=True)
class _Spent:
    """The running sums, shared by the accounts of a cell's models."""

    fits: int = 0
    predicts: int = 0
    embeds: int = 0
    tokens: int = 0
    flops: float = 0.0
    seconds: float = 0.0
    solvers: set[str] = field(default_factory=set)
    trained: list[FitFacts] = field(default_factory=list)


class Account:
    """A running meter with limits: work is charged before it is done, and a solve stops where they end."""

    def __init__(self, parameters: int, limits: CellBudget | None = None, vanilla_flops: float = 0.0) -> None:
        """Without `limits` nothing is refused."""
        self._parameters, self._limits = parameters, limits
        self._most = float("inf") if limits is None else limits.vanillas * vanilla_flops
        self._spent = _Spent()

    def of_model(self, parameters: int) -> Account:
        """The same meter and limits, for a model with another number of parameters."""
        other = Account(parameters, self._limits)
        other._most, other._spent = self._most, self._spent
        return other

    def fit(self, solver: str) -> None:
        """Count a fit. Raises `BudgetError` over the limit."""
        self._refuse_spent()
        self._spent.fits += 1
        self._spent.solvers.add(solver)
        if self._limits is not None and self._spent.fits > self._limits.fits:
            raise BudgetError(f"the cell asked for more than {self._limits.fits} fits")

    def predict(self) -> None:
        """Count a prediction."""
        self._spent.predicts += 1

    def embed(self) -> None:
        """Count an embedding."""
        self._spent.embeds += 1

    def read(self, tokens: int, per_parameter: float = FORWARD) -> None:
        """Charge the reading of `tokens` tokens, one at least. Raises `BudgetError` over the limit."""
        # No rows are no work, but asking every student of an ensemble for none would be for nothing too.
        charged = max(1, tokens)
        self._spent.tokens += charged
        self._spent.flops += per_parameter * self._parameters * charged
        self._refuse_spent()

    def afford(self, tokens: int) -> None:
        """Raise `BudgetError` where the reading of `tokens` tokens would be over the limit."""
        self._refuse_spent(FORWARD * self._parameters * tokens)

    def advance(self, tokens: int) -> Callable[[int], None]:
        """Charge what a reading will come to about; the answer is told what it came to, which then counts.

        Nothing else may be charged in between. Both raise `BudgetError` over the limit.
        """
        before = self._spent.tokens, self._spent.flops
        self.read(tokens)

        def settle(read: int) -> None:
            self._spent.tokens, self._spent.flops = before
            self.read(read)

        return settle

    def pass_over(self, rows: int, features: int, times: float) -> None:
        """Charge passes of a probe's training, known before it. Raises `BudgetError` over the limit."""
        self.solved(rows, features, times)
        self._refuse_spent()

    def evaluations_left(self, rows: int, features: int) -> int:
        """How many evaluations of a probe's objective may still be made. Raises `BudgetError` for none."""
        left = (self._most - self._spent.flops) / max(1.0, HEAD * rows * features)
        if left < 1:
            raise self._over()
        return int(min(left, MOST_EVALUATIONS))

    def solved(self, rows: int, features: int, times: float) -> None:
        """Charge evaluations of a probe's objective; `evaluations_left` bounds them before."""
        self._spent.flops += HEAD * rows * features * times

    def trained(self, facts: FitFacts) -> None:
        """Keep what a fit did."""
        self._spent.trained.append(facts)

    def _refuse_spent(self, more: float = 0.0) -> None:
        if self._spent.flops + more > self._most:
            raise self._over()

    def _over(self) -> BudgetError:
        return BudgetError(f"the cell asked for more than {self._most:.3g} FLOPs of the student service")

    def left(self) -> tuple[int, float]:
        """Fits and FLOPs that are left."""
        fits = 2**31 if self._limits is None else max(0, self._limits.fits - self._spent.fits)
        return fits, max(0.0, self._most - self._spent.flops)

    @contextlib.contextmanager
    def clock(self) -> Iterator[None]:
        """Add the wall-clock time of the block to the meter."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._spent.seconds += time.perf_counter() - start

    def total(self) -> Meter:
        """What was charged so far."""
        spent = self._spent
        return Meter(
            fits=spent.fits, predicts=spent.predicts, embeds=spent.embeds, tokens=spent.tokens,
            flops=spent.flops, seconds=spent.seconds, solvers=tuple(sorted(spent.solvers)),
            trained=tuple(spent.trained),
        )  # fmt: skip
