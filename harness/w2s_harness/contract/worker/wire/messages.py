"""The closed vocabulary between method worker, host and student service.

A worker's message is untrusted: it is decoded into one of `Request`'s types or refused. Arrays travel as
raw bytes with a dtype and a shape that are checked against each other.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from w2s_harness.contract.access import ASK_WEAK
from w2s_harness.contract.errors import WorkerError
from w2s_harness.contract.kinds import KindName
from w2s_harness.contract.worker.wire.row_text import TextRow

Dtype = Literal["f4", "f8", "i8", "u1"]
MAX_DIMENSIONS = 4
"""Of an array on the wire."""
MAX_NOTE = 256
"""Tokens of a note."""
MAX_REASON = 300
"""Characters of why a method skips."""
MAX_ENTRIES = 2**26
"""Of an array, an empty dimension counted as one: more do not fit into a frame."""

# What Python holds of a list is up to 25 times its bytes, so a frame of 64 MiB must not be one list.
Few = msgspec.Meta(max_length=256)
"""The most entries of a list in what a worker says."""
Many = msgspec.Meta(max_length=4096)
"""The same where an honest method may name rows or students."""

Rung = Annotated[int, msgspec.Meta(ge=0, le=64)]
"""Which model of the pair: 0 the strong student, k the k-th student of its chain, smallest first."""
Reader = Literal["strong", "weak"]
Loss = Literal["xent", "logconf", "product"]
Combine = Literal["logit-mean", "mean"]


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="is"):
    """Base of everything that crosses the wire."""


class Array(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An array as raw little-endian bytes."""

    dtype: Dtype
    shape: Annotated[tuple[int, ...], msgspec.Meta(max_length=MAX_DIMENSIONS)]
    data: bytes


def pack(array: npt.ArrayLike, dtype: Dtype = "f8") -> Array:
    """`array` as wire bytes of `dtype`."""
    a = np.asarray(array, dtype=f"<{dtype}")
    return Array(dtype, a.shape, a.tobytes())


def unpack(array: Array, *, dtype: Dtype | None = None, ndim: int | None = None) -> npt.NDArray[np.generic]:
    """The array behind wire bytes (read-only).

    Raises `WorkerError` where the dtype or number of dimensions is not the expected one, or where the
    bytes do not fill the shape exactly.
    """
    if dtype is not None and array.dtype != dtype:
        raise WorkerError(f"an array of dtype {array.dtype} arrived where {dtype} is expected")
    if ndim is not None and len(array.shape) != ndim:
        raise WorkerError(f"an array of {len(array.shape)} dimensions arrived where {ndim} is expected")
    # the product of a shape of a million lengths would keep its reader busy for hours
    if len(array.shape) > MAX_DIMENSIONS:
        raise WorkerError(f"an array of {len(array.shape)} dimensions is over the {MAX_DIMENSIONS} allowed")
    kind = np.dtype(f"<{array.dtype}")
    # beside a 0 any other lengths fill the shape, also those that numpy cannot multiply
    is_small = all(n >= 0 for n in array.shape) and math.prod(n or 1 for n in array.shape) <= MAX_ENTRIES
    if not is_small or math.prod(array.shape) * kind.itemsize != len(array.data):
        raise WorkerError(f"{len(array.data)} bytes do not fill an array of shape {array.shape}")
    return np.frombuffer(array.data, dtype=kind).reshape(array.shape)


class RowsRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rows of one phase, by position in the order that the cell was given."""

    phase: Literal["train", "test"]
    index: Array
    """(m,) i8."""
    swap: Array | None = None
    """(m,) u1: rows read with their responses exchanged (preference only); none where absent."""


# -- requests: worker to host, forwarded to the service ------------------------------------------------


class Fit(Message, frozen=True, tag="fit"):
    """Train a student; answered with `Handled`."""

    rows: RowsRef
    targets: Array
    weight: Array | None = None
    loss: Loss = "xent"
    options: Annotated[dict[str, float], Few] = {}
    epochs: float | None = None
    lr: float | None = None
    init: int | None = None
    seed: int | None = None
    trace: bool = False
    model: Rung = 0


class Predict(Message, frozen=True, tag="predict"):
    """P(label = 1) of rows under a handle; answered with `Values` (m,)."""

    handle: int
    rows: RowsRef


class Losses(Message, frozen=True, tag="losses"):
    """Cross-entropy of each row against targets under a handle; `Values` (m,)."""

    handle: int
    rows: RowsRef
    targets: Array


class ZeroShotMargins(Message, frozen=True, tag="zero_shot"):
    """Log-odds margins of the frozen student; `Values` (m,)."""

    rows: RowsRef
    template: str | None = None
    shots: Annotated[tuple[tuple[int, float], ...], Many] = ()
    """(position of a training row, label) pairs put before the question."""
    model: Rung = 0
    notes: int | None = None
    """Notes that the template's `{note}` stands for, one for each row."""
    reader: Reader = "strong"
    """`weak`: the untrained weak model answers (access `generate`)."""


class Prior(Message, frozen=True, tag="prior"):
    """A handle that predicts sigmoid(zero-shot margin + bias)."""

    template: str | None = None
    bias: float = 0.0
    model: Rung = 0
    shots: Annotated[tuple[tuple[int, float], ...], Many] = ()
    """As in `ZeroShotMargins`."""


class Generate(Message, frozen=True, tag="generate"):
    """Let the untrained student write a note on each row; answered with `Noted`."""

    rows: RowsRef
    template: str
    max_tokens: int = 128


class Embed(Message, frozen=True, tag="embed"):
    """Frozen hidden states; `Values` (m, d)."""

    rows: RowsRef
    layer: int | Literal["features"] = "features"
    answer: Literal[0, 1] | None = None
    template: str | None = None
    model: Rung = 0


class EnsembleOf(Message, frozen=True, tag="ensemble"):
    """A handle that combines handles."""

    handles: Annotated[tuple[int, ...], Many]
    how: Combine = "logit-mean"
    trim: float = 0.0
    swap_average: bool = False


class Head(Message, frozen=True, tag="head"):
    """A handle with a linear head that the method worked out on `layer="features"`."""

    weights: Array
    bias: float = 0.0
    model: Rung = 0


class Measure(Message, frozen=True, tag="measure"):
    """How large a student of the chain is; answered with `StudentSize`."""

    model: Rung


class Budget(Message, frozen=True, tag="budget"):
    """What is left to the cell; answered with `Left`."""


Request = (
    Fit | Predict | Losses | ZeroShotMargins | Prior | Generate | Embed | EnsembleOf | Head | Measure | Budget
)


def call_of(request: Request) -> str:
    """The call of the student that a request stands for, as the table of access rights names it."""
    if isinstance(request, ZeroShotMargins) and request.reader == "weak":
        return ASK_WEAK
    return f"{request.__struct_config__.tag}()"


# -- what else a worker may say -------------------------------------------------------------------------


class FitDone(Message, frozen=True, tag="done"):
    """`fit` is over: a handle (strict), or None for a predictor of the method's own (`inference`)."""

    handle: int | None


class OwnPredictions(Message, frozen=True, tag="predictions"):
    """(n_test,) P(label = 1) in test-handle order, by an `inference` method."""

    values: Array


class Raised(Message, frozen=True, tag="raised"):
    """The method's code raised, or broke the contract."""

    kind: str
    message: str
    frames: Annotated[tuple[str, ...], Few] = ()


class Skipped(Message, frozen=True, tag="skipped"):
    """The method cannot work on this pair or task, and says why."""

    reason: Annotated[str, msgspec.Meta(max_length=MAX_REASON)]


class Parameter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One parameter of a method."""

    name: str
    type: Literal["bool", "int", "float", "str"]
    default: bool | int | float | str


class MethodInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a method says of itself."""

    name: str
    summary: str = ""
    parameters: Annotated[tuple[Parameter, ...], Few] = ()
    access: Annotated[tuple[str, ...], Few] = ()
    track: Literal["w2s", "elicitation", "unknown"] = "w2s"
    authors: Annotated[tuple[str, ...], Few] = ()
    authored_by: Literal["human", "agent", "both"] = "human"
    authored_hours: Annotated[float, msgspec.Meta(ge=0, le=1e9)] | None = None
    authored_usd: Annotated[float, msgspec.Meta(ge=0, le=1e12)] | None = None
    reference: str = ""
    by_steps: bool = False


class Described(Message, frozen=True, tag="described"):
    """The methods that a module offers."""

    methods: Annotated[tuple[MethodInfo, ...], Few]


class Noticed(Message, frozen=True, tag="noticed"):
    """An event that the audit hook of a worker with `text` saw; never answered."""

    event: Annotated[str, msgspec.Meta(max_length=40)]
    """The hook's name for it, such as `compile`."""
    detail: Annotated[str, msgspec.Meta(max_length=200)]
    """The beginning of what it was about."""


# -- what a worker is told ------------------------------------------------------------------------------


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a method's code is: bytes that the host read once, or a module to import."""

    module: str
    """The module's name; for a file, a name made from its stem."""
    filename: str = ""
    """What tracebacks show for a file."""
    code: bytes | None = None
    """The file's bytes; None for an installed module."""


class Describe(Message, frozen=True, tag="describe"):
    """Load the module and say what methods it offers; answered with `Described`."""

    source: Source


class Released(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a worker is sent of the n rows of a phase, in the cell's order; never a label."""

    n: int
    groups: Array | None = None
    """(n,) i8, access `groups`: code of the row's question, 0, 1, ... by first appearance here."""
    conflicts: Array | None = None
    """(k, 2) i8, access `groups`: positions a < b that cannot both be right, sorted."""
    texts: tuple[TextRow, ...] | None = None
    """(n), access `text`; what a guard keeps back is None, or empty in `prompt`."""


class Start(Message, frozen=True, tag="start"):
    """Run one method on one problem; answered with requests and at last `FitDone`."""

    source: Source
    method: str
    parameters: dict[str, bool | int | float | str]
    kind: KindName
    weak: Array
    access: tuple[str, ...]
    seed: int
    layers: int
    features: int
    """Width of the probe's vector, 0 where the mode has none."""
    templates: tuple[str, ...]
    train: Released
    """The rows that `weak` speaks of."""
    test: Released | None = None
    """The holdout, only with `transductive`."""
    abilities: tuple[str, ...] = ()
    """What of `types.ABILITIES` the pair can do."""
    chain: tuple[tuple[str, ...], ...] = ()
    """Names of the zero-shot templates of each smaller student, smallest student first."""
    epochs: float = 5.0
    """Of a fit by steps that names none."""
    lr: float = 0.01
    """Of a fit by steps that names none."""
    share_true: float | None = None
    """The share of true rows, where the task states it."""
    bait: dict[str, bytes] = {}
    """Files for its scratch folder before any of the method's code is loaded, by name (`a` or `a/b`)."""


class TestPhase(Message, frozen=True, tag="test"):
    """To an `inference` worker after `FitDone(None)`: predict these test rows."""

    test: Released


class Handled(Message, frozen=True, tag="handle"):
    """A new handle; `trace` is (2, m): first and last loss per row."""

    handle: int
    trace: Array | None = None


class Values(Message, frozen=True, tag="values"):
    """An array answer."""

    values: Array


class Noted(Message, frozen=True, tag="noted"):
    """The number of the notes that were written; their text stays in the service."""

    notes: int


class StudentSize(Message, frozen=True, tag="measured"):
    """A student's size."""

    layers: int
    features: int
    """Width of the probe's vector, 0 where the mode has none."""


class Left(Message, frozen=True, tag="left"):
    """What is left of a cell's budget."""

    fits: int
    handles: int
    flops: float


class Refused(Message, frozen=True, tag="refused"):
    """The request was not served; the worker sees a `StudentError` with this reason.

    `fatal` ends the cell: a budget is spent, or the service died.
    """

    reason: str
    fatal: bool = False
    unable: bool = False
    """The pair's model cannot do this at all: the worker sees a `Skip`."""


Reply = Handled | Values | Noted | StudentSize | Left | Refused
ToWorker = Describe | Start | TestPhase | Reply
