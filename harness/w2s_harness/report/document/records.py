"""What a leaderboard says of its rows and settings: references, verdicts, claims, controls."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from w2s_harness.contract.types import OFF, REVIEW

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


class RowBaselines(BoardPart, frozen=True, kw_only=True):
    """Weak floor and ceiling that a row was scored against, where they are not its setting's."""

    weak: Annotated[float, Meta(ge=0, le=1)]
    """The weak floor."""
    ceiling: Annotated[float, Meta(ge=0, le=1)]
    """The ceiling."""
