"""What the host says to the student service, and what it hears: trusted, never from a worker.

A split travels as text and as paths of plain `.npy` files that the host's store wrote; the service maps
them read-only. Arrays over the wire are `wire.messages.Array`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from w2s_harness.contract.kinds import KindName
from w2s_harness.contract.types import Model
from w2s_harness.contract.worker.wire.messages import Array, Message, Reply, Request
from w2s_harness.contract.worker.wire.row_text import TextRow

Role = Literal["baseline", "worker-facing"]
Mode = Literal["probe", "finetune"]
Solver = Literal["exact", "path"]
ErrorName = Literal["ModelError", "WorkerError", "BudgetError", "DataError"]


class SplitRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One split of a task as one model reads it; no labels."""

    rows: tuple[TextRow, ...] = ()
    """(n) texts; needed for `finetune`, and in `probe` for what is not in the files."""
    features: str | None = None
    """Path of (n, d) f4 features."""
    likelihoods: str | None = None
    """Path of (n, 3) f8 sum, mean and min of the response's logp."""
    tokens: Array | None = None
    """(n,) i8 tokens of each row, for metering; needed beside `features`."""


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What must be known of a model before it is loaded."""

    parameters: int
    layers: int
    """Hidden states by layer, the embeddings included."""
    features: int
    """Width of the readout's vector."""
    predicts: bool = True
    """Whether it predicts tokens; an encoder does not."""


class ProbeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a probe is trained."""

    c: float = 0.1
    epochs: float = 5.0
    """Of the solver `path`, where a fit names none."""
    lr: float = 0.01


class FinetuneSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a model is fine-tuned."""

    adapter: Literal["full", "lora"] = "full"
    rank: int = 32
    epochs: float = 3.0
    lr: float = 3e-4
    head_lr: float = 5e-3
    batch: int = 32
    schedule: Literal["linear", "constant"] = "linear"


class CellBudget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a cell may ask for."""

    fits: int = 64
    epochs: float = 50.0
    """Of one fit."""
    handles: int = 64
    vanillas: float = 200.0
    """Service FLOPs, in multiples of the vanilla method's."""


# -- host to service -----------------------------------------------------------------------------------


class Extract(Message, frozen=True, tag="extract"):
    """Features of texts under a frozen model; `Extracted`."""

    model: Model
    kind: KindName
    rows: tuple[TextRow, ...]


class Look(Message, frozen=True, tag="look"):
    """Load a model and say what it is; `Looked`."""

    model: Model


class TuneProbe(Message, frozen=True, tag="tune"):
    """Choose the probe's settings by 5-fold log loss against `targets`; `Tuned`. Baseline only."""

    model: Model
    kind: KindName
    split: SplitRef
    index: Array
    """(m,) i8 rows of the split."""
    targets: Array
    """(m,) f8"""
    groups: Array
    """(m,) i8 codes; rows of one question share a fold."""
    solver: Solver = "exact"
    c: float = 0.1
    """Of the solver `path`."""
    grid: tuple[float, ...] = ()
    """Values of C for `exact`; empty for the shipped grid."""
    rule: Literal["least", "one-se"] = "least"
    """As `students/probe/choosing.py` says."""


class FitPredict(Message, frozen=True, tag="fit_predict"):
    """Train on labels and predict: teacher and ceiling; `PredictedRows`. Baseline only."""

    model: Model
    mode: Mode
    kind: KindName
    train: SplitRef
    index: Array
    targets: Array
    predict: tuple[tuple[SplitRef, Array], ...]
    """(split, (k,) i8 rows) to predict."""
    probe: ProbeSettings = ProbeSettings()
    finetune: FinetuneSettings = FinetuneSettings()
    solver: Solver = "exact"
    seed: int = 0


class PathPoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One point of the vanilla path."""

    c: float = 0.1
    """Of a probe."""
    epochs: float | None = None
    """None for the solver `exact`."""
    lr: float | None = None
    """None for the solver `exact`."""


class Follow(Message, frozen=True, tag="follow"):
    """Train on weak labels at several settings and predict the holdout; `PredictedRows`. Baseline only.

    Points by steps that share a rate are checkpoints of one training.
    """

    model: Model
    mode: Mode
    kind: KindName
    train: SplitRef
    index: Array
    targets: Array
    test: SplitRef
    test_index: Array
    points: tuple[PathPoint, ...]
    finetune: FinetuneSettings = FinetuneSettings()
    seed: int = 0


class OpenCell(Message, frozen=True, tag="open"):
    """Begin a cell; `Opened`. A cell that was open is closed. Worker-facing only."""

    model: Model
    mode: Mode
    kind: KindName
    train: SplitRef
    train_order: Array
    """(n,) i8: the worker's row p is row train_order[p] of the split."""
    test: SplitRef
    test_order: Array
    access: tuple[str, ...] = ()
    seed: int = 0
    probe: ProbeSettings = ProbeSettings()
    finetune: FinetuneSettings = FinetuneSettings()
    limits: CellBudget = CellBudget()
    shape: Shape | None = None
    """Without it the model is loaded at once."""
    chain: tuple[Model, ...] = ()
    """Smaller students, smallest first; loaded when a request names one."""
    weak: Model | None = None
    """The untrained weak model, for a cell with the access `generate`; loaded when it is to read."""


class ReadOut(Message, frozen=True, tag="read_out"):
    """Ask the untrained student of all rows under each of its templates; `ReadOuts`. No label is seen."""

    cell: OpenCell
    """The splits, in their own order."""


class Serve(Message, frozen=True, tag="serve"):
    """A worker's request, decoded and passed on by the host; `Served`."""

    request: Request


class BeginTest(Message, frozen=True, tag="begin_test"):
    """`fit` is over and an `inference` worker now sees test handles; `Began`."""


class PredictTest(Message, frozen=True, tag="predict_test"):
    """Predict the holdout, in `test_order`; `PredictedRows`."""

    handle: int


class CloseCell(Message, frozen=True, tag="close"):
    """End the cell and free its handles; `Meter`."""


class Shutdown(Message, frozen=True, tag="shutdown"):
    """End the service; no answer."""


ToService = (
    Look
    | Extract
    | TuneProbe
    | FitPredict
    | Follow
    | ReadOut
    | OpenCell
    | Serve
    | BeginTest
    | PredictTest
    | CloseCell
    | Shutdown
)


# -- service to host -----------------------------------------------------------------------------------


class Looked(Message, frozen=True, tag="looked"):
    """Answer to `Look`: what loading a model showed."""

    context: int
    """Tokens of a text at most."""
    readout: str
    device: str
    notes: tuple[str, ...]
    """What was done to the checkpoint, or left out of it."""
    shape: Shape
    chat: str | None = None
    """The chat template around `{question}`."""


class Extracted(Message, frozen=True, tag="extracted"):
    """Answer to `Extract`."""

    features: Array
    """(n, d) f4"""
    likelihoods: Array
    """(n, 3) f8 for a causal model, (n, 0) for an encoder."""
    tokens: Array
    """(n,) i8"""
    n_cut: int
    """Rows that lost the start of their question."""
    shape: Shape


class Tuned(Message, frozen=True, tag="tuned"):
    """Answer to `TuneProbe`."""

    settings: dict[str, float]
    grid: tuple[tuple[dict[str, float], float], ...]
    """(settings, held-out log loss in nats)"""


class FitFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one fit did, whatever the method calls it."""

    solver: str
    """`exact`, `path` or `finetune`."""
    loss: str
    rows: int
    """Distinct rows of positive weight: a row given twice is one, and so is a preference and its swap."""
    weight: float
    """Sum of the weights as they were given, before they were normalised; 1 a row without."""
    c_effective: float | None
    """C x rows / rows of the draw: the C at which a fit on all rows of the draw has this fit's penalty in
    this objective, so vanilla's own C for all of them; None in `finetune`, which has no penalty."""
    steps: int
    """Evaluations of the objective by L-BFGS (`exact`), or steps of Adam (`path`, `finetune`)."""
    solves: int
    """Optimisations to the optimum; 0 but for `exact`."""
    epochs: float
    """Passes over the rows in minibatches; 0 for `exact`."""
    sharpness: float
    """Mean |2 target - 1| by weight: targets pulled towards 1/2 act like a smaller C."""
    model: int = 0
    """0: the strong student; k: the k-th of the chain."""


class Meter(Message, frozen=True, tag="meter"):
    """What was charged, as if nothing were cached."""

    fits: int = 0
    predicts: int = 0
    embeds: int = 0
    tokens: int = 0
    flops: float = 0.0
    """2 x parameters x tokens for a forward pass, 6 x for a training one (LoRA: 4 x); a probe's training,
    4 x rows x features for each evaluation of the objective or pass over the rows."""
    trained: tuple[FitFacts, ...] = ()
    """Of every fit, in the order in which they were asked for."""
    seconds: float = 0.0
    """Wall clock inside the service; belongs to `timing`."""
    solvers: tuple[str, ...] = ()
    """What fits used: `exact`, `path`, `finetune`; sorted."""


class PredictedRows(Message, frozen=True, tag="predicted"):
    """Answer to `FitPredict` and `PredictTest`: P(label = 1) f8, one array a list of rows."""

    values: tuple[Array, ...]
    meter: Meter = Meter()
    n_cut: int = 0
    """Of `FitPredict` in the mode `finetune`: rows of its splits that lost the start of their question."""


class Opened(Message, frozen=True, tag="opened"):
    """Answer to `OpenCell`: what a worker is told of the student."""

    layers: int
    features: int
    templates: tuple[str, ...]
    chain: tuple[tuple[str, ...], ...] = ()
    """Names of the templates of each smaller student."""


class ReadOuts(Message, frozen=True, tag="read_outs"):
    """Answer to `ReadOut`: log-odds margins f8 of all rows, an array a template."""

    names: tuple[str, ...]
    """Of the templates; none of a model that cannot be asked."""
    train: tuple[Array, ...] = ()
    test: tuple[Array, ...] = ()
    reason: str | None = None
    """Why it cannot be asked."""


class Served(Message, frozen=True, tag="served"):
    """Answer to `Serve`."""

    reply: Reply


class Began(Message, frozen=True, tag="began"):
    """Answer to `BeginTest`."""


class Unserved(Message, frozen=True, tag="failed"):
    """The message could not be served; raised in the host as the error of that name."""

    error: ErrorName
    reason: str
    trace: str = ""
    """Where an exception that nobody foresaw came from; shown with `--debug`."""


FromService = (
    Looked | Extracted | Tuned | PredictedRows | Opened | ReadOuts | Served | Began | Meter | Unserved
)
