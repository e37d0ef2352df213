"""How a response becomes a feature vector, in one forward pass.

Readouts of the last hidden states h_t over the response's tokens t, where logp_t is the log-probability of
token t given what precedes it and best_t that of the likeliest token:

- `mean`: mean of h_t (an encoder: mean over the whole text, as sentence encoders are trained);
- `last`: h of the last token;
- `surprise`: mean of h_t; sum of clamp(best_t - logp_t, 0, 6) h_t / 6; the twelve `STATISTICS`.

A preference row's vector is the one of its first response minus that of its second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.errors import ModelError
from w2s_harness.contract.kinds import Kind
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.students.lm.loading import Loaded
from w2s_harness.students.lm.text import Encoded, batches, encode, texts

if TYPE_CHECKING:
    import torch

STATISTICS = (
    "logp sum", "logp mean", "logp min", "logp second min", "gap sum", "gap min", "not best",
    "entropy mean", "excess sum", "excess min", "logp last", "length",
)  # fmt: skip
"""Columns of the likelihood statistics; gap = logp - best, excess = logp + entropy."""
LIKELIHOODS = ("sum", "mean", "min")
"""Statistics of the response's logp that a likelihood template can name: the first three columns."""
ANSWERS = (" incorrect", " correct")
"""What an answer of 0 or 1 appends to a candidate."""
TOKEN_BUDGET = 4096
"""Padded tokens of a batch."""
_LOGITS, _CPU_LOGITS = 2**25, 2**18
"""Logits held at once; on a CPU as many as its caches hold."""
_LEAST_STEP = 64
"""Tokens of one product with the output embeddings, which are read whole for each."""
_CLAMP = 6.0


@dataclass(frozen=True, slots=True)
class Extraction:
    """What one pass over n rows gives."""

    features: npt.NDArray[np.float32]
    """(n, d) by the model's readout."""
    likelihoods: npt.NDArray[np.float64]
    """(n, 3): sum, mean and min of the response's logp in nats (`preference`: first minus second);
    (n, 0) for an encoder."""
    tokens: npt.NDArray[np.int64]
    """(n,) tokens read for each row."""
    n_cut: int
    """Rows that lost the start of their question."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Texts of like length, padded on the right."""

    ids: torch.Tensor
    """(b, t) token ids."""
    attend: torch.Tensor
    """(b, t) bool: no padding."""
    response: torch.Tensor
    """(b, t) bool: tokens of the response."""


def width(loaded: Loaded) -> int:
    """Length of the feature vector under the model's readout."""
    return 2 * loaded.width + len(STATISTICS) if loaded.settings.readout == "surprise" else loaded.width


def extract(loaded: Loaded, rows: Sequence[TextRow], kind: Kind) -> Extraction:
    """Features, likelihoods and token counts of n rows, in one forward pass per text."""
    import torch

    encoded = encode(loaded.tokenizer, texts(rows, kind), loaded.context, loaded.chat)

    def read(batch: Batch) -> torch.Tensor:
        vectors, statistics = read_batch(loaded, batch, wants_likelihood=loaded.is_causal)
        return vectors if statistics is None else torch.cat([vectors, statistics[:, :3]], 1)

    extra = len(LIKELIHOODS) if loaded.is_causal else 0
    out = over_batches(loaded, encoded, width(loaded) + extra, read)
    per_row = kind.by_row(out)
    tokens = np.array([len(e.ids) for e in encoded], np.int64).reshape(len(rows), -1).sum(1)
    d, n_cut = width(loaded), int(_is_cut(encoded, len(rows)).sum())
    return Extraction(np.ascontiguousarray(per_row[:, :d]), per_row[:, d:].astype(np.float64), tokens, n_cut)


def cut(loaded: Loaded, rows: Sequence[TextRow], kind: Kind) -> npt.NDArray[np.bool_]:
    """(n,) rows of which a text does not fit the context."""
    return _is_cut(encode(loaded.tokenizer, texts(rows, kind), loaded.context, loaded.chat), len(rows))


def _is_cut(encoded: Sequence[Encoded], n: int) -> npt.NDArray[np.bool_]:
    return np.asarray(np.array([e.is_cut for e in encoded], bool).reshape(n, -1).any(1))


def layer_means(
    loaded: Loaded,
    rows: Sequence[TextRow],
    kind: Kind,
    layers: Sequence[int],
    answer: Literal[0, 1] | None = None,
) -> npt.NDArray[np.float32]:
    """(layers, n, h) mean hidden states over the response's tokens; a preference's difference.

    One pass reads all `layers`; 0 is the embedding layer. `answer` appends " correct" (1) or " incorrect" (0)
    to the candidate of a verify row.
    """
    import torch

    suffix = "" if answer is None else ANSWERS[answer]
    encoded = encode(loaded.tokenizer, texts(rows, kind, suffix), loaded.context, loaded.chat)

    def read(batch: Batch) -> torch.Tensor:
        every = hidden_states(loaded, batch, every=True)
        return torch.cat(
            [masked_mean(hidden, batch.response) for hidden in map(every.__getitem__, layers)], 1
        )

    means = kind.by_row(over_batches(loaded, encoded, len(layers) * loaded.width, read))
    return np.ascontiguousarray(means.reshape(len(means), len(layers), loaded.width).swapaxes(0, 1))


def read_batch(
    loaded: Loaded, batch: Batch, *, wants_likelihood: bool = False
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """((b, d) feature vectors, (b, 12) statistics or None) of a batch; differentiable."""
    import torch

    readout = loaded.settings.readout
    hidden = hidden_states(loaded, batch)[-1]
    statistics = weights = None
    if readout == "surprise" or wants_likelihood:
        statistics, weights = _surprise(loaded, hidden, batch)
    if readout == "last":
        last = batch.response.long().cumsum(1).argmax(1)
        return hidden[torch.arange(len(last), device=hidden.device), last].float(), statistics
    mean = masked_mean(hidden, batch.response if loaded.is_causal else batch.attend)
    if readout == "mean":
        return mean, statistics
    assert statistics is not None and weights is not None
    weighted = torch.einsum("bt,bth->bh", weights, hidden.float())
    return torch.cat([mean, weighted, statistics], 1), statistics


def hidden_states(loaded: Loaded, batch: Batch, *, every: bool = False) -> Sequence[torch.Tensor]:
    """Hidden states (b, t, h) of the batch: of every layer, or of the last one only."""
    options: dict[str, Any] = {"output_hidden_states": every}
    if loaded.is_causal:
        # Padding is on the right and attention looks left only: no mask is needed, and none is faster.
        options["use_cache"] = False
    else:
        options["attention_mask"] = batch.attend.long()
    out = loaded.network.base_model(input_ids=batch.ids, **options)
    return tuple(out.hidden_states) if every else (out.last_hidden_state,)


def masked_mean(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(b, h) float32 mean of (b, t, h) over the True positions of (b, t)."""
    import torch

    weights = mask.float() / mask.float().sum(1, keepdim=True).clamp(min=1.0)
    return torch.einsum("bt,bth->bh", weights, hidden.float())


def collate(encoded: Sequence[Encoded], device: torch.device) -> Batch:
    """Encoded texts as one batch, padded on the right to the longest."""
    import torch

    longest = max(len(e.ids) for e in encoded)
    ids = np.zeros((len(encoded), longest), np.int64)
    attend = np.zeros(ids.shape, bool)
    response = np.zeros(ids.shape, bool)
    for i, e in enumerate(encoded):
        ids[i, : len(e.ids)] = e.ids
        attend[i, : len(e.ids)] = True
        response[i, e.start : e.stop] = True
    return Batch(*(torch.from_numpy(a).to(device) for a in (ids, attend, response)))


def _surprise(loaded: Loaded, hidden: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """((b, 12) statistics, (b, t) weights clamp(best - logp, 0, 6) / 6) over the response's tokens."""
    import torch

    at = batch.response[:, 1:]
    logp, best, entropy = _token_scores(loaded, hidden[:, :-1][at], batch.ids[:, 1:][at])

    def spread(values: torch.Tensor) -> torch.Tensor:
        return torch.zeros(batch.ids.shape, device=values.device).index_put((*_at(at),), values)

    mask = batch.response.clone()
    mask[:, 0] = False
    gap = logp - best
    statistics = _statistics(mask, spread(logp), spread(gap), spread(entropy))
    return statistics, spread((-gap).clamp(0.0, _CLAMP) / _CLAMP)


def _at(mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    row, column = mask.nonzero(as_tuple=True)
    return row, column + 1


def _token_scores(
    loaded: Loaded, before: torch.Tensor, targets: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """logp, best logp and entropy (each (m,), float32, nats) of m tokens from the states before them."""
    import torch

    held = _CPU_LOGITS if before.device.type == "cpu" else _LOGITS
    step = max(_LEAST_STEP, held // loaded.network.get_output_embeddings().weight.shape[0])
    parts = []
    for i in range(0, len(targets), step):
        logprobs = torch.log_softmax(loaded.logits(before[i : i + step]), -1)
        own = logprobs.gather(1, targets[i : i + step, None])[:, 0]
        parts.append((own, logprobs.amax(1), -(logprobs.exp() * logprobs).sum(1)))
    if not parts:
        empty = before.new_zeros(0).float()
        return empty, empty, empty
    logp, best, entropy = (torch.cat(column) for column in zip(*parts, strict=True))
    return logp, best, entropy


def _statistics(
    mask: torch.Tensor, logp: torch.Tensor, gap: torch.Tensor, entropy: torch.Tensor
) -> torch.Tensor:
    """(b, 12) `STATISTICS` from (b, t) token scores that are 0 outside the mask."""
    import torch

    n = mask.sum(1).float()
    some = n.clamp(min=1.0)
    far = torch.where(mask, logp, torch.inf)
    lowest = far.topk(min(2, far.shape[1]), 1, largest=False).values
    first = torch.where(n > 0, lowest[:, 0], 0.0)
    second = torch.where(n > 1, lowest[:, -1], first)
    excess = logp + entropy
    last = logp.gather(1, mask.long().cumsum(1).argmax(1, keepdim=True))[:, 0]
    return torch.stack(
        [
            logp.sum(1), logp.sum(1) / some, first, second, gap.sum(1), gap.amin(1), (gap < 0).sum(1).float(),
            entropy.sum(1) / some, excess.sum(1), torch.where(mask, excess, 0.0).amin(1), last, n,
        ],
        1,
    )  # fmt: skip


def over_batches(
    loaded: Loaded, encoded: Sequence[Encoded], columns: int, read: Callable[[Batch], torch.Tensor]
) -> npt.NDArray[np.float32]:
    """(texts, columns) float32: `read` applied batch by batch without gradients, in the texts' order."""
    import torch

    out = np.empty((len(encoded), columns), np.float32)
    with torch.inference_mode():
        for positions in batches([len(e.ids) for e in encoded], TOKEN_BUDGET):
            batch = collate([encoded[i] for i in positions], loaded.device)
            out[positions] = read(batch).float().cpu().numpy()
    if not np.isfinite(out).all():
        raise ModelError(
            f"'{loaded.settings.source}' gives NaN or infinite features in {loaded.settings.dtype}"
        )
    return out
