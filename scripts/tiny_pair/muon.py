"""How are hidden matrices updated? Muon: momentum, orthogonalised by a Newton-Schulz iteration.

As `torch.optim.Muon` (Jordan et al. 2024), but in float32 and with matrices of one shape worked off together:
on a processor without bfloat16 arithmetic this is ten times faster.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
EPSILON = 1e-7


class Muon:
    """Nesterov momentum, orthogonalised, with decoupled weight decay."""

    def __init__(
        self, parameters: Sequence[torch.nn.Parameter], momentum: float, weight_decay: float
    ) -> None:
        shapes: dict[torch.Size, list[torch.nn.Parameter]] = {}
        for parameter in parameters:
            shapes.setdefault(parameter.shape, []).append(parameter)
        self._groups = list(shapes.values())
        self._buffers = [torch.zeros(len(group), *group[0].shape) for group in self._groups]
        self._momentum, self._weight_decay = momentum, weight_decay

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """One update at the given learning rate."""
        for group, buffer in zip(self._groups, self._buffers, strict=True):
            gradient = torch.stack([_gradient(parameter) for parameter in group])
            buffer.lerp_(gradient, 1.0 - self._momentum)
            update = orthogonalised(gradient.lerp(buffer, self._momentum))
            rows, columns = group[0].shape
            rate = lr * max(1.0, rows / columns) ** 0.5
            for parameter, change in zip(group, update, strict=True):
                parameter.mul_(1.0 - lr * self._weight_decay).sub_(change, alpha=rate)


def orthogonalised(matrices: torch.Tensor) -> torch.Tensor:
    """(n, a, b) matrices with their singular values brought near 1."""
    is_tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if is_tall else matrices
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=EPSILON)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: torch.Tensor = x.mT if is_tall else x
    return result


def _gradient(parameter: torch.nn.Parameter) -> torch.Tensor:
    assert parameter.grad is not None, "every hidden matrix takes part in every batch"
    return parameter.grad
