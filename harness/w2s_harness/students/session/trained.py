"""What a student handle can be, and how each kind predicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.kinds import Kind
from w2s_harness.contract.worker.wire.messages import Combine
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.students.lm.zero_shot import Prompts, Template
from w2s_harness.students.meter import Account
from w2s_harness.students.probe.objective import logit
from w2s_harness.students.probe.probe import Floats, Probe, sigmoid
from w2s_harness.students.shelf import Index, Split, Swap

if TYPE_CHECKING:
    from w2s_harness.students.lm.finetune import Trainer, TunedState
    from w2s_harness.students.lm.loading import Loaded

_EDGE = 1e-12


@dataclass(frozen=True, slots=True)
class RowSet:
    """Rows of a split, some of them swapped."""

    split: Split
    index: Index
    """(m,) positions in the cell's order."""
    swap: Swap = None
    """(m,) or None."""

    def __len__(self) -> int:
        return len(self.index)

    def distinct(self) -> tuple[RowSet, Index | slice]:
        """The rows once each, and the place of every row among them: what a request repeats is read once."""
        keys = 2 * self.index + (0 if self.swap is None else self.swap)
        first, place = np.unique(keys, return_index=True, return_inverse=True)[1:]
        if len(first) == len(self):
            return self, slice(None)
        return RowSet(self.split, self.index[first], None if self.swap is None else self.swap[first]), place

    def swapped(self) -> RowSet:
        """The same rows, each with its responses exchanged."""
        swap = np.ones(len(self), bool) if self.swap is None else ~self.swap
        return RowSet(self.split, self.index, swap)

    def texts(self) -> list[TextRow]:
        """The rows' texts as they are read."""
        return self.split.texts(self.index, self.swap)


class KeptStudent(Protocol):
    """Anything that gives log-odds of rows."""

    @property
    def is_odd(self) -> bool:
        """Whether a swap reverses the sign of its log-odds by construction."""
        ...

    @property
    def readings(self) -> int:
        """How often it has a row read, so that nested ensembles cannot grow beyond all bounds."""
        ...

    def logits(self, rows: RowSet, account: Account) -> Floats:
        """(m,) log-odds; charges the account before it works."""
        ...


@dataclass(frozen=True, slots=True)
class ProbeHandle:
    """A linear head on the frozen features: fitted, or worked out by the method."""

    probe: Probe
    readings: int = 1

    @property
    def is_odd(self) -> bool:
        """A head without bias and mean."""
        return self.probe.bias == 0.0 and not self.probe.mean.any()

    def logits(self, rows: RowSet, account: Account) -> Floats:
        """See `KeptStudent`."""
        account.read(rows.split.tokens(rows.index))
        return self.probe.logits(rows.split.features(rows.index, rows.swap))


@dataclass(frozen=True, slots=True)
class TunedHandle:
    """A fine-tuned model."""

    state: TunedState
    trainer: Callable[[], Trainer]
    kind: Kind
    is_odd: bool = True
    readings: int = 1

    def logits(self, rows: RowSet, account: Account) -> Floats:
        """See `KeptStudent`."""
        account.read(rows.split.tokens(rows.index))
        return self.trainer().logits(self.state, rows.texts(), self.kind)


@dataclass(frozen=True, slots=True)
class PriorHandle:
    """The frozen model under a template, with a bias."""

    template: Template
    bias: float
    model: Callable[[], Loaded]
    kind: Kind
    shots: Sequence[tuple[TextRow, float]] = ()
    is_odd: bool = False
    readings: int = 1

    def logits(self, rows: RowSet, account: Account) -> Floats:
        """See `KeptStudent`."""
        return margins(self.model, self.template, rows, self.kind, self.shots, account) + self.bias


@dataclass(frozen=True, slots=True)
class EnsembleHandle:
    """Several handles together."""

    members: Sequence[KeptStudent]
    how: Combine
    trim: float
    """Share of the members dropped on each side, row by row."""
    swap_average: bool

    @property
    def is_odd(self) -> bool:
        """Averaged over the swap, or of odd members only."""
        return self.swap_average or all(member.is_odd for member in self.members)

    @property
    def readings(self) -> int:
        """Those of its members, twice under a swap unless a member is odd."""
        return sum(m.readings * (2 if self.swap_average and not m.is_odd else 1) for m in self.members)

    def logits(self, rows: RowSet, account: Account) -> Floats:
        """See `KeptStudent`."""
        z = np.stack([_read(member, rows, account, is_odd=self.swap_average) for member in self.members])
        if self.how == "mean":
            return logit(_trimmed_mean(sigmoid(z), self.trim), _EDGE)
        return _trimmed_mean(z, self.trim)


def margins(
    model: Callable[[], Loaded],
    template: Template,
    rows: RowSet,
    kind: Kind,
    shots: Sequence[tuple[TextRow, float]],
    account: Account,
    notes: Sequence[str] | None = None,
) -> Floats:
    """(m,) zero-shot log-odds; likelihoods without shots come from the pass that read the features."""
    if template.kind == "likelihood" and not shots and notes is None:
        account.read(rows.split.tokens(rows.index))
        return rows.split.likelihoods(rows.index, rows.swap)[:, template.column].astype(np.float64)
    from w2s_harness.students.lm import zero_shot

    loaded, texts = model(), rows.texts()
    settle = Prompts(template, texts, kind, shots, notes).charge(loaded.context, account)
    if not texts:
        return np.empty(0)
    values, tokens = zero_shot.margins(loaded, template, texts, kind, shots, notes)
    settle(int(tokens.sum()))
    return values


def scored(handle: KeptStudent, rows: RowSet, kind: Kind, account: Account) -> Floats:
    """(m,) log-odds of a last prediction: those of a preference are averaged over both orders."""
    return _read(handle, rows, account, is_odd=kind.is_paired)


def _read(handle: KeptStudent, rows: RowSet, account: Account, *, is_odd: bool) -> Floats:
    """(m,) log-odds; where they must be odd, averaged over both orders: (z - z of the swap) / 2."""
    z = handle.logits(rows, account)
    return z if handle.is_odd or not is_odd else (z - handle.logits(rows.swapped(), account)) / 2


def _trimmed_mean(values: npt.NDArray[np.float64], trim: float) -> Floats:
    drop = int(trim * len(values))
    kept = np.sort(values, axis=0)[drop : len(values) - drop]
    return np.asarray(kept.mean(0), np.float64)
