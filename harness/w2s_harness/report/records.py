"""The small parts of the leaderboard document: settings of training, evidence, provenance."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from w2s_harness.types import OFF, REVIEW

Count = Annotated[int, Meta(ge=0)]
Accuracy = Annotated[float, Meta(ge=0, le=1)]


class BoardPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of everything in the document: frozen, by name, no unknown fields."""


class SeedAccuracy(BoardPart, frozen=True, kw_only=True):
    """Weak floor or ceiling of one baseline seed."""

    seed: int
    """The seed."""
    accuracy: Accuracy
    """On the whole holdout; a tie counts 1/2."""
    outcomes: str | UnsetType = UNSET
    """Right (1) or wrong (0) per row: packed bits, first row highest, base64. Not for private tasks."""
    ties: str | UnsetType = UNSET
    """The rows that count 1/2, packed likewise; absent where there is none."""


class StarPoint(BoardPart, frozen=True, kw_only=True):
    """One of the references that a best one was chosen from."""

    name: str
    """Such as `C=0.003`, or the name of a readout."""
    settings: dict[str, float]
    """What sets it apart, such as C, epochs and lr; may be empty."""
    accuracy: Accuracy
    """Transfer accuracy, mean over the seeds."""


class Star(BoardPart, frozen=True, kw_only=True):
    """The best of several references, chosen on the holdout in the references' own favour."""

    name: str
    """The point that was best."""
    accuracy: Accuracy
    """Its transfer accuracy, mean over the seeds."""
    points: list[StarPoint]
    """All that it was chosen from."""
    per_seed: list[SeedAccuracy]
    """The best point's, by seed of the plan."""


class OwnPart(BoardPart, frozen=True, kw_only=True):
    """How much accuracy goes when a world takes the teacher's own part away."""

    accuracy: float
    """Transfer accuracy minus the mean over the world's draws."""
    ci: tuple[float, float] | None
    """Its 95 % interval, with the variance of the draws."""
    pgr: float | None
    """The same over the gap; null without one."""
    pgr_ci: tuple[float, float] | None
    """Its 95 % interval."""


class Own(BoardPart, frozen=True, kw_only=True):
    """How much of a row is the teacher's: neither elicited nor regularised away."""

    echo: OwnPart | None
    """Against weak labels that keep only what the teacher shares with the untrained student."""
    decoy: OwnPart | None
    """Against weak labels whose own part points elsewhere, as strong and as smooth."""
    draws: Count
    """Draws of each world and seed."""
    verdict: Literal["weak supervision", "own, under elicitation", "elicitation", "unclear"] | None
    """What follows; null where it was not measured."""
    seeds_more: Count | None = None
    """Where it is unclear: seeds that it would take beyond the plan's; null where seeds do not help."""
    strict: float | None = None
    """The echo's accuracy difference on one seed where it also keeps components and clusters of the untrained
    student's features: a lower bound. Null without `--counterfactuals all`."""
    reason: str | None = None
    """Why a number is null."""


class RowClaim(BoardPart, frozen=True, kw_only=True):
    """Whether a row carries a claim of weak supervision."""

    holds: bool
    """Better than `vanilla*` and `zero-shot*` on new pools after Holm, own above 0, nothing against it."""
    because: str
    """One line: what was shown, or why there is no claim."""
    p: Annotated[float, Meta(ge=0, le=1)] | None = None
    """The larger of its two p-values for new pools; null where one of the two could not be tested."""
    p_holm: Annotated[float, Meta(ge=0, le=1)] | None = None
    """After Holm over all rows of the plan but vanilla's, and the recorded attempts."""


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


class VerdictRecord(BoardPart, frozen=True, kw_only=True):
    """What a guard said."""

    guard: str
    """The guard's name."""
    level: Literal["ok", "note", "flag", "disqualify", "error"]
    """How grave it is."""
    because: str
    """One plain sentence."""
    numbers: dict[str, float]
    """The evidence."""
    again: str
    """The command that shows it again, where it is another than its row's; usually empty."""
    finding: str = ""
    """A class in a word, such as `teacher-driven` or `leak`; may be empty."""
    label_free: bool = False
    """Was it reached without gold labels?"""

    @property
    def is_off(self) -> bool:
        """Whether the plan went without this guard; the document says so in `because`."""
        return self.because == OFF

    @property
    def needs_review(self) -> bool:
        """Whether a person has to decide; the document says so in `finding`."""
        return self.finding == REVIEW

    @property
    def is_elicitation(self) -> bool:
        """Whether the row does not follow its teacher; the document says so in `finding`."""
        return self.finding == "elicitation"


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


class Control(BoardPart, frozen=True, kw_only=True):
    """A sanity control of the plan."""

    name: str
    """Which control."""
    task: str
    """The task."""
    pair: str
    """The pair."""
    accuracy: Annotated[float, Meta(ge=0, le=1)] | None
    """Its mean accuracy on the holdout over its draws; null where it could not be had."""
    ok: bool
    """Did it come out as it must?"""
    because: str
    """One plain sentence."""
    numbers: dict[str, float]
    """The evidence."""


class Claim(BoardPart, frozen=True, kw_only=True):
    """A sentence that the data allow."""

    sentence: str
    """Ready for a paper."""
    method: str
    """What it is about, with parameters as in a cell's id."""
    against: str
    """The reference."""
    significant: bool
    """Does it hold after correction?"""
    settings: list[str] = msgspec.field(default_factory=list)
    """The settings that it speaks of, as `task/pair`."""


class Calibration(BoardPart, frozen=True, kw_only=True):
    """How good a row's probabilities are, as means over its seeds."""

    brier: Annotated[float, Meta(ge=0, le=1)]
    """Mean squared difference of P(label = 1) and the label (Brier 1950)."""
    ece: Annotated[float, Meta(ge=0, le=1)]
    """Expected calibration error of P(label = 1): 15 bins of equal width (Guo et al. 2017)."""
    teacher_errors: Annotated[float, Meta(ge=0, le=1)] | None
    """Share of the holdout rows that the teacher gets wrong on which the row is wrong too; null where the
    teacher makes no error."""


class BestOf(BoardPart, frozen=True, kw_only=True):
    """What picking the best of several rows is worth by itself."""

    k: Annotated[int, Meta(ge=2)]
    """How many rows of the setting it is the best of."""
    optimism: float
    """Expected gain in transfer accuracy from picking the largest of k (crossed bootstrap)."""
    accuracy: float
    """Transfer accuracy less the optimism."""
    pgr: float | None
    """PGR less the optimism; null without a gap."""


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


class Judged(BoardPart, frozen=True, kw_only=True):
    """How far the votes on a judged holdout agree."""

    votes: Count
    """Votes on the holdout."""
    voters: Count | None
    """Who cast them; null where voters are anonymous."""
    noise_ceiling: Annotated[float, Meta(ge=0.5, le=1)]
    """Mean over rows of the largest vote share: no student agrees more with these votes."""
    agreement: Annotated[float, Meta(ge=0, le=1)] | None
    """Mean over rows of the chance that two different voters agree."""
    alpha: Annotated[float, Meta(le=1)] | None
    """Krippendorff's alpha, nominal."""
    resampled: Literal["voters and questions", "questions"]
    """What the intervals below and those of the rows are over: questions alone where voters are anonymous."""
    weak_ci: tuple[float, float] | None
    """95 % interval of the weak floor, for these seeds."""
    ceiling_ci: tuple[float, float] | None
    """95 % interval of the ceiling, for these seeds."""
    reason: str | None
    """Why a number is null."""
    largest: list[Annotated[float, Meta(ge=0.5, le=1)]] | None
    """The largest vote share of each holdout row, by which `outcomes` become accuracies; null for private
    tasks."""


class JudgedRow(BoardPart, frozen=True, kw_only=True):
    """A row's intervals over who voted and what was asked, for these seeds."""

    accuracy_ci: tuple[float, float] | None
    """95 % interval of the transfer accuracy over voters and questions."""
    pgr_ci: tuple[float, float] | None
    """95 % interval of the PGR over voters and questions."""
    reason: str | None
    """Why one is null."""


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


class RowBaselines(BoardPart, frozen=True, kw_only=True):
    """Weak floor and ceiling that a row was scored against, where they are not its setting's."""

    weak: Annotated[float, Meta(ge=0, le=1)]
    """The weak floor."""
    ceiling: Annotated[float, Meta(ge=0, le=1)]
    """The ceiling."""
