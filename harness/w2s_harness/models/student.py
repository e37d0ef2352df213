"""One cell's student: serves a worker's requests and meters them.

A request is untrusted. What breaks a rule is answered with `Refused`; a spent budget refuses for good. Every
fit seeds itself from the cell's seed and its own content, so that no order of requests or cells matters.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

from w2s_harness.errors import BudgetError, ModelError, WorkerError
from w2s_harness.models import checks, zero_shot
from w2s_harness.models.control import Meter, OpenCell, Opened
from w2s_harness.models.handles import (
    EnsembleHandle,
    Handle,
    PriorHandle,
    ProbeHandle,
    RowSet,
    TunedHandle,
    margins,
    odd_logits,
)
from w2s_harness.models.meter import FORWARD, TRAINING, Account
from w2s_harness.models.probe import Floats, Probe, cross_entropy, fit_exact, fit_path, sigmoid
from w2s_harness.models.shelf import Shelf
from w2s_harness.models.splits import Split
from w2s_harness.wire import messages as wire

if TYPE_CHECKING:
    from w2s_harness.models.targets import Loss

MAX_REPLY = 60 * 2**20
"""Bytes of an embedding that is sent back."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A fit that was checked."""

    request: wire.Fit
    rows: RowSet
    targets: Floats
    weight: Floats
    loss: Loss
    init: Handle | None
    seed: int


class Session:
    """A cell between `OpenCell` and `CloseCell`."""

    def __init__(self, order: OpenCell, shelf: Shelf) -> None:
        """Raises `ModelError` where model, settings or files do not fit together."""
        self._order = order
        self._model = partial(shelf.model, order.model)
        self._trainer = partial(shelf.trainer, order.model, order.finetune)
        self._shape = order.shape or shelf.shape(order.model)
        self._templates = zero_shot.parse_templates(order.model.templates, order.kind)
        refs = {"train": (order.train, order.train_order), "test": (order.test, order.test_order)}
        self._splits = {
            phase: Split(
                ref, np.asarray(wire.unpack(at, dtype="i8", ndim=1), np.int64), order.kind, self._model
            )
            for phase, (ref, at) in refs.items()
        }
        self._account = Account(self._shape.parameters, order.limits, self._vanilla_flops())
        self._handles: list[Handle] = []
        self._digests: list[bytes] = []
        self._cache: dict[bytes, tuple[Handle, Floats | None]] = {}
        self._is_testing = False

    @property
    def opened(self) -> Opened:
        """What the worker is told of the student."""
        features = self._shape.features if self._order.mode == "probe" else 0
        return Opened(self._shape.layers, features, tuple(self._templates))

    def serve(self, request: wire.Request) -> wire.Reply:
        """Answer one request of the worker."""
        with self._account.clock():
            try:
                return self._answer(request)
            except BudgetError as spent:
                return wire.Refused(str(spent), fatal=True)
            except (WorkerError, ModelError) as refused:
                return wire.Refused(str(refused))

    def begin_test(self) -> None:
        """From now on an `inference` worker sees test handles, and can train no more."""
        self._is_testing = True

    def predict_test(self, handle: int) -> Floats:
        """(n_test,) P(label = 1) of the holdout in test order; a preference is averaged over the swap.

        Raises `WorkerError` for an unknown handle, `BudgetError` over the limit.
        """
        with self._account.clock():
            split = self._splits["test"]
            rows = RowSet(split, np.arange(len(split)))
            self._account.predict()
            chosen = self._handle(handle)
            if self._order.kind == "preference":
                return sigmoid(odd_logits(chosen, rows, self._account))
            return sigmoid(chosen.logits(rows, self._account))

    def close(self) -> Meter:
        """What the cell was charged."""
        return self._account.total()

    # -- one method a request ---------------------------------------------------------------------------

    def _answer(self, request: wire.Request) -> wire.Reply:
        if self._is_testing and not isinstance(request, wire.Predict | wire.Embed | wire.Budget):
            raise WorkerError("after fit a method may only embed rows and predict them")
        match request:
            case wire.Fit():
                return self._fit(request)
            case wire.Predict():
                return self._predict(request)
            case wire.Losses():
                return self._losses(request)
            case wire.ZeroShot():
                return self._zero_shot(request)
            case wire.Embed():
                return self._embed(request)
            case wire.Prior():
                return self._prior(request)
            case wire.Ensemble():
                return self._ensemble(request)
            case wire.Head():
                return self._head(request)
            case wire.Budget():
                fits, flops = self._account.left()
                return wire.Left(fits, self._order.limits.handles - len(self._handles), flops)

    def _fit(self, request: wire.Fit) -> wire.Reply:
        rows = self._rows(request.rows)
        targets, weight, loss = checks.fit(request, len(rows), self._order.limits.epochs)
        init = None if request.init is None else self._handle(request.init)
        digest = self._digest(request)
        job = _Job(request, rows, targets, weight, loss, init, self._seed(digest))
        solver = self._solver(request)
        self._charge_fit(request, rows, solver)
        if digest not in self._cache:
            self._cache[digest] = self._trained(solver, job)
        handle, trace = self._cache[digest]
        reply = self._keep(handle, digest)
        if not request.trace or trace is None:
            return reply
        return wire.Handled(reply.handle, wire.pack(trace))

    def _solver(self, request: wire.Fit) -> str:
        if self._order.mode == "finetune":
            return "finetune"
        by_path = request.trace or any(v is not None for v in (request.epochs, request.lr, request.init))
        return "path" if by_path else "exact"

    def _charge_fit(self, request: wire.Fit, rows: RowSet, solver: str) -> None:
        self._account.fit(solver)
        tokens = rows.split.tokens(rows.index)
        self._account.read(tokens)
        if solver == "finetune":
            epochs = self._order.finetune.epochs if request.epochs is None else request.epochs
            self._account.read(int(epochs * tokens), TRAINING[self._order.finetune.adapter])

    def _trained(self, solver: str, job: _Job) -> tuple[Handle, Floats | None]:
        if solver == "finetune":
            return self._finetuned(job)
        x = job.rows.split.features(job.rows.index, job.rows.swap)
        settings, kind = self._order.probe, self._order.kind
        if solver == "exact":
            probe = fit_exact(x, job.targets, kind, c=settings.c, weight=job.weight, loss=job.loss)
            return ProbeHandle(probe), None
        if job.init is not None and not isinstance(job.init, ProbeHandle):
            raise WorkerError("init must be a handle that fit or head gave")
        probe, trace = fit_path(
            x, job.targets, kind,
            c=settings.c,
            epochs=settings.epochs if job.request.epochs is None else job.request.epochs,
            lr=settings.lr if job.request.lr is None else job.request.lr,
            seed=job.seed, weight=job.weight, loss=job.loss,
            init=None if job.init is None else job.init.probe,
        )  # fmt: skip
        if not np.isfinite(probe.weights).all():
            raise WorkerError("the training diverged; take a smaller lr")
        return ProbeHandle(probe), trace

    def _finetuned(self, job: _Job) -> tuple[Handle, Floats]:
        if job.init is not None and not isinstance(job.init, TunedHandle):
            raise WorkerError("init must be a handle that fit gave")
        state, trace = self._trainer().train(
            job.rows.texts(), self._order.kind, job.targets,
            weight=job.weight, loss=job.loss, epochs=job.request.epochs, lr=job.request.lr, seed=job.seed,
            init=None if job.init is None else job.init.state,
        )  # fmt: skip
        return TunedHandle(state, self._trainer, self._order.kind), trace

    def _predict(self, request: wire.Predict) -> wire.Reply:
        rows = self._rows(request.rows)
        self._account.predict()
        return _values(sigmoid(self._handle(request.handle).logits(rows, self._account)))

    def _losses(self, request: wire.Losses) -> wire.Reply:
        rows = self._rows(request.rows)
        targets = checks.column("targets", request.targets, len(rows), 0.0, 1.0)
        self._account.predict()
        return _values(cross_entropy(targets, self._handle(request.handle).logits(rows, self._account)))

    def _zero_shot(self, request: wire.ZeroShot) -> wire.Reply:
        rows = self._rows(request.rows)
        template = zero_shot.resolve(self._templates, request.template, self._order.kind)
        train = self._splits["train"]
        for at, label in request.shots:
            checks.number("a shot's row", at, 0, len(train) - 1)
            checks.number("a shot's label", label, 0.0, 1.0)
        texts = train.texts(np.array([at for at, _ in request.shots], np.int64)) if request.shots else []
        shots = [(text, label) for text, (_, label) in zip(texts, request.shots, strict=True)]
        self._account.predict()
        return _values(margins(self._model, template, rows, self._order.kind, shots, self._account))

    def _prior(self, request: wire.Prior) -> wire.Reply:
        template = zero_shot.resolve(self._templates, request.template, self._order.kind)
        bias = checks.number("bias", request.bias, -1e6, 1e6)
        return self._keep(PriorHandle(template, bias, self._model, self._order.kind), _sha(request))

    def _ensemble(self, request: wire.Ensemble) -> wire.Reply:
        if not 1 <= len(request.handles) <= self._order.limits.handles:
            raise WorkerError(f"an ensemble is of 1 to {self._order.limits.handles} handles")
        trim = checks.number("trim", request.trim, 0.0, 0.499)
        if request.swap_average and self._order.kind != "preference":
            raise WorkerError("rows of a verify task have no swap to average over")
        members = tuple(self._handle(handle) for handle in request.handles)
        digests = b"".join(self._digests[handle] for handle in request.handles)
        digest = hashlib.sha256(digests + _sha(msgspec.structs.replace(request, handles=()))).digest()
        return self._keep(EnsembleHandle(members, request.how, trim, request.swap_average), digest)

    def _head(self, request: wire.Head) -> wire.Reply:
        if self._order.mode != "probe":
            raise WorkerError("a head acts on frozen features: it needs a pair in the mode probe")
        width = self._shape.features
        weights = checks.column("weights", request.weights, width, -1e9, 1e9)
        bias = checks.number("bias", request.bias, -1e9, 1e9)
        probe = Probe(np.zeros(width), np.ones(width), weights, bias)
        return self._keep(ProbeHandle(probe), _sha(request))

    def _embed(self, request: wire.Embed) -> wire.Reply:
        if "embeddings" not in self._order.access:
            raise WorkerError("the plan grants no embeddings to this method")
        rows = self._rows(request.rows)
        if request.layer != "features":
            checks.number("layer", request.layer, -self._shape.layers, self._shape.layers - 1)
        if request.answer is not None and request.template is None and self._order.kind != "verify":
            raise WorkerError("answer belongs to rows of a verify task")
        self._account.embed()
        self._account.read(rows.split.tokens(rows.index))
        values = self._states(request, rows)
        if values.nbytes > MAX_REPLY:
            raise WorkerError(
                f"{values.nbytes} bytes of embeddings are over the {MAX_REPLY} allowed; ask by parts"
            )
        return wire.Values(wire.pack(values, "f4"))

    def _states(self, request: wire.Embed, rows: RowSet) -> npt.NDArray[np.float32]:
        if request.template is not None:
            template = zero_shot.resolve(self._templates, request.template, self._order.kind)
            if template.kind != "answer" or request.layer == "features":
                raise WorkerError(
                    "embed with a template needs a text with literals and the number of a layer"
                )
            return zero_shot.states(self._model(), template, rows.texts(), request.layer, request.answer)
        if request.layer != "features":
            return rows.split.layer_means(rows.index, request.layer, request.answer, rows.swap)
        if request.answer is not None:
            return rows.split.answered(rows.index, request.answer)
        return rows.split.features(rows.index, rows.swap)

    # -- what they share --------------------------------------------------------------------------------

    def _rows(self, ref: wire.RowsRef) -> RowSet:
        if ref.phase == "test" and not self._is_testing and "transductive" not in self._order.access:
            raise WorkerError("test rows are not to be had while a method fits")
        return checks.rows(ref, self._splits, self._order.kind)

    def _handle(self, handle: int) -> Handle:
        if not 0 <= handle < len(self._handles):
            raise WorkerError(f"there is no handle {handle}")
        return self._handles[handle]

    def _keep(self, handle: Handle, digest: bytes) -> wire.Handled:
        if len(self._handles) >= self._order.limits.handles:
            raise BudgetError(f"the cell asked for more than {self._order.limits.handles} handles")
        self._handles.append(handle)
        self._digests.append(digest)
        return wire.Handled(len(self._handles) - 1)

    def _digest(self, request: wire.Fit) -> bytes:
        """Content of a fit: what it asks for, with the content of `init` in place of its number."""
        start = b"" if request.init is None else b"init" + self._digests[request.init]
        return hashlib.sha256(start + _sha(msgspec.structs.replace(request, init=None))).digest()

    def _seed(self, digest: bytes) -> int:
        named = hashlib.sha256(f"fit/{self._order.seed}/".encode() + digest).digest()
        return int.from_bytes(named[:8], "little") >> 1

    def _vanilla_flops(self) -> float:
        """A fit on all training rows and a prediction of the holdout."""
        train, test = (split.tokens(np.arange(len(split))) for split in self._splits.values())
        factor = FORWARD
        if self._order.mode == "finetune":
            factor += TRAINING[self._order.finetune.adapter] * self._order.finetune.epochs
        return self._shape.parameters * (factor * train + FORWARD * test)


def _sha(request: msgspec.Struct) -> bytes:
    return hashlib.sha256(msgspec.msgpack.encode(request)).digest()


def _values(values: npt.NDArray[Any]) -> wire.Values:
    return wire.Values(wire.pack(values, "f8"))
