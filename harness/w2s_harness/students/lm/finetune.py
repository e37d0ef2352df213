"""Fine-tuning: a linear head on the readout's vector, and the whole model or LoRA under it, end to end.

    z = head((readout(text) - mean) / scale)      a preference: readout(first) - readout(second), no bias
    loss = mean_i v_i CE(target_i, sigmoid(z_i))  AdamW, two learning rates, gradient norm at most 1

The rows are those of positive weight, and v has the mean 1 over them, as in the probe (`objective`). The mean
and scale are those of the frozen features of the training rows (a preference: mean 0), so that the head
starts on the probe's own footing. The network stays in evaluation mode: no dropout, same answer twice.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.errors import ModelError, WorkerError
from w2s_harness.contract.kinds import Kind
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.students.control import FinetuneSettings
from w2s_harness.students.lm.loading import Loaded
from w2s_harness.students.lm.readout import collate, extract, read_batch
from w2s_harness.students.lm.text import Encoded, batches, encode, texts
from w2s_harness.students.probe.objective import XENT, Loss, counted, detached_target
from w2s_harness.students.probe.probe import Floats, sigmoid, standardiser

if TYPE_CHECKING:
    import torch

MICRO_TOKENS = 8192
"""Padded tokens that go through the network at once; a longer batch is accumulated."""
_POOL = 8
"""Batches that are sorted by length together."""
_CLIP = 1.0
_HEAD_STD = 0.01


@dataclass(frozen=True, slots=True)
class TunedState:
    """What training changed of a student, on the CPU; mean, scale and weights are (d,), the bias ()."""

    backbone: dict[str, torch.Tensor]
    """The trained parameters by name."""
    mean: torch.Tensor
    scale: torch.Tensor
    weights: torch.Tensor
    bias: torch.Tensor


class Trainer:
    """Trains copies of a model; the model itself stays as it was loaded."""

    def __init__(self, loaded: Loaded, settings: FinetuneSettings) -> None:
        """Raises `ModelError` for LoRA without peft."""
        self._frozen, self._settings = loaded, settings
        if settings.adapter == "lora":
            copied = _with_lora(loaded, settings.rank)
        else:
            copied = copy.deepcopy(loaded.network).float().requires_grad_(True)
        self._work = replace(loaded, network=copied)
        self._trained = {name: p for name, p in copied.named_parameters() if p.requires_grad}
        self._start = _to_cpu(self._trained)

    def train(
        self,
        rows: Sequence[TextRow],
        kind: Kind,
        targets: Floats,
        *,
        seed: int,
        weight: Floats | None = None,
        loss: Loss = XENT,
        epochs: float | None = None,
        lr: float | None = None,
        init: TunedState | None = None,
        checkpoint: Callable[[float, TunedState], None] | None = None,
    ) -> tuple[TunedState, Floats]:
        """Train on n rows; returns the student and what it thought of them.

        `epochs` and `lr` (of the backbone) default to the settings; `init` goes on from a student; `weight`
        is as in `probe.fit_exact`. The latter is (2, n): log-odds of each row when it was first and last met;
        rows never met have the final ones twice. `checkpoint` is shown the student after each whole epoch and
        at the end, with the epochs done. Raises `WorkerError` where the training diverges.
        """
        import torch

        epochs, size = epochs or self._settings.epochs, self._settings.batch
        keep, v = counted(weight, len(rows))
        at = np.arange(len(rows))[keep]
        kept, y = [rows[i] for i in at], targets[at]
        start = self._begin(kept, kind, seed) if init is None else init
        head = [p.to(self._work.device).clone().requires_grad_() for p in (start.weights, start.bias)]
        self._set(start.backbone)
        data = _ReadRows(self._work, kept, kind)
        schedule = list(_batches(data.lengths, size, epochs, seed))
        rates = (lr or self._settings.lr, self._settings.head_lr)
        groups = [{"params": p} for p in (list(self._trained.values()), head)]
        optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
        margins = np.full((2, len(rows)), np.nan)
        for step, batch in enumerate(schedule):
            progress = step / len(schedule)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * (1.0 - progress if self._settings.schedule == "linear" else 1.0)
            z = self._step(data, batch, y, v, start, head, loss, progress)
            torch.nn.utils.clip_grad_norm_(self._trained.values(), _CLIP)
            optimizer.step()
            optimizer.zero_grad()
            met = at[batch]
            margins[0, met] = np.where(np.isnan(margins[0, met]), z, margins[0, met])
            margins[1, met] = z
            done = (step + 1) / -(-len(kept) // size)
            if checkpoint is not None and done.is_integer() and step + 1 < len(schedule):
                checkpoint(done, self._state(start, head))
        state = self._state(start, head)
        if not all(torch.isfinite(p).all() for p in (state.weights, state.bias, *state.backbone.values())):
            raise WorkerError("the training diverged; take a smaller lr")
        if checkpoint is not None:
            checkpoint(epochs, state)
        unmet = np.flatnonzero(np.isnan(margins[0])).tolist()
        if unmet:
            margins[:, unmet] = self.logits(state, [rows[i] for i in unmet], kind)
        return state, margins

    def logits(self, state: TunedState, rows: Sequence[TextRow], kind: Kind) -> Floats:
        """(n,) log-odds of rows under a student."""
        import torch

        self._set(state.backbone)
        data = _ReadRows(self._work, rows, kind)
        head = [p.to(self._work.device) for p in (state.weights, state.bias)]
        out = np.empty(len(rows))
        with torch.inference_mode():
            for part in batches(data.costs, MICRO_TOKENS):
                out[part] = self._forward(data, part, state, head).double().cpu().numpy()
        return out

    def _state(self, start: TunedState, head: list[torch.Tensor]) -> TunedState:
        """The student as it stands."""
        weights, bias = (p.detach().cpu().clone() for p in head)
        return replace(start, backbone=_to_cpu(self._trained), weights=weights, bias=bias)

    def _begin(self, rows: Sequence[TextRow], kind: Kind, seed: int) -> TunedState:
        import torch

        frozen = standardiser(extract(self._frozen, rows, kind).features, kind)
        generator = torch.Generator().manual_seed(seed)
        backbone = dict(self._start)
        for name in sorted(n for n in backbone if "lora_A" in n):
            # As peft starts LoRA: A uniform within 1 / sqrt(inputs), B zero, so the model starts unchanged.
            bound = 1 / math.sqrt(backbone[name].shape[1])
            backbone[name] = torch.empty_like(backbone[name]).uniform_(-bound, bound, generator=generator)
        width = len(frozen.mean)
        return TunedState(
            backbone,
            torch.from_numpy(frozen.mean).float(),
            torch.from_numpy(frozen.scale).float(),
            torch.randn(width, generator=generator) * _HEAD_STD,
            torch.zeros(()),
        )

    def _set(self, backbone: dict[str, torch.Tensor]) -> None:
        import torch

        with torch.no_grad():
            for name, parameter in self._trained.items():
                parameter.copy_(backbone[name])

    def _step(
        self, data: _ReadRows, batch: npt.NDArray[np.int64], targets: Floats, weight: Floats,
        start: TunedState, head: list[torch.Tensor], loss: Loss, progress: float,
    ) -> Floats:  # fmt: skip
        """Add the batch's gradients; returns its (b,) log-odds from before the step."""
        import torch

        z = np.empty(len(batch))
        parts = batches(data.costs[batch].tolist(), MICRO_TOKENS)
        wanted = targets[batch]
        if loss.name != "xent" and len(parts) > 1:
            # The target depends on the whole batch, which does not fit at once: look first, then train.
            with torch.no_grad():
                for part in parts:
                    z[part] = self._forward(data, batch[part], start, head).double().cpu().numpy()
        for part in parts:
            logits = self._forward(data, batch[part], start, head)
            z[part] = logits.detach().double().cpu().numpy()
            if loss.name != "xent" and part is parts[0]:
                share = loss.warmed(progress)
                wanted = detached_target(wanted, sigmoid(z), data.kind, loss, share, weight[batch])
            aim, v = (torch.from_numpy(a[part]).to(logits) for a in (wanted, weight[batch]))
            each = torch.nn.functional.binary_cross_entropy_with_logits(logits, aim, reduction="none")
            (each * v).sum().div(len(batch)).backward()  # type: ignore[no-untyped-call]
        return z

    def _forward(
        self,
        data: _ReadRows,
        part: Sequence[int] | npt.NDArray[np.int64],
        state: TunedState,
        head: list[torch.Tensor],
    ) -> torch.Tensor:
        """(b,) log-odds of rows."""
        import torch

        device = self._work.device
        is_mixed = device.type == "cuda" or self._work.settings.dtype == "bfloat16"
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=is_mixed):
            vectors, _ = read_batch(self._work, collate(data.texts(part), device))
        vectors = data.kind.by_row(vectors)
        z = ((vectors.float() - state.mean.to(device)) / state.scale.to(device)) @ head[0]
        return z + head[1] if data.kind.has_bias else z


class _ReadRows:
    """Encoded rows: a text for each response."""

    def __init__(self, loaded: Loaded, rows: Sequence[TextRow], kind: Kind) -> None:
        self.kind, per_row = kind, len(kind.columns)
        self._encoded = encode(loaded.tokenizer, texts(rows, kind), loaded.context, loaded.chat)
        lengths = np.array([len(e.ids) for e in self._encoded], np.int64)
        self.lengths = lengths.reshape(len(rows), per_row).max(1)
        """(n,) tokens of each row's longer text."""
        self.costs = self.lengths * per_row
        """(n,) padded tokens of each row."""

    def texts(self, part: Sequence[int] | npt.NDArray[np.int64]) -> list[Encoded]:
        """The texts of some rows, a preference's two side by side."""
        per_row = len(self.kind.columns)
        return [self._encoded[i * per_row + k] for i in part for k in range(per_row)]


def _batches(
    lengths: npt.NDArray[np.int64], size: int, epochs: float, seed: int
) -> Iterator[npt.NDArray[np.int64]]:
    """Batches of rows of like length, in random order; a fractional last epoch stops early."""
    random = np.random.Generator(np.random.PCG64(seed))
    per_epoch = -(-len(lengths) // size)
    left = math.ceil(epochs * per_epoch)
    while left > 0:
        order = random.permutation(len(lengths))
        found = []
        for i in range(0, len(order), size * _POOL):
            pool = order[i : i + size * _POOL]
            pool = pool[np.argsort(lengths[pool], kind="stable")]
            found += [pool[k : k + size] for k in range(0, len(pool), size)]
        for k in random.permutation(len(found))[:left]:
            yield found[k]
        left -= len(found)


def _with_lora(loaded: Loaded, rank: int) -> Any:
    """A copy that shares the frozen weights with the loaded model and has adapters of its own."""
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as missing:
        raise ModelError("LoRA needs peft: pip install 'w2s-harness[finetune]'") from missing
    shared = {id(p): p for p in loaded.network.parameters()}
    network = copy.deepcopy(loaded.network, shared)
    config = LoraConfig(r=rank, lora_alpha=rank, lora_dropout=0.0, target_modules="all-linear")
    network = inject_adapter_in_model(config, network)
    for parameter in network.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return network


def _to_cpu(parameters: dict[str, Any]) -> dict[str, torch.Tensor]:
    return {name: p.detach().cpu().clone() for name, p in parameters.items()}
