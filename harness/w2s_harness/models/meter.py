"""What a cell is charged, as if nothing were cached, and what it may still spend."""

from __future__ import annotations

import time

from w2s_harness.errors import BudgetError
from w2s_harness.models.control import Limits, Meter

FORWARD = 2.0
"""FLOPs per parameter and token of a forward pass (Kaplan et al. 2020, arXiv:2001.08361)."""
TRAINING = {"full": 6.0, "lora": 4.0}
"""FLOPs per parameter and token of a training step: LoRA needs no gradient of the frozen weights."""


class Account:
    """A running meter with limits; charging happens before the work."""

    def __init__(self, parameters: int, limits: Limits | None = None, vanilla_flops: float = 0.0) -> None:
        """Without `limits` nothing is refused."""
        self._parameters, self._limits = parameters, limits
        self._most = float("inf") if limits is None else limits.vanillas * vanilla_flops
        self._fits = self._predicts = self._embeds = self._tokens = 0
        self._flops = self._seconds = 0.0
        self._solvers: set[str] = set()

    def fit(self, solver: str) -> None:
        """Count a fit. Raises `BudgetError` over the limit."""
        self._fits += 1
        self._solvers.add(solver)
        if self._limits is not None and self._fits > self._limits.fits:
            raise BudgetError(f"the cell asked for more than {self._limits.fits} fits")

    def predict(self) -> None:
        """Count a prediction."""
        self._predicts += 1

    def embed(self) -> None:
        """Count an embedding."""
        self._embeds += 1

    def read(self, tokens: int, per_parameter: float = FORWARD) -> None:
        """Charge the reading of `tokens` tokens. Raises `BudgetError` over the limit."""
        self._tokens += tokens
        self._flops += per_parameter * self._parameters * tokens
        if self._flops > self._most:
            raise BudgetError(f"the cell asked for more than {self._most:.3g} FLOPs of the student service")

    def left(self) -> tuple[int, float]:
        """Fits and FLOPs that are left."""
        fits = 2**31 if self._limits is None else max(0, self._limits.fits - self._fits)
        return fits, max(0.0, self._most - self._flops)

    def clock(self) -> _Clock:
        """A context that adds its wall-clock time to the meter."""
        return _Clock(self)

    def add_seconds(self, seconds: float) -> None:
        """Add wall-clock time."""
        self._seconds += seconds

    def total(self) -> Meter:
        """What was charged so far."""
        return Meter(
            fits=self._fits, predicts=self._predicts, embeds=self._embeds, tokens=self._tokens,
            flops=self._flops, seconds=self._seconds, solvers=tuple(sorted(self._solvers)),
        )  # fmt: skip


class _Clock:
    def __init__(self, account: Account) -> None:
        self._account, self._start = account, 0.0

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._account.add_seconds(time.perf_counter() - self._start)
