"""Content addresses of the stages of a setting: known before anything is computed.

A key names a stage's inputs and code, never its result, so a plan can be looked up whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from w2s_harness.experiment import secret
from w2s_harness.experiment.identity import code_version
from w2s_harness.experiment.setting import Setting
from w2s_harness.experiment.store import Address, canonical, key_of
from w2s_harness.plan import Cell, Plan, PlannedMethod
from w2s_harness.types import Split, World

Role = Literal["weak", "strong"]
READS: tuple[tuple[Role, Split], ...] = (
    ("strong", "test"),
    ("strong", "train_unlabel"),
    ("weak", "test"),
    ("weak", "train_unlabel"),
    ("weak", "train_label"),
)
"""Which model reads which split; the student never sees train_label."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one setting."""

    setting: Setting

    def features(self, role: Role, split: Split, part: str) -> str:
        """`part` is features, likelihoods, tokens or facts. Shared by every pair with this model."""
        model = self.setting.weights(role)
        spec = self.setting.pair.weak if role == "weak" else self.setting.pair.strong
        reading = [spec.dtype, spec.readout, spec.max_tokens, self.setting.pair.threads]
        reading += [spec.device, spec.chat_template]
        return key_of("features", [model, reading, *self._rows(split), part, code_version("features")])

    def _rows(self, split: Split) -> list[str]:
        """What names the rows of a split; a part of the holdout shares the training splits of the whole."""
        data = self.setting.data
        return [data.digest, split, *([data.part] if split == "test" and data.part != "whole" else [])]

    def tune(self) -> str:
        """The chosen settings of teacher and student."""
        return key_of("tune", self._identity())

    def path(self) -> str:
        """Epochs and learning rate of the student under the solver `path`."""
        return key_of("tune-path", self._identity())

    def weak(self, seed: int) -> str:
        """A seed's weak floor."""
        return key_of("weak", [self._identity(), seed])

    def labels(self, seed: int) -> str:
        """A seed's weak labels: (n_train_unlabel,) P(label = 1)."""
        return key_of("weak-labels", [self._identity(), seed])

    def weak_test(self, seed: int) -> str:
        """A seed's teacher on the holdout: (n_test,) P(label = 1)."""
        return key_of("weak-test", [self._identity(), seed])

    def ceiling(self, seed: int) -> str:
        """A seed's ceiling."""
        return key_of("ceiling", [self._identity(), seed])

    def ceiling_train(self, seed: int) -> str:
        """A seed's ceiling on train_unlabel: (n_train_unlabel,) P(label = 1)."""
        return key_of("ceiling-train", [self._identity(), seed])

    def null(self, seeds: Sequence[int], part: int) -> str:
        """A part of the empirical null: (k,) z scores of honest fits where nothing can be learned."""
        return key_of(
            "null", [self._identity(), list(seeds), part, code_version("cell"), code_version("null")]
        )

    def control(self, name: str, seed: int, draw: int) -> str:
        """A draw of a sanity control: its accuracies on the holdout and what it cost."""
        return key_of("control", [self._identity(), name, seed, draw, code_version("control")])

    def margins(self, part: str) -> str:
        """The untrained student's readouts: a split's (T, n) margins, or the `names` of their templates."""
        return key_of("margins", [self._identity(), part, code_version("readouts")])

    def own_labels(self, seed: int, named: int, teacher: str, sign: int) -> str:
        """(m,) the weak labels of an echo or a decoy; `named` is the seed of its draw."""
        share = self.setting.task.task.share_true
        what = [seed, named, teacher, sign, share, code_version("own"), code_version("readouts")]
        return key_of("own-labels", [self._identity(), *what])

    def own_calibration(self, seed: int, worlds: int) -> str:
        """A seed's vanilla in so many draws of echo and decoy: what each gets right, (W, n_test)."""
        what = [seed, worlds, self.setting.task.task.share_true]
        return key_of(
            "own-calibration", [self._identity(), *what, code_version("own"), code_version("control")]
        )

    def readout_heads(self, seed: int) -> str:
        """(R, n_test) P(label = 1) of heads trained on a seed's labels by each readout."""
        share = self.setting.task.task.share_true
        return key_of("readout-heads", [self._identity(), seed, share, code_version("readouts")])

    def student(
        self, solver: str, settings: Sequence[float], seed: int, number: int, part: Literal["values", "cost"]
    ) -> str:
        """A vanilla student of the host's own: its (n_test,) P(label = 1), and what it cost.

        `settings` are those of the solver that `_identity` does not fix: epochs and lr of `path`.
        """
        return key_of(
            "student",
            [self._identity(), solver, list(settings), seed, number, part, code_version("students")],
        )

    def vanilla_path(self, solver: str, seed: int, part: Literal["points", "outcomes"]) -> str:
        """A seed's vanilla path by one solver: its P points, or what each gets right, (P, n_test)."""
        return key_of("vanilla-path", [self._identity(), solver, seed, part, code_version("vanilla-path")])

    def cell(
        self,
        plan: Plan,
        cell: Cell,
        method: PlannedMethod,
        access: tuple[str, ...],
        columns: Iterable[str],
        world: World | None = None,
    ) -> str:
        """A cell: the method's code and parameters, what it was given, in which world, and its limits."""
        return self.row(plan, method, access, columns, world)(cell)

    def row(
        self,
        plan: Plan,
        method: PlannedMethod,
        access: tuple[str, ...],
        columns: Iterable[str],
        world: World | None = None,
    ) -> Callable[[Cell], str]:
        """`cell` of every cell of a row: what its cells share is written once."""
        limits = plan.limits
        shared = [
            method.source.sha256,
            dict(sorted(method.parameters.items())),
            list(access),
            self.setting.data.answers_digest if "groups" in access else None,
            sorted(columns),
            None if world is None else asdict(world),
            [limits.fits, limits.epochs, limits.handles, limits.flops_over_vanilla],
            code_version("cell"),
            self.setting.task.task.share_true,
            [self.setting.chain(), list(self.setting.pair.abilities)],
            *([secret.digest(hidden)] if (hidden := secret.of_method(plan, method)) else []),
        ]
        versions = canonical(self._versions())[1:-1]
        address = Address("cell", f"[[{self.setting.identity_text},{versions}],")
        rest = canonical(shared)[1:]
        return lambda cell: address.key(f"{canonical(cell.id)},{rest}")

    def predictions(self, cell_key: str) -> str:
        """A cell's predictions on the holdout: (n_test,) P(label = 1)."""
        return key_of("predictions", cell_key)

    def targets(self, cell_key: str) -> str:
        """What a cell's fits were told: (f, m) mean P(label = 1), NaN for rows that did not count."""
        return key_of("targets", cell_key)

    def weights(self, cell_key: str) -> str:
        """How much each row counted in a cell's fits: (f, m), as `evidence.Seen.weights`."""
        return key_of("weights", cell_key)

    def trained(self, cell_key: str) -> str:
        """What the student that a cell returned was trained on: (3, m), as `trained_on.Trained.rows`."""
        return key_of("trained", cell_key)

    def _identity(self) -> list[Any]:
        return [self.setting.identity(), *self._versions()]

    def _versions(self) -> list[str]:
        return [code_version("features"), code_version("fit")]


def named_seed(*names: str | int) -> int:
    """A 63-bit seed for the draw that `names` names."""
    digest = hashlib.sha256(json.dumps(["w2s-harness/seed/1", *names]).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
