"""One cell's student: serves a worker's requests and meters them.

A request is untrusted. What breaks a rule is answered with `Refused`; a spent budget refuses for good. Every
fit seeds itself from the cell's seed and its own content, so that no order of requests or cells matters.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from w2s_harness.contract.access import for_test_rows, opens
from w2s_harness.contract.errors import BudgetError, ModelError, UnableError, WorkerError
from w2s_harness.contract.kinds import kind_of
from w2s_harness.contract.types import Model
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.students.control import Meter, OpenCell, Opened
from w2s_harness.students.lm import zero_shot
from w2s_harness.students.meter import TRAINING, Account
from w2s_harness.students.probe.probe import (
    BATCH,
    Floats,
    Path,
    Probe,
    cross_entropy,
    fit_exact,
    sigmoid,
    steps_of,
)
from w2s_harness.students.session import requests
from w2s_harness.students.session.reading import Embeddings, Notebook
from w2s_harness.students.session.requests import (
    CheckedFit,
    FittedHandle,
    Given,
    facts,
    solver_of,
    steps_asked,
    vanilla_flops,
)
from w2s_harness.students.session.trained import (
    EnsembleHandle,
    KeptStudent,
    PriorHandle,
    ProbeHandle,
    RowSet,
    TunedHandle,
    margins,
    scored,
)
from w2s_harness.students.shelf import ChainModel, Shelf

MAX_READINGS = 256
"""Of one row by an ensemble, those of the ensembles in it included."""


@dataclass(frozen=True, slots=True)
class _KeptHandle:
    """A handle and what is known of it."""

    handle: KeptStudent
    digest: bytes
    """Of its content."""
    model: int
    """0: the strong student's; k: the k-th student's of the chain."""


class CellSession:
    """A cell between `OpenCell` and `CloseCell`."""

    def __init__(self, order: OpenCell, shelf: Shelf) -> None:
        """Raises `ModelError` where model, settings or files do not fit together."""
        self._order, self._kind = order, kind_of(order.kind)
        strong = ChainModel(order.model, order, shelf, is_strong=True)
        self._rungs = [strong, *(ChainModel(model, order, shelf) for model in order.chain)]
        self._weak = None if order.weak is None else ChainModel(order.weak, order, shelf)
        self._account = Account(strong.shape.parameters, order.limits, vanilla_flops(order, strong))
        self._handles: list[_KeptHandle] = []
        self._notes = Notebook(order.limits.handles)
        self._embeddings = Embeddings(self._kind, shelf)
        self._cache: dict[bytes, FittedHandle] = {}
        self._is_testing = False

    @property
    def model(self) -> Model:
        """The strong student's."""
        return self._order.model

    @property
    def opened(self) -> Opened:
        """What the worker is told of the student."""
        strong, *smaller = self._rungs
        size = self._measured(strong)
        # those of the ladder are not loaded to be asked whether they predict tokens
        chain = tuple(rung.names for rung in smaller)
        return Opened(size.layers, size.features, tuple(strong.templates), chain)

    def serve(self, request: wire.Request) -> wire.Reply:
        """Answer one request of the worker."""
        with self._account.clock():
            try:
                return self._answer(request)
            except BudgetError as spent:
                return wire.Refused(str(spent), fatal=True)
            except UnableError as unable:
                return wire.Refused(str(unable), unable=True)
            except (WorkerError, ModelError) as refused:
                return wire.Refused(str(refused))

    def begin_test(self) -> None:
        """From now on an `inference` worker sees test handles, and can train no more."""
        self._is_testing = True

    def predict_test(self, handle: int) -> Floats:
        """(n_test,) P(label = 1) of the holdout in test order; a preference is averaged over the swap.

        Raises `WorkerError` for an unknown handle and for one of the chain, `BudgetError` over the limit.
        """
        with self._account.clock():
            split = self._rungs[0].splits["test"]
            rows = RowSet(split, np.arange(len(split)))
            self._account.predict()
            kept = self._kept(handle)
            if kept.model:
                raise WorkerError("fit returned a student of the chain; the strong student is what is scored")
            return sigmoid(scored(kept.handle, rows, self._kind, self._account))

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
                return _values(sigmoid(self._logits(request)))
            case wire.Losses():
                return self._losses(request)
            case wire.ZeroShotMargins():
                return self._zero_shot(request)
            case wire.Embed():
                return self._embed(request)
            case wire.Prior():
                return self._prior(request)
            case wire.Generate():
                return self._generate(request)
            case wire.Measure():
                return self._measured(self._rung(request.model))
            case wire.EnsembleOf():
                return self._ensemble(request)
            case wire.Head():
                return self._head(request)
            case wire.Budget():
                fits, flops = self._account.left()
                return wire.Left(fits, self._order.limits.handles - len(self._handles), flops)

    def _fit(self, request: wire.Fit) -> wire.Reply:
        rung = self._rung(request.model)
        rows = self._rows(request.rows, rung)
        targets, weight, loss = requests.fit(request, len(rows), self._order.limits.epochs)
        init = None if request.init is None else self._member("init", request.init, request.model).handle
        given, solver = Given(rows, targets, weight), solver_of(request, self._order.mode)
        epochs, lr = steps_asked(request, self._order, solver)
        digest = self._digest(given.canonical(request, epochs, lr))
        job = CheckedFit(given, loss, solver, epochs, lr, init, request.model, self._seed(digest))
        account = rung.account(self._account)
        self._charge_fit(job, rung, account)
        if digest not in self._cache:
            self._cache[digest] = self._trained(job)
        found = self._cache[digest]
        if solver == "exact":
            self._account.solved(len(given.rows), rung.shape.features, found.steps)
        c = None if solver == "finetune" else self._order.probe.c
        self._account.trained(facts(job, found, c, len(rung.splits["train"])))
        reply = self._keep(found.handle, digest, request.model)
        if not request.trace or found.met is None:
            return reply
        rest = found.handle.logits(given.without, account) if len(given.without) else np.empty(0)
        return wire.Handled(reply.handle, wire.pack(given.losses(found.met, rest)))

    def _charge_fit(self, job: CheckedFit, rung: ChainModel, account: Account) -> None:
        rows = job.given.rows
        account.fit(job.solver)
        tokens = rows.split.tokens(rows.index)
        account.read(tokens)
        if job.solver == "finetune":
            account.read(int(job.epochs * tokens), TRAINING[self._order.finetune.adapter])
        if job.solver == "path":
            account.pass_over(len(rows), rung.shape.features, job.epochs)

    def _trained(self, job: CheckedFit) -> FittedHandle:
        if job.solver == "finetune":
            return self._finetuned(job)
        given, settings, kind = job.given, self._order.probe, self._kind
        x = given.rows.split.features(given.rows.index)
        if job.solver == "exact":
            most = self._account.evaluations_left(*x.shape)
            solved = fit_exact(
                x, given.targets, kind, c=settings.c, weight=given.weight, loss=job.loss, most=most
            )
            return FittedHandle(ProbeHandle(solved), solved.steps, solved.solves)
        if job.init is not None and not isinstance(job.init, ProbeHandle):
            raise WorkerError("init must be a handle that fit or head gave")
        path = Path(
            x, given.targets, kind,
            c=settings.c, lr=job.lr, seed=job.seed, weight=given.weight, loss=job.loss,
            init=None if job.init is None else job.init.probe,
        )  # fmt: skip
        path.run(job.epochs, job.epochs)
        probe = path.probe()
        if not np.isfinite(probe.weights).all():
            raise WorkerError("the training diverged; take a smaller lr")
        return FittedHandle(ProbeHandle(probe), steps_of(len(x), job.epochs, BATCH), met=path.margins())

    def _finetuned(self, job: CheckedFit) -> FittedHandle:
        if job.init is not None and not isinstance(job.init, TunedHandle):
            raise WorkerError("init must be a handle that fit gave")
        given, trainer = job.given, self._rung(job.model).trainer
        state, met = trainer().train(
            given.rows.texts(), self._kind, given.targets,
            weight=given.weight, loss=job.loss, epochs=job.epochs, lr=job.lr, seed=job.seed,
            init=None if job.init is None else job.init.state,
        )  # fmt: skip
        steps = steps_of(len(given.rows), job.epochs, self._order.finetune.batch)
        return FittedHandle(TunedHandle(state, trainer, self._kind), steps, met=met)

    def _losses(self, request: wire.Losses) -> wire.Reply:
        n = len(requests.rows(request.rows, self._rungs[0].splits, self._kind))
        targets = requests.column("targets", request.targets, n, 0.0, 1.0)
        return _values(cross_entropy(targets, self._logits(request)))

    def _logits(self, request: wire.Predict | wire.Losses) -> Floats:
        kept = self._kept(request.handle)
        rung = self._rung(kept.model)
        distinct, place = self._rows(request.rows, rung).distinct()
        self._account.predict()
        return kept.handle.logits(distinct, rung.account(self._account))[place]

    def _zero_shot(self, request: wire.ZeroShotMargins) -> wire.Reply:
        rung = self._reader(request).predicting()
        rows = self._rows(request.rows, rung)
        template = zero_shot.resolve(rung.templates, request.template, self._kind)
        shots, notes = self._shots(request.shots), self._notes.read(request.notes, len(rows))
        self._account.predict()
        account = rung.account(self._account)
        # the copies of a row may have notes of their own
        distinct, place = rows.distinct() if notes is None else (rows, slice(None))
        found = margins(rung.model, template, distinct, self._kind, shots, account, notes)
        return _values(found[place])

    def _reader(self, request: wire.ZeroShotMargins) -> ChainModel:
        if request.reader == "strong":
            return self._rung(request.model)
        if self._weak is None or not self._may(request):
            raise WorkerError("the plan does not let this method ask the weak model")
        return self._weak

    def _shots(self, given: Sequence[tuple[int, float]]) -> list[tuple[TextRow, float]]:
        train = self._rungs[0].splits["train"]
        for at, label in given:
            requests.number("a shot's row", at, 0, len(train) - 1)
            requests.number("a shot's label", label, 0.0, 1.0)
        texts = train.texts(np.array([at for at, _ in given], np.int64)) if given else []
        return [(text, label) for text, (_, label) in zip(texts, given, strict=True)]

    def _generate(self, request: wire.Generate) -> wire.Reply:
        if not self._may(request):
            raise WorkerError("the plan does not let this method generate")
        rows = self._rows(request.rows, self._rungs[0])
        return self._notes.write(request, self._rungs[0].predicting(), rows, self._kind, self._account)

    def _prior(self, request: wire.Prior) -> wire.Reply:
        rung = self._rung(request.model).predicting()
        template = zero_shot.resolve(rung.templates, request.template, self._kind)
        bias = requests.number("bias", request.bias, -1e6, 1e6)
        shots = tuple(self._shots(request.shots))
        handle = PriorHandle(template, bias, rung.model, self._kind, shots)
        return self._keep(handle, _sha(request), request.model)

    def _ensemble(self, request: wire.EnsembleOf) -> wire.Reply:
        if not 1 <= len(request.handles) <= self._order.limits.handles:
            raise WorkerError(f"an ensemble is of 1 to {self._order.limits.handles} handles")
        trim = requests.number("trim", request.trim, 0.0, 0.499)
        if request.swap_average and not self._kind.is_paired:
            raise WorkerError(f"rows of a {self._kind.name} task have no swap to average over")
        model = self._kept(request.handles[0]).model
        members = [self._member("ensemble", handle, model) for handle in request.handles]
        digests = b"".join(member.digest for member in members)
        digest = hashlib.sha256(digests + _sha(msgspec.structs.replace(request, handles=()))).digest()
        handles = tuple(member.handle for member in members)
        made = EnsembleHandle(handles, request.how, trim, request.swap_average)
        if made.readings > MAX_READINGS:
            raise WorkerError(
                f"an ensemble that reads each row {made.readings} times is over the {MAX_READINGS} allowed; "
                "combine fewer students"
            )
        return self._keep(made, digest, model)

    def _head(self, request: wire.Head) -> wire.Reply:
        if self._order.mode != "probe":
            raise WorkerError("a head acts on frozen features: it needs a pair in the mode probe")
        width = self._rung(request.model).shape.features
        weights = requests.column("weights", request.weights, width, -1e9, 1e9)
        bias = requests.number("bias", request.bias, -1e9, 1e9)
        probe = Probe(np.zeros(width), np.ones(width), weights, bias)
        return self._keep(ProbeHandle(probe), _sha(request), request.model)

    def _embed(self, request: wire.Embed) -> wire.Reply:
        if not self._may(request):
            raise WorkerError("the plan grants no embeddings to this method")
        rung = self._rung(request.model)
        rows = self._rows(request.rows, rung)
        self._account.embed()
        return self._embeddings.read(request, rung, rows, rung.account(self._account))

    # -- what they share --------------------------------------------------------------------------------

    def _may(self, request: wire.Request) -> bool:
        return opens(self._order.access, wire.call_of(request))

    def _rung(self, model: int) -> ChainModel:
        if not 0 <= model < len(self._rungs):
            raise WorkerError(f"there is no student {model}: the chain has {len(self._rungs) - 1}")
        return self._rungs[model]

    def _measured(self, rung: ChainModel) -> wire.StudentSize:
        return wire.StudentSize(rung.shape.layers, rung.shape.features if self._order.mode == "probe" else 0)

    def _rows(self, ref: wire.RowsRef, rung: ChainModel) -> RowSet:
        is_early = not self._is_testing and for_test_rows("while fitting") not in self._order.access
        if ref.phase == "test" and is_early:
            raise WorkerError("test rows are not to be had while a method fits")
        return requests.rows(ref, rung.splits, self._kind)

    def _kept(self, handle: int) -> _KeptHandle:
        if not 0 <= handle < len(self._handles):
            raise WorkerError(f"there is no handle {handle}")
        return self._handles[handle]

    def _member(self, where: str, handle: int, model: int) -> _KeptHandle:
        """A handle that is of `model`, for only such may meet another of it."""
        kept = self._kept(handle)
        if kept.model != model:
            raise WorkerError(f"{where}: students of different models cannot be mixed")
        return kept

    def _keep(self, handle: KeptStudent, digest: bytes, model: int) -> wire.Handled:
        if len(self._handles) >= self._order.limits.handles:
            raise BudgetError(f"the cell asked for more than {self._order.limits.handles} handles")
        self._handles.append(_KeptHandle(handle, digest, model))
        return wire.Handled(len(self._handles) - 1)

    def _digest(self, request: wire.Fit) -> bytes:
        """Content of a fit: what it asks for, with the content of `init` in place of its number."""
        start = b"" if request.init is None else b"init" + self._kept(request.init).digest
        return hashlib.sha256(start + _sha(msgspec.structs.replace(request, init=None))).digest()

    def _seed(self, digest: bytes) -> int:
        named = hashlib.sha256(f"fit/{self._order.seed}/".encode() + digest).digest()
        return int.from_bytes(named[:8], "little") >> 1


def _sha(request: msgspec.Struct) -> bytes:
    """Content of a request; the strong student's is what it was before there were others."""
    fields = msgspec.to_builtins(request, builtin_types=(bytes,))
    if fields.get("model") == 0:
        del fields["model"]
    return hashlib.sha256(msgspec.msgpack.encode(fields)).digest()


def _values(values: npt.NDArray[Any]) -> wire.Values:
    return wire.Values(wire.pack(values, "f8"))
