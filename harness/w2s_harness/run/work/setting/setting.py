"""A setting: one task on one pair, with the data and the identities that its stages hang on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.kinds import KindName
from w2s_harness.contract.plan import PlannedTask
from w2s_harness.contract.types import HoldoutPart, Pair, Split
from w2s_harness.data.rows.gold import gold_of
from w2s_harness.data.rows.splitting import draw
from w2s_harness.data.rows.texts import TaskData, Texts
from w2s_harness.run.kept.store import canonical
from w2s_harness.scoring.points import Outcomes, accuracy, agreement, outcomes, pack, unpack_all


@dataclass(frozen=True, slots=True)
class SettingRef:
    """One task on one pair, with everything that its stages hang on; equal fields, equal results."""

    id: str
    """`math/tiny`."""
    task: str
    pair: str
    kind: KindName
    mode: Literal["probe", "finetune"]
    data: str
    """Digest of texts and labels."""
    answers: str
    """Digest of the answers, which reach only methods with the access `groups`."""
    part: HoldoutPart
    root_seed: int
    share_true: float | None
    """As the task states it."""
    identity: str
    """Digest of what the numbers of every stage hang on: data, both models, how they are trained."""
    reads: tuple[str, str]
    """Digests of the weak and the strong model and of how they read a text."""
    chain: str
    """Digest of the smaller students."""
    abilities: tuple[str, ...]
    has_templates: bool
    """Whether the pair gives its student zero-shot templates."""


@dataclass(frozen=True, slots=True)
class OnHoldout:
    """What is kept of predictions of a holdout."""

    accuracy: float
    outcomes: str
    """Which rows are right, packed as `scoring.points.pack` does it."""
    ties: str | None = None


@dataclass(frozen=True, eq=False)
class Setting:
    """What all methods of a (task, pair) share."""

    task: PlannedTask
    pair: Pair
    data: TaskData
    models: Mapping[str, Mapping[str, Any]]
    """`weak`, `strong` and `student0`, ...: source, revision, commit and digest of the weights, and `seen`:
    what loading them showed, or None."""
    root_seed: int

    @cached_property
    def id(self) -> str:
        """`math/tiny`."""
        return f"{self.task.id}/{self.pair.name}"

    @property
    def test(self) -> Texts:
        """The holdout."""
        return self.data.texts["test"]

    @property
    def is_judged(self) -> bool:
        """Whether the gold is votes."""
        return gold_of(self.data, "test").votes is not None

    def right(self, predictions: npt.ArrayLike) -> Outcomes:
        """(n_test,) outcomes of predictions of the holdout; of a judged task against the majority vote."""
        return outcomes(predictions, gold_of(self.data, "test").labels)

    def agreement(self, right: Outcomes) -> Outcomes:
        """(..., n_test) what outcomes count: themselves, of a judged task agreement with a random voter."""
        return agreement(right, gold_of(self.data, "test").largest)

    def scored(self, predictions: npt.ArrayLike) -> OnHoldout:
        """What is kept of predictions of the holdout."""
        right = self.right(predictions)
        packed, ties = pack(right)
        return OnHoldout(accuracy(self.agreement(right)), packed, ties)

    def unpacked(self, found: Sequence[OnHoldout]) -> Outcomes:
        """(S, n_test) the outcomes of S of them, one or more, as `right` gave them."""
        return unpack_all([(each.outcomes, each.ties) for each in found], len(self.test))

    def draw(self, split: Split, seed: int) -> npt.NDArray[np.int64]:
        """(m,) the rows of a training split that seed `seed` trains on: 80 % of its questions."""
        name = f"{self.data.digest}/{split}"
        return draw(self.data, split, root=self.root_seed, seed=seed, name=name)

    @cached_property
    def ref(self) -> SettingRef:
        """What names the results of its stages."""
        return SettingRef(
            id=self.id,
            task=self.task.id,
            pair=self.pair.name,
            kind=self.data.kind,
            mode=self.pair.mode,
            data=self.data.digest,
            answers=self.data.answers_digest,
            part=self.data.part,
            root_seed=self.root_seed,
            share_true=self.task.task.share_true,
            identity=digest(self._identity()),
            reads=(digest(self._reading("weak")), digest(self._reading("strong"))),
            chain=digest([asdict(m) | self.weights(f"student{k}") for k, m in enumerate(self.pair.students)]),
            abilities=tuple(self.pair.abilities),
            has_templates=bool(self.pair.strong.templates),
        )

    def weights(self, role: str) -> dict[str, Any]:
        """What identifies a role's model: the digest of its files, wherever they lie."""
        return {"source": None, "revision": None, "sha256": self.models[role]["sha256"]}

    def _reading(self, role: str) -> list[Any]:
        """A model, and how it reads a text; shared by every pair with this model."""
        spec = self.pair.weak if role == "weak" else self.pair.strong
        how = [spec.dtype, spec.readout, spec.max_tokens, self.pair.threads, spec.device, spec.chat_template]
        return [self.weights(role), how]

    def _identity(self) -> dict[str, Any]:
        """What the numbers of every stage hang on, beside the stage's own settings."""
        pair = asdict(self.pair)
        for role in ("weak", "strong"):
            pair[role] |= self.weights(role)
        return {
            "data": self.data.digest,
            "part": self.data.part,
            "mode": self.pair.mode,
            "threads": self.pair.threads,
            "weak": pair["weak"],
            "strong": pair["strong"],
            "settings": pair[self.pair.mode],
            "weak_settings": pair["weak_finetune"] if self.pair.mode == "finetune" else None,
            "root_seed": self.root_seed,
        }


def digest(value: Any) -> str:
    """SHA-256 (hex) of the canonical JSON of a value."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()
