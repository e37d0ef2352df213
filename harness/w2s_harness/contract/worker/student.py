"""What a method trains with in its worker: a student to ask, handles of what was trained.

Nothing here computes: every call is a request to the student service, which has the model and the text.
Arguments are checked before they leave, so that a mistake is told in the method's own words.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.errors import nearest
from w2s_harness.contract.kinds import KindName
from w2s_harness.contract.worker import arguments
from w2s_harness.contract.worker.arguments import StudentError as StudentError
from w2s_harness.contract.worker.handles import Connection as Connection
from w2s_harness.contract.worker.handles import Float, ask, floats, rows_of
from w2s_harness.contract.worker.handles import Handle as Handle
from w2s_harness.contract.worker.handles import Notes as Notes
from w2s_harness.contract.worker.handles import Rows as Rows
from w2s_harness.contract.worker.wire import messages as wire

Loss: TypeAlias = Literal["xent"] | tuple[Literal["logconf", "product"], Mapping[str, float]]
Shot: TypeAlias = "tuple[Rows, float]"

LOSSES = ("xent", "logconf", "product")
COMBINATIONS = ("logit-mean", "mean")
READERS = ("strong", "weak")


class Student:
    """The strong student, as a method sees it: ask it to train, predict or show its features.

    Every call is metered (fits, tokens, FLOPs) and bounded; `budget` says what is left.
    A student of `chain` answers alike, apart from `generate`; its handles train and predict, but cannot be
    returned from `fit`, nor meet another model's in `init` or `ensemble`.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        kind: KindName,
        layers: int,
        features: int,
        templates: Sequence[str],
        abilities: Sequence[str] = (),
        chain: Sequence[Sequence[str]] = (),
        epochs: float = 5.0,
        lr: float = 0.01,
    ) -> None:
        self._connection = connection
        self._kind = kind
        self._model = 0
        self._size: wire.StudentSize | None = wire.StudentSize(layers, features)
        self.templates = tuple(templates)
        """Names of the pair's zero-shot templates; the first is the default."""
        self.abilities = tuple(abilities)
        """What the pair can do that not every pair can: of `"generate"` and `"few-shot"`.

        `"few-shot"`: examples in the prompt were measured to make the untrained student better.
        """
        self.epochs = epochs
        """Passes over the rows of a fit by steps that names none: the same for all methods."""
        self.lr = lr
        """Learning rate of a fit by steps that names none."""
        self.chain = tuple(self._smaller(k, names) for k, names in enumerate(chain, 1))
        """Smaller students that read the same rows, smallest first; empty where the pair has no ladder."""

    def _smaller(self, model: int, templates: Sequence[str]) -> Student:
        """The `model`-th student of the chain; how large it is is asked when it matters."""
        smaller = Student(
            self._connection,
            kind=self._kind,
            layers=0,
            features=0,
            templates=templates,
            epochs=self.epochs,
            lr=self.lr,
        )
        smaller._model, smaller._size = model, None
        return smaller

    @property
    def _measured(self) -> wire.StudentSize:
        if self._size is None:
            self._size = ask(self._connection, wire.Measure(self._model), wire.StudentSize)
        return self._size

    @property
    def layers(self) -> int:
        """How many layers `embed(layer=k)` can read, k in 0 .. layers - 1; layer 0 is the embeddings."""
        return self._measured.layers

    @property
    def features(self) -> int:
        """Width d of the probe's own vector (`embed(layer="features")`); 0 where the pair's mode has none."""
        return self._measured.features

    @property
    def budget(self) -> wire.Left:
        """What the cell may still spend: `.fits`, `.handles`, `.flops`."""
        return ask(self._connection, wire.Budget(), wire.Left)

    def fit(
        self,
        rows: Rows,
        targets: npt.ArrayLike,
        weight: npt.ArrayLike | None = None,
        loss: Loss = "xent",
        epochs: float | None = None,
        lr: float | None = None,
        init: Handle | None = None,
        seed: int | None = None,
        trace: bool = False,
    ) -> Handle:
        """Train a student on `rows` and return its handle.

        :param rows: m training rows. A row that comes more than once is one row, of the sum of its weights
            and their mean target; so are a preference and its swap, which say the same.
        :param targets: (m,) what P(label = 1) should be, soft or hard, in [0, 1].
        :param weight: (m,) finite, not negative, not all zero; how much each row counts. Only proportions
            matter: a fit divides weights by their mean over the n rows of positive weight, and rows of weight
            0 are left out as if they had not been given. None, and any constant: all alike.
        :param loss: `"xent"`, cross-entropy; `("logconf", {"a": .75})`, the target becomes
            (1 - a) w + a [s > t], with the student's own s and a threshold t that keeps w's balance;
            `("product", {"alpha": 1, "beta": 1})`, the target is proportional to w^alpha s^beta
            (both Burns et al. 2023, arXiv:2312.09390; the methods `logconf` and `product` say how theirs
            differ from the released code).
        :param epochs: passes over the rows; None: the pair's own setting, tuned alike for all methods.
        :param lr: learning rate; None: the pair's own.
        :param init: start from this student instead of from the pair's initial one; a probe's is written in
            the mean and scale of these rows first.
        :param seed: another draw of initialisation and order; None: the cell's own.
        :param trace: keep each row's first and last loss in `handle.trace`.

        The probe minimises the weighted mean cross-entropy plus |w|^2 / (2 C n): C is the pair's, so fewer
        rows are regularised more. What a fit came to (n, C n / rows of the draw, steps, weights as given)
        stands in the row's `fits`. No order of rows changes its bits.

        Naming `epochs`, `lr`, `init` or `trace` in probe mode trains with minibatches instead of to the
        optimum, and the cell is compared with `vanilla` by that solver.
        Raises `StudentError` for arguments of a wrong length, NaN or out of range, and when refused.
        """
        n = _some(rows)
        kind, options = _loss(loss)
        request = wire.Fit(
            rows._ref(),
            wire.pack(arguments.column("targets", targets, n, high=1.0)),
            weight=None if weight is None else wire.pack(arguments.weights(weight, n)),
            loss=kind,
            options=options,
            epochs=None if epochs is None else arguments.number("epochs", epochs, positive=True),
            lr=None if lr is None else arguments.number("lr", lr, positive=True),
            init=None if init is None else _handle("init", init)._id,
            seed=None if seed is None else arguments.seed(seed),
            trace=bool(trace),
            model=self._model,
        )
        if init is not None:
            _of_model("init", init, self._model)
        return self._handled(request)

    def zero_shot(
        self,
        rows: Rows,
        template: str | None = None,
        shots: Sequence[Shot] = (),
        *,
        notes: Notes | None = None,
        reader: wire.Reader = "strong",
    ) -> Float:
        """(m,) log-odds of label 1 that the untrained student gives under a prompt template.

        :param template: a name from `templates`, or a text of at most 2,000 characters with the literals
            `{question}`, `{choice}`, ...; None: the first of `templates`.
        :param shots: (one training row, label in [0, 1]) pairs put before the question, for few-shot
            prompting. Labels can only be weak ones: a method holds no other.
        :param notes: what `generate` wrote on these very rows; the template's literal `{note}` stands for
            the row's note.
        :param reader: `"weak"` asks the untrained weak model instead (access `generate`).

        Raises `StudentError` for notes on another number of rows, and where the service refuses.
        """
        if reader not in READERS:
            raise StudentError(f"reader is {reader!r}, expected one of {', '.join(READERS)}")
        request = wire.ZeroShotMargins(
            rows_of(rows)._ref(),
            template,
            _shots(shots),
            model=self._model,
            notes=None if notes is None else _notes(notes, len(rows)),
            reader=reader,
        )
        return floats(ask(self._connection, request, wire.Values).values, ndim=1)

    def prior(self, template: str | None = None, bias: float = 0.0, shots: Sequence[Shot] = ()) -> Handle:
        """A student that is never trained: it predicts sigmoid(zero-shot margin + bias).

        `template` and `shots` are as in `zero_shot`.
        """
        bias = arguments.number("bias", bias)
        return self._handled(wire.Prior(template, bias, model=self._model, shots=_shots(shots)))

    def generate(self, rows: Rows, template: str, max_tokens: int = 128) -> Notes:
        """Let the untrained student write on each row; needs the access `generate`.

        Decoding is greedy, row by row, so a row's note depends on nothing else. The text stays in the
        service: it is read through `zero_shot(rows, template, notes=...)`.

        :param template: the prompt, with literals as in `zero_shot`; what follows it is the note.
        :param max_tokens: of a note, 1 to 256; it ends sooner where the student ends it.

        Raises `StudentError` for a student of the chain, and where the service refuses.
        """
        if self._model:
            raise StudentError("only the strong student writes notes; its chain does not")
        if isinstance(max_tokens, bool) or not isinstance(max_tokens, int | np.integer):
            raise StudentError(f"max_tokens is {max_tokens!r}, expected a whole number")
        if not 1 <= max_tokens <= wire.MAX_NOTE:
            raise StudentError(f"max_tokens is {max_tokens}, expected 1 to {wire.MAX_NOTE}")
        request = wire.Generate(rows_of(rows)._ref(), str(template), int(max_tokens))
        return Notes(ask(self._connection, request, wire.Noted).notes, len(rows))

    def embed(
        self,
        rows: Rows,
        layer: int | Literal["features"] = "features",
        answer: Literal[0, 1] | None = None,
        template: str | None = None,
    ) -> Float:
        """(m, d) frozen hidden states of the untrained student; needs the access `embeddings`.

        :param layer: a layer's number (negative counts from the last), or `"features"`: the vector that the
            probe is trained on and that `head` weights act on.
        :param answer: 1 or 0 appends "correct" or "incorrect" to a verify row, as CCS needs it.
        :param template: the prompt around the row; None: the pair's own reading.
        """
        at = layer
        if layer != "features":
            if isinstance(layer, bool) or not isinstance(layer, int | np.integer):
                raise StudentError(f"layer is {layer!r}, expected 'features' or a number")
            if not -self.layers <= layer < self.layers:
                raise StudentError(f"layer is {layer}, but the student has {self.layers} layers")
            at = int(layer) % self.layers
        request = wire.Embed(rows_of(rows)._ref(), at, answer, template, self._model)
        return floats(ask(self._connection, request, wire.Values).values, ndim=2)

    def ensemble(
        self,
        handles: Sequence[Handle],
        how: wire.Combine = "logit-mean",
        trim: float = 0.0,
        swap_average: bool = False,
    ) -> Handle:
        """A student that combines others when it predicts.

        :param how: `"logit-mean"` averages log-odds, `"mean"` averages probabilities.
        :param trim: share in [0, 0.5) dropped at each end before averaging.
        :param swap_average: read preferences both ways round and average P and 1 - P(swap).
        """
        if not handles:
            raise StudentError("ensemble() needs at least one handle")
        if how not in COMBINATIONS:
            raise StudentError(f"how is {how!r}, expected one of {', '.join(COMBINATIONS)}")
        if not 0.0 <= arguments.number("trim", trim) < 0.5:
            raise StudentError(f"trim is {trim}, expected a share in [0, 0.5)")
        members = tuple(_of_model("handles", h, self._model)._id for h in handles)
        return self._handled(wire.EnsembleOf(members, how, float(trim), bool(swap_average)))

    def head(self, weights: npt.ArrayLike, bias: float = 0.0) -> Handle:
        """A student with a linear head that the method worked out itself.

        It predicts sigmoid(features @ weights + bias), with `weights` (d,) for `embed(layer="features")`.
        """
        if not self.features:
            raise StudentError("this pair's students have no feature vector for a head to act on")
        vector = arguments.column("weights", weights, self.features, low=-math.inf)
        return self._handled(wire.Head(wire.pack(vector), arguments.number("bias", bias), self._model))

    def _handled(self, request: wire.Request) -> Handle:
        reply = ask(self._connection, request, wire.Handled)
        trace = floats(reply.trace, ndim=2) if reply.trace else None
        return Handle(self._connection, reply.handle, trace, self._model)


def _some(rows: Rows) -> int:
    if not len(rows_of(rows)):
        raise StudentError("there are no rows to train on")
    return len(rows)


def _handle(name: str, value: Handle) -> Handle:
    if not isinstance(value, Handle):
        raise StudentError(f"{name}: expected what student.fit(...) returned, got {type(value).__name__}")
    return value


def _of_model(name: str, value: Handle, model: int) -> Handle:
    if _handle(name, value)._model != model:
        raise StudentError(
            f"{name}: a student of another model cannot stand here; the students of a chain share rows and "
            "labels, not handles"
        )
    return value


def _notes(notes: Notes, n: int) -> int:
    if not isinstance(notes, Notes):
        raise StudentError(f"notes: expected what student.generate(...) returned, got {type(notes).__name__}")
    if len(notes) != n:
        raise StudentError(f"there are {len(notes)} notes for {n} rows")
    return notes._id


def _loss(loss: Loss) -> tuple[wire.Loss, dict[str, float]]:
    name, options = (loss, {}) if isinstance(loss, str) else loss
    if name not in LOSSES:
        raise StudentError(
            f"loss is {name!r}, expected one of {', '.join(LOSSES)}{nearest(str(name), LOSSES)}"
        )
    return name, {str(k): arguments.number(f"loss option {k}", v) for k, v in options.items()}


def _shots(shots: Sequence[Shot]) -> tuple[tuple[int, float], ...]:
    for row, label in shots:
        if len(rows_of(row)) != 1 or row._phase != "train" or row._swap.any():
            raise StudentError("a shot is one training row, not swapped, and its label: (rows[3], 1.0)")
        if not 0.0 <= arguments.number("a shot's label", label) <= 1.0:
            raise StudentError(f"a shot's label is {label}, expected a number in [0, 1]")
    return tuple((int(row._index[0]), float(label)) for row, label in shots)
