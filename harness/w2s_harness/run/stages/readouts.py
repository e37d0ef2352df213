"""What the untrained student knows: its margins under every template, and `zero-shot*`.

A readout is a template, or the mean of all (`all`), and for each of them a head that is trained on the
readout's own labels as `zero-shot-train` does it (`train:NAME`). `zero-shot*` is the one that is best on the
holdout: chosen in its favour, so that no choice of a template can be what a method gained. No label but the
readouts' own is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.access import for_test_rows
from w2s_harness.contract.kinds import kind_of
from w2s_harness.contract.worker.wire.messages import unpack
from w2s_harness.run.stages.service_orders import STUDENT, OneArray, opening, reads
from w2s_harness.run.stages.tuning import tuned
from w2s_harness.run.stages.vanilla import HostCell
from w2s_harness.run.work.results import Result, ResultArray, Results
from w2s_harness.run.work.setting.setting import SettingRef
from w2s_harness.run.work.work import At, Lookup, SettingWork, Work
from w2s_harness.scoring.comparisons.starred import ALL, TRAINED, Point, Starred, centred, decided, labels
from w2s_harness.students import control

Floats = npt.NDArray[np.float64]

STAGE = "zero-shot*"


@dataclass(frozen=True, eq=False)
class Margins(Result):
    """The untrained student's margins, in the order of its templates; none of a student without readouts."""

    names: tuple[str, ...]
    reason: str | None
    """Why there is none."""
    train: ResultArray
    """(T, n_train_unlabel); of a pair of responses averaged over both orders."""
    test: ResultArray
    """(T, n_test)."""


@dataclass(frozen=True)
class ReadMargins(SettingWork[Margins], kind="readouts", place="gold", gives=Margins):
    """The untrained student asked under all templates."""

    setting: SettingRef

    def needs(self) -> tuple[Work[Result], ...]:
        """The features, which hold likelihoods."""
        return reads(self.setting, *STUDENT)

    def run(self, at: At) -> Margins:
        """Ask; nothing of an encoder."""
        setting = at.setting(self.setting)
        every, test = len(setting.data.texts["train_unlabel"]), len(setting.test)
        # margins of a template that asks a question need the texts
        cell = opening(
            at, self.setting, np.arange(every), np.arange(test),
            probe=control.ProbeSettings(), seed=0, texts=True, access=(for_test_rows("while fitting"),),
        )  # fmt: skip
        found = at.client.read_out(control.ReadOut(cell))
        values = {
            phase: np.stack([np.asarray(unpack(v), np.float64) for v in said]) if said else np.empty((0, n))
            for phase, said, n in (("train", found.train, every), ("test", found.test, test))
        }
        return Margins(found.names, found.reason, ResultArray(values["train"]), ResultArray(values["test"]))


@dataclass(frozen=True)
class ReadoutHeads(SettingWork[OneArray], kind=STAGE, place="student", gives=OneArray):
    """Heads trained on a seed's labels by each readout; none where each would be a whole fine-tuning.

    (R, n_test) P(label = 1) by each of R heads.
    """

    setting: SettingRef
    seed: int

    def needs(self) -> tuple[Work[Result], ...]:
        """The margins."""
        return (ReadMargins(self.setting), *reads(self.setting, *STUDENT), *tuned(self.setting))

    def run(self, at: At) -> OneArray:
        """Train a head for each readout."""
        out: list[Floats] = [np.empty((0, len(at.setting(self.setting).test)))]
        if self.setting.mode == "probe" and at.of(ReadMargins(self.setting)).names:
            z, _ = with_mean(at, self.setting, self.seed)
            with HostCell(at, self.setting, self.seed) as cell:
                for row in z:
                    kept, y = labels(row, share_true(self.setting))
                    out.append(cell.fit(y, rows=kept).predictions.floats[None])
        return OneArray(ResultArray(np.vstack(out).astype(np.float32)))


def share_true(setting: SettingRef) -> float | None:
    """The share of true rows that the task states; None of rows whose zero has a meaning."""
    return kind_of(setting.kind).stated_share(setting.share_true)


def has_readouts(results: Results, setting: SettingRef) -> bool:
    """Whether the student has readouts; before it was asked, one with templates is taken to have some."""
    known = results.get(ReadMargins(setting))
    return setting.has_templates if known is None else bool(known.names)


def with_mean(at: Lookup, ref: SettingRef, seed: int) -> tuple[Floats, Floats]:
    """Centred margins of a seed's training rows (R, m) and of the holdout (R, n_test).

    The thresholds are those of the seed's own rows; the last of several is the mean of all.
    """
    margins, share = at.of(ReadMargins(ref)), share_true(ref)
    own = margins.train.floats[:, at.setting(ref).draw("train_unlabel", seed)]
    train, test = centred(own, own, share), centred(own, margins.test.floats, share)
    if len(train) == 1:
        return train, test
    mean = train.mean(0)[None]
    return (
        np.vstack([train, centred(mean, mean, share)]),
        np.vstack([test, centred(mean, test.mean(0)[None], share)]),
    )


def zero_shot_starred(at: Lookup, ref: SettingRef, seeds: Sequence[int]) -> Starred | None:
    """`zero-shot*`; None of a student without readouts."""
    known, setting = at.of(ReadMargins(ref)).names, at.setting(ref)
    if not known:
        return None
    names = [*known, ALL] if len(known) > 1 else list(known)
    by_seed: dict[int, list[Floats]] = {}
    for seed in seeds:
        found = [decided(row) for row in with_mean(at, ref, seed)[1]]
        if ref.mode == "probe":
            found += list(at.of(ReadoutHeads(ref, seed)).values.floats)
        by_seed[seed] = [setting.agreement(setting.right(p)) for p in found]
    if ref.mode == "probe":
        names += [TRAINED + name for name in names]
    return Starred(tuple(Point(name, {s: x[i] for s, x in by_seed.items()}) for i, name in enumerate(names)))
