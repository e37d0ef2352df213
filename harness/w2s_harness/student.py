"""What a method trains with in its worker: a student to ask, handles of what was trained.

Nothing here computes: every call is a request to the student service, which has the model and the text.
Arguments are checked before they leave, so that a mistake is told in the method's own words.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from w2s_harness import arguments
from w2s_harness.arguments import StudentError as StudentError
from w2s_harness.errors import nearest
from w2s_harness.rows import Rows as Rows
from w2s_harness.wire import messages as wire

Float: TypeAlias = npt.NDArray[np.float64]
Loss: TypeAlias = Literal["xent"] | tuple[Literal["logconf", "product"], Mapping[str, float]]
Shot: TypeAlias = "tuple[Rows, float]"

LOSSES = ("xent", "logconf", "product")
COMBINATIONS = ("logit-mean", "mean")
_Answer = TypeVar("_Answer", bound=wire.Message)


class Connection(Protocol):
    """The way to the student service: one request, one reply."""

    def call(self, request: wire.Request) -> wire.Reply:
        """Send `request` and wait for its reply."""
        ...


class Handle:
    """A trained student, or a combination of students, kept by the service until the cell ends."""

    __slots__ = ("_connection", "_id", "_trace")

    def __init__(self, connection: Connection, handle: int, trace: Float | None = None) -> None:
        self._connection = connection
        self._id = handle
        self._trace = trace

    @property
    def trace(self) -> Float | None:
        """(2, m) loss of each training row after the first and after the last epoch.

        `None` unless the student was fitted with `trace=True`.
        """
        return self._trace

    def predict(self, rows: Rows) -> Float:
        """(m,) P(label = 1) of each row, in [0, 1].

        Rows of the training phase; test rows only with `inference` (after `fit`) or `transductive`.
        Raises `StudentError` where the service refuses.
        """
        reply = _ask(self._connection, wire.Predict(self._id, _rows(rows)._ref()), wire.Values)
        return _floats(reply.values, ndim=1)

    def losses(self, rows: Rows, targets: npt.ArrayLike) -> Float:
        """(m,) cross-entropy of each row, in nats, of this student against `targets` (m,) in [0, 1].

        Raises `StudentError` for targets of another length, NaN or outside [0, 1].
        """
        column = arguments.column("targets", targets, len(_rows(rows)), high=1.0)
        reply = _ask(self._connection, wire.Losses(self._id, rows._ref(), wire.pack(column)), wire.Values)
        return _floats(reply.values, ndim=1)

    def __repr__(self) -> str:
        return f"<student {self._id}>"


class Student:
    """The strong student, as a method sees it: ask it to train, predict or show its features.

    Every call is metered (fits, tokens, FLOPs) and bounded; `budget` says what is left.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        kind: Literal["verify", "preference"],
        layers: int,
        features: int,
        templates: Sequence[str],
    ) -> None:
        self._connection = connection
        self._kind = kind
        self._layers = layers
        self._features = features
        self._templates = tuple(templates)

    @property
    def layers(self) -> int:
        """How many layers `embed(layer=k)` can read, k in 0 .. layers - 1; layer 0 is the embeddings."""
        return self._layers

    @property
    def features(self) -> int:
        """Width d of the probe's own vector (`embed(layer="features")`); 0 where the pair's mode has none."""
        return self._features

    @property
    def templates(self) -> tuple[str, ...]:
        """Names of the pair's zero-shot templates; the first is the default."""
        return self._templates

    @property
    def budget(self) -> wire.Left:
        """What the cell may still spend: `.fits`, `.handles`, `.flops`."""
        return _ask(self._connection, wire.Budget(), wire.Left)

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

        :param rows: m training rows; a row may come more than once.
        :param targets: (m,) what P(label = 1) should be, soft or hard, in [0, 1].
        :param weight: (m,) finite, not negative, not all zero; how much each row counts. None: all alike.
        :param loss: `"xent"`, cross-entropy; `("logconf", {"a": .75})`, the target becomes
            (1 - a) w + a [s > t], with the student's own s and a threshold t that keeps w's balance;
            `("product", {"alpha": 1, "beta": 1})`, the target is proportional to w^alpha s^beta
            (both Burns et al. 2023, arXiv:2312.09390).
        :param epochs: passes over the rows; None: the pair's own setting, tuned alike for all methods.
        :param lr: learning rate; None: the pair's own.
        :param init: start from this student instead of from the pair's initial one.
        :param seed: another draw of initialisation and order; None: the cell's own.
        :param trace: keep each row's first and last loss in `handle.trace`.

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
        )
        reply = _ask(self._connection, request, wire.Handled)
        return Handle(self._connection, reply.handle, _floats(reply.trace, ndim=2) if reply.trace else None)

    def zero_shot(self, rows: Rows, template: str | None = None, shots: Sequence[Shot] = ()) -> Float:
        """(m,) log-odds of label 1 that the untrained student gives under a prompt template.

        :param template: a name from `templates`, or a text of at most 2,000 characters with the literals
            `{question}`, `{choice}`, ...; None: the first of `templates`.
        :param shots: (one training row, label in [0, 1]) pairs put before the question, for few-shot
            prompting. Labels can only be weak ones: a method holds no other.
        """
        given = tuple(_shot(row, label) for row, label in shots)
        reply = _ask(self._connection, wire.ZeroShot(_rows(rows)._ref(), template, given), wire.Values)
        return _floats(reply.values, ndim=1)

    def prior(self, template: str | None = None, bias: float = 0.0) -> Handle:
        """A student that is never trained: it predicts sigmoid(zero-shot margin + bias)."""
        request = wire.Prior(template, arguments.number("bias", bias))
        return Handle(self._connection, _ask(self._connection, request, wire.Handled).handle)

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
            if not -self._layers <= layer < self._layers:
                raise StudentError(f"layer is {layer}, but the student has {self._layers} layers")
            at = int(layer) % self._layers
        request = wire.Embed(_rows(rows)._ref(), at, answer, template)
        return _floats(_ask(self._connection, request, wire.Values).values, ndim=2)

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
        members = tuple(_handle("handles", h)._id for h in handles)
        request = wire.Ensemble(members, how, float(trim), bool(swap_average))
        return Handle(self._connection, _ask(self._connection, request, wire.Handled).handle)

    def head(self, weights: npt.ArrayLike, bias: float = 0.0) -> Handle:
        """A student with a linear head that the method worked out itself.

        It predicts sigmoid(features @ weights + bias), with `weights` (d,) for `embed(layer="features")`.
        """
        if not self._features:
            raise StudentError("this pair's students have no feature vector for a head to act on")
        vector = arguments.column("weights", weights, self._features, low=-math.inf)
        request = wire.Head(wire.pack(vector), arguments.number("bias", bias))
        return Handle(self._connection, _ask(self._connection, request, wire.Handled).handle)


def _ask(connection: Connection, request: wire.Request, kind: type[_Answer]) -> _Answer:
    reply = connection.call(request)
    if isinstance(reply, wire.Refused):
        raise StudentError(reply.reason)
    if not isinstance(reply, kind):
        raise StudentError(f"the service answered {type(request).__name__} with {type(reply).__name__}")
    return reply


def _floats(array: wire.Array, *, ndim: int) -> Float:
    return wire.unpack(array, ndim=ndim).astype(np.float64)


def _rows(rows: Rows) -> Rows:
    if not isinstance(rows, Rows):
        raise StudentError(
            f"expected rows, such as problem.rows or problem.rows[keep], got {type(rows).__name__}"
        )
    return rows


def _some(rows: Rows) -> int:
    if not len(_rows(rows)):
        raise StudentError("there are no rows to train on")
    return len(rows)


def _handle(name: str, value: Handle) -> Handle:
    if not isinstance(value, Handle):
        raise StudentError(f"{name}: expected what student.fit(...) returned, got {type(value).__name__}")
    return value


def _loss(loss: Loss) -> tuple[wire.Loss, dict[str, float]]:
    name, options = (loss, {}) if isinstance(loss, str) else loss
    if name not in LOSSES:
        raise StudentError(
            f"loss is {name!r}, expected one of {', '.join(LOSSES)}{nearest(str(name), LOSSES)}"
        )
    return name, {str(k): arguments.number(f"loss option {k}", v) for k, v in options.items()}


def _shot(row: Rows, label: float) -> tuple[int, float]:
    if len(_rows(row)) != 1 or row._phase != "train" or row._swap.any():
        raise StudentError("a shot is one training row, not swapped, and its label: (rows[3], 1.0)")
    if not 0.0 <= arguments.number("a shot's label", label) <= 1.0:
        raise StudentError(f"a shot's label is {label}, expected a number in [0, 1]")
    return int(row._index[0]), float(label)
