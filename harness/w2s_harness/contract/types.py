"""The nouns of the plugin contract: frozen dataclasses, standard library only.

Written once here, used by task, method and guard authors and by the harness itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from w2s_harness.contract.access import RIGHTS
from w2s_harness.contract.kinds import KindName

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from w2s_harness.contract.worker.student import Handle, Rows, Student

TaskKind = Literal[KindName, "judged"]
"""`judged`: rows of one of the two kinds above whose gold is a set of votes."""
Split = Literal["train_label", "train_unlabel", "test"]
Exposure = Literal["fresh", "private", "public"]
Track = Literal["w2s", "elicitation", "unknown"]
HoldoutPart = Literal["whole", "feedback", "final"]
Level = Literal["ok", "note", "flag", "disqualify", "error"]
REVIEW = "review"
"""The finding of a guard that leaves the decision to a person."""
OFF = "this guard was switched off"
"""What stands in a row for a guard of ours that its plan went without."""

ABILITIES = (*(right.ability for right in RIGHTS if right.ability), "few-shot")
"""What not every pair can do. `generate`: the strong student writes text that the weak model can read.
`few-shot`: examples in the prompt were measured to make the untrained student better."""
SPLITS: tuple[Split, ...] = ("train_label", "train_unlabel", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One labelled row of a task; lives in the host only.

    A `verify` row has `candidate`: is it a right answer to `prompt`? A `preference` row has `first`
    and `second`: is the first the better response to `prompt`? A row of a `judged` task has the texts of
    either, and `votes` in the place of `label`.
    """

    prompt: str
    label: bool | None = None
    """Gold: the candidate is right, or the first response is the better one; None in a judged task."""
    votes: tuple[int | None, ...] | None = None
    """Of a judged task: what each voter said, 1 or 0; None for a named voter who did not vote."""
    voters: tuple[str, ...] | None = None
    """Who gave each vote; None where that is not known, and then no order of the votes means anything."""
    group: str
    """Rows of one question share it; no split ever cuts a group."""
    candidate: str | None = None
    first: str | None = None
    second: str | None = None
    subset: str = ""
    """A mark that is scored apart, such as `in-distribution`."""
    answer: str = ""
    """What the candidate comes to (verify); two answers to one question cannot both be right. Empty where
    that does not hold or is not known."""
    split: Split | None = None
    """Where the task puts the row; `None` lets the harness split by group."""


class Task:
    """A binary question with a holdout. Subclass it, usually as a frozen dataclass.

    The fields of the dataclass are the task's settings: they ride on its name
    (`--tasks math:data_seed=7`) and stand in the plan and in the leaderboard.
    A field called `data_seed` says that the task is generated and can be drawn afresh (`--fresh`).
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    kind: ClassVar[TaskKind]
    exposure: ClassVar[Exposure] = "public"
    holds_code: ClassVar[bool] = False
    """Whether its texts hold programs, which a method with the access `text` could run."""
    share_true: ClassVar[float | None] = None
    """The share of true rows of a `verify` task, where it is known by construction; 1/2 of balanced classes.
    Zero-shot readouts then call that share of the training rows true; else they keep their own zero."""
    pair: ClassVar[str] = ""
    """The pair that it is made for, by name: where `--pairs` is not given, it runs on that. Empty: on the
    default pair."""
    guards: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
    """Settings of guards for this task, by the guard's name."""

    @property
    def data(self) -> Path:
        """The folder `data` beside the module that defines the task."""
        return Path(inspect.getfile(type(self))).parent / "data"

    def made_for(self) -> str:
        """The pair that the task is made for: `pair`, where none of its settings asks for another."""
        return self.pair

    def load(self) -> Iterable[Example]:
        """Yield every row of the task, in an order that depends on the settings alone.

        Runs in the host; labels never leave it. Raises `DataError` for a file that breaks its format.
        """
        raise TypeError(f"{type(self).__name__} defines no load()")


@dataclass(frozen=True, slots=True)
class Problem:
    """What a method sees of a task: no text, no ids, no gold labels."""

    kind: KindName
    """What its rows hold; `kind_of(problem.kind)` says what follows from it."""
    rows: Rows
    """The n unlabeled training rows, as handles."""
    weak: npt.NDArray[np.float64]
    """(n,) the weak teacher's P(label = 1) for each row, in [0, 1]."""
    test: Rows | None = None
    """The holdout's rows, only with the access `transductive`."""
    share_true: float | None = None
    """The share of true rows that the task states (`Task.share_true`); None where it states none."""
    # The access `groups` and `text` ride on the rows: `rows.group`, `rows.conflicts`, `rows.text`.


class Method:
    """A way to train the strong student from weak labels. Subclass it as a frozen dataclass.

    The fields of the dataclass are the method's parameters (`--methods confident:margin=0.3`).
    """

    name: ClassVar[str]
    access: ClassVar[tuple[str, ...]] = ()
    """What it needs beyond the minimum: `inference`, `transductive`, `embeddings`, ..."""
    track: ClassVar[Track] = "w2s"
    """`elicitation` for a method that does not depend on the teacher."""
    by_steps: ClassVar[bool] = False
    """Whether its fits name `epochs`, `lr`, `init` or `trace`, so that a probe trains by minibatches and the
    settings of that solver are chosen too; supposed of every method that w2s-harness does not ship."""
    authors: ClassVar[tuple[str, ...]] = ()
    authored_by: ClassVar[Literal["human", "agent", "both"]] = "human"
    authored_hours: ClassVar[float | None] = None
    """Hours of work that went into it; None where nobody says."""
    authored_usd: ClassVar[float | None] = None
    """What it cost to find, in US dollars; None where nobody says."""
    reference: ClassVar[str] = ""

    def fit(self, problem: Problem, student: Student, rng: np.random.Generator) -> Handle:
        """Train from weak labels; return what `student.fit`, `.ensemble`, `.prior` or `.head` gave.

        Raise `Skip` with a reason where the pair or the task cannot be served.

        With the access `inference`, any object with `predict(rows) -> (m,)` probabilities will do.
        """
        raise TypeError(f"{type(self).__name__} defines no fit()")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a guard says of a cell or of a method."""

    guard: str
    level: Level
    because: str
    """One plain sentence."""
    numbers: Mapping[str, float] = field(default_factory=dict)
    again: str = ""
    """The command that shows it again, where it is another than the one that shows its row again."""
    finding: str = ""
    """A class in a word, such as `teacher-driven`, `shortcut` or `leak`."""
    track: Track | None = None
    """Where the row belongs, whatever the method says of itself."""
    label_free: bool = False
    """Reached without gold labels: an agent may see it at no cost to its oracle budget."""
    whole_method: bool = False
    """A `disqualify` that holds for every row of the method, not for this task alone."""
    needs_review: bool = False
    """Nothing is proven, and a person or a second task has to decide; the finding is then `review`."""
    teacher_dependence: float | None = None
    """The share of decisions that change when the teacher is flipped; where it is None, `T` of `numbers`."""

    def __post_init__(self) -> None:
        """Take `review` and `T` of a guard that has no other words for them."""
        if self.needs_review or self.finding == REVIEW:
            object.__setattr__(self, "needs_review", True)
            object.__setattr__(self, "finding", REVIEW)
        numbers = self.numbers if isinstance(self.numbers, Mapping) else {}
        if self.teacher_dependence is None and isinstance(told := numbers.get("T"), float) and 0 <= told <= 1:
            object.__setattr__(self, "teacher_dependence", told)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A counterfactual cell: the method runs again and something that it was given has been replaced.

    Shapes, calibration of the teacher and the order of the rows look as in a real cell; its predictions are
    scored against the gold of the rows that its handles stand for, and never reach the leaderboard.
    """

    name: str
    """Unique among the worlds of a method; guards that ask for one name share the run."""
    teacher: Literal[
        "kept", "flipped", "local", "permuted", "diluted", "other", "canary", "echo", "decoy", "strict"
    ] = "kept"
    """`flipped`: w becomes 1 - w. `local`: flipped in a random third of the space. `permuted`: shuffled among
    all rows. `diluted`: shuffled among a random 70 % of the rows. `other`: another weak teacher. `canary`:
    wrong on the training rows that even the ceiling gets wrong, so that only gold puts them right. `echo`:
    shuffled among rows that are alike in what the untrained student says of them. `decoy`: what the teacher
    does not share with the untrained student is replaced by another concept, as strong and as smooth.
    `strict`: an echo that also keeps the outlines of the student's features (components and clusters)."""
    inputs: Literal["kept", "ablated", "scrambled"] = "kept"
    """`ablated`: what the student reads belongs to rows of other questions; text and groups stay.
    `scrambled`: text and groups move too. Both in both phases; handles keep their gold."""
    draw: int = 0
    """Which random draw, where there are several."""
    sign: Literal[1, -1] = 1
    """Decoys come in pairs of one draw: the concept, and the concept turned round."""

    @property
    def is_repeat(self) -> bool:
        """Whether nothing is replaced: the same cell once more."""
        return self.teacher == "kept" and self.inputs == "kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model of a pair, and how it is read."""

    source: str
    """A hub id, or a folder, or a GGUF file."""
    revision: str | None = None
    dtype: str = "float32"
    readout: Literal["surprise", "mean", "last", "auto"] = "surprise"
    """How a response becomes a feature vector (`students/lm/readout.py`); `auto`: `surprise` where the model
    predicts tokens, else `mean`."""
    max_tokens: int = 1024
    """The context; a longer text is cut from the question's start."""
    templates: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Zero-shot readouts by name (`students/lm/zero_shot.py`); the first is the default."""
    device: str = "auto"
    """`auto` (the GPU where there is one), `cpu`, `cuda`, `cuda:1`, `mps`."""
    chat_template: Literal["auto", "none"] = "none"
    """`auto`: questions and responses are read inside the tokenizer's chat template where it has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A weak teacher and a strong student, with the settings of their training."""

    name: str
    weak: Model
    strong: Model
    mode: Literal["probe", "finetune"] = "probe"
    threads: int = 1
    probe: Mapping[str, Any] = field(default_factory=dict)
    finetune: Mapping[str, Any] = field(default_factory=dict)
    students: Sequence[Model] = ()
    """A ladder of smaller students, smallest first."""
    abilities: tuple[str, ...] = ()
    """What of `ABILITIES` the pair is known to do."""
    weak_finetune: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the teacher's training where they differ from `finetune`."""
