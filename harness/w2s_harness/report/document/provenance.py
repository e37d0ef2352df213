"""Where the numbers of a leaderboard come from: models, training, code, people, and what it cost."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from w2s_harness.report.document.records import Accuracy, BoardPart, Count


class Hyper(BoardPart, frozen=True, kw_only=True):
    """What the student's training was set to, for vanilla and all methods alike."""

    C: float | None
    """Inverse L2 strength of the probe: the one-standard-error rule on weak labels; null in `finetune`."""
    ceiling_C: float | None = None
    """The ceiling's own, chosen against its gold labels; null in `finetune`."""
    epochs: float | None
    """Passes over the data; null under the solver `exact`."""
    lr: float | None
    """Learning rate; null under the solver `exact`."""
    grid: dict[str, list[float]]
    """What weak-label cross-validation chose from, by name; empty where the pair's settings stood."""


class ModelRecord(BoardPart, frozen=True, kw_only=True):
    """A model that was used."""

    source: str
    """Hub id, or the name of a packaged or local model."""
    revision: str | None
    """Hub revision as it was named; null for the main branch and for models that are no hub's."""
    dtype: str
    """Number type of the weights in use."""
    sha256: str | None
    """Digest of the weights, config and tokenizer; null where it could not be had."""
    commit: str | None = None
    """The hub commit that was read; null for models that are no hub's."""
    context: int | None = None
    """Tokens of a text at most; a longer one loses the start of its question."""
    n_cut: Count | None = None
    """Rows of the task that were cut to `context`; null where it was not counted."""
    readout: str | None = None
    """How a response becomes a vector: surprise, mean or last."""
    device: str | None = None
    """Where the model was first loaded: cpu, cuda:0, ..."""
    chat: str | None = None
    """The chat template around a question; null where texts are read without one."""
    templates: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)
    """How the untrained model is asked, by name; the first of `template_order` is the default."""
    template_order: list[str] = msgspec.field(default_factory=list)
    """The names of `templates` in their order."""
    notes: list[str] = msgspec.field(default_factory=list)
    """What was done to its checkpoint, or left out of it, in a phrase each."""


class Compute(BoardPart, frozen=True, kw_only=True):
    """What a row's cells cost, metered as if nothing were cached."""

    fits: Count
    """Calls of `fit`."""
    tokens: Count
    """Tokens that went through a model."""
    flops: Annotated[float, Meta(ge=0)]
    """Floating-point operations of models and, in probe mode, of training the head."""
    solves: Count = 0
    """Optimisations of a head to its optimum, by fits of the solver `exact`; a loss fitted in rounds has
    several."""
    steps: Count = 0
    """Evaluations of the objective by those, and steps of Adam by `path` and `finetune`."""
    epochs: Annotated[float, Meta(ge=0)] = 0.0
    """Passes over training rows in minibatches, by fits of `path` and `finetune`."""


class Fits(BoardPart, frozen=True, kw_only=True):
    """Fits of a row that share solver and loss, over its cells: least and greatest of what each did."""

    model: Count
    """0: the strong student; k: the k-th smaller one of the pair's ladder."""
    solver: str
    """`exact`, `path` or `finetune`."""
    loss: str
    """`xent`, `logconf` or `product`."""
    count: Annotated[int, Meta(ge=1)]
    """How many fits."""
    rows: tuple[Count, Count]
    """Distinct rows of positive weight: copies of a row are one, and so are a preference and its swap."""
    weight: tuple[float, float]
    """Sum of the weights as the method gave them, 1 a row without; a fit uses their proportions alone."""
    c_effective: tuple[float, float] | None
    """C x rows / rows of the seed's draw: the C at which a fit on all rows has the same penalty, so vanilla's
    own C for all of them. Null in `finetune`, which has no penalty."""
    steps: tuple[Count, Count]
    """Evaluations of the objective (`exact`), or steps of Adam."""
    epochs: tuple[float, float]
    """Passes over the rows in minibatches; 0 for `exact`."""
    sharpness: tuple[Accuracy, Accuracy]
    """Mean |2 target - 1| by weight: targets pulled towards 1/2 act like a smaller C."""


class SourceRecord(BoardPart, frozen=True, kw_only=True):
    """Where a method's code came from."""

    distribution: str | None
    """The package; null for a file."""
    version: str | None
    """Its version."""
    sha256: str | None
    """Digest of the code; null where it was refused unread."""
    editable: bool
    """Is it an editable install?"""
    shipped: bool = False
    """Does w2s-harness ship it? What others wrote needs labels that are not public for a claim."""


class PluginRecord(BoardPart, frozen=True, kw_only=True):
    """A trusted plugin that was loaded."""

    name: str
    """Its entry-point name, or its file."""
    distribution: str | None
    """The package; null for a file."""
    version: str | None
    """Its version."""
    sha256: str | None
    """Digest of its files."""


class HarnessRecord(BoardPart, frozen=True, kw_only=True):
    """The software that computed the numbers."""

    version: str
    """Version of w2s-harness."""
    sha256: str | None
    """Digest of its code."""
    packages: dict[str, str]
    """Versions of what the numbers hang on, such as torch."""
    plugins: list[PluginRecord]
    """Trusted plugins, sorted by name."""


class Author(BoardPart, frozen=True, kw_only=True):
    """Who wrote a method, and what it took."""

    kind: Literal["human", "agent", "both"]
    """People, language models or plain search (`agent`), or both."""
    who: str = ""
    """An agent of the run, or the authors that the method names."""
    hours: Annotated[float, Meta(ge=0)] | None = None
    """Hours of work that went into it; null where nobody said."""
    lines: Count | None = None
    """Lines of code that are neither blank, comment nor docstring."""
    family: str = ""
    """The kind of idea, one of eleven; empty where nobody said."""
    lineage: str = ""
    """Of which line of descent it is; copies and renamed methods share theirs."""
    read: list[str] = msgspec.field(default_factory=list)
    """Findings and methods of others that its author had read before."""
    title: str = ""
    """What its author calls it."""


class Cost(BoardPart, frozen=True, kw_only=True):
    """What a method cost to find, in US dollars."""

    usd: Annotated[float, Meta(ge=0)]
    """Tokens and compute together."""
    tokens_usd: Annotated[float, Meta(ge=0)] = 0.0
    """Calls of language models."""
    compute_usd: Annotated[float, Meta(ge=0)] = 0.0
    """Seconds of the host's machine at the plan's rate."""
    agent_hours: Annotated[float, Meta(ge=0)] = 0.0
    """Hours that its author had worked when it was submitted."""


class Review(BoardPart, frozen=True, kw_only=True):
    """What a reviewer decided about a method's code."""

    decision: Literal["accept", "reject"]
    """The last sign-off for this source."""
    by: str
    """Who signed."""
    reason: str
    """Why, in the reviewer's words."""
    at: str
    """When, as ISO 8601 in UTC."""
