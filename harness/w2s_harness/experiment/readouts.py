"""What the untrained student knows: its margins under every template, and `zero-shot*`.

A readout is a template, or the mean of all (`all`), and for each of them a head that is trained on the
readout's own labels as `zero-shot-train` does it (`train:NAME`). `zero-shot*` is the one that is best on the
holdout: chosen in its favour, so that no choice of a template can be what a method gained. A
worker-facing service serves all of it: no label but the readouts' own is seen.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from w2s_harness.errors import StoreError
from w2s_harness.experiment.host_fits import HostCell
from w2s_harness.experiment.keys import Keys
from w2s_harness.experiment.setting import Setting
from w2s_harness.experiment.slots import Slots
from w2s_harness.experiment.store import Store
from w2s_harness.kinds import kind_of
from w2s_harness.models.client import ServiceClient
from w2s_harness.plan import Plan
from w2s_harness.scoring.readouts import ALL, TRAINED, centred, decided, labels
from w2s_harness.scoring.starred import Point, Starred
from w2s_harness.types import Split

Floats = npt.NDArray[np.float64]

STAGE = "zero-shot*"
SPLITS: tuple[Split, ...] = ("train_unlabel", "test")
_GONE = "a readout of the untrained student is gone from the store; run the same command again"


@dataclass(frozen=True, slots=True, eq=False)
class Margins:
    """The untrained student's margins, in the order of its templates; none of a student without readouts."""

    names: tuple[str, ...]
    train: Floats
    """(T, n_train_unlabel); of a preference averaged over both orders."""
    test: Floats
    """(T, n_test)."""


@dataclass(frozen=True, slots=True)
class _Unit:
    """A setting's margins (no seed), or the heads of one seed."""

    setting: Setting
    seed: int | None = None

    @property
    def id(self) -> str:
        """`math/tiny`, or `math/tiny s0`."""
        return self.setting.id if self.seed is None else f"{self.setting.id} s{self.seed}"


class Readouts:
    """The readouts of all settings of a plan, on services of their own."""

    def __init__(
        self,
        plan: Plan,
        settings: Sequence[Setting],
        store: Store,
        hook: Any,
        cancel: threading.Event,
        slots: int,
    ) -> None:
        self.plan, self.settings, self.store, self.hook = plan, settings, store, hook
        self.cancel, self.n = cancel, slots
        self.busy_s = 0.0

    def run(self) -> dict[str, Starred]:
        """Work off what is missing; `zero-shot*` by setting id, none of a student without readouts."""
        units = self.units()
        self.hook.w2s_stage_start(stage=STAGE, total=len(units))
        missing = [unit for unit, is_missing in units if is_missing]
        for unit, is_missing in units:
            if not is_missing:
                self._done(unit, cached=True)
        threads = max(pair.threads for pair in self.plan.pairs)
        with Slots(self.n, lambda: ServiceClient("worker-facing", threads=threads), self.cancel) as slots:
            # the heads are trained on the margins
            for group in ([u for u in missing if u.seed is None], [u for u in missing if u.seed is not None]):
                slots.map(group, self._work, lambda unit, _: self._done(unit, cached=False))
        self.busy_s += slots.busy_s
        found = {s.id: self._starred(s) for s in self.settings}
        return {name: star for name, star in found.items() if star is not None}

    def is_complete(self) -> bool:
        """Whether every readout is in the store, so that no features are read."""
        return not any(is_missing for _, is_missing in self.units())

    def units(self) -> list[tuple[_Unit, bool]]:
        """Every setting's margins and its heads of every seed, and whether they are missing."""
        every = [_Unit(s, seed) for s in self.settings for seed in (None, *self.plan.seeds)]
        return [(unit, self._is_missing(unit)) for unit in every]

    def _done(self, unit: _Unit, *, cached: bool) -> None:
        self.hook.w2s_stage_progress(stage=STAGE, unit=unit.id, cached=cached)

    def _is_missing(self, unit: _Unit) -> bool:
        keys = Keys(unit.setting)
        known = self.store.get(keys.margins("names"))
        if known is None:
            return True
        if not known["names"]:
            return False
        if unit.seed is None:
            return not all(self.store.path(keys.margins(split)) for split in SPLITS)
        return _has_heads(unit.setting) and self.store.path(keys.readout_heads(unit.seed)) is None

    def _work(self, client: ServiceClient, unit: _Unit) -> None:
        if unit.seed is None:
            read_margins(client, self.store, unit.setting, self.plan.seeds[0])
        elif _has_heads(unit.setting) and (margins := margins_of(self.store, unit.setting)) is not None:
            heads = _heads(client, self.store, unit.setting, unit.seed, margins)
            self.store.put_array(Keys(unit.setting).readout_heads(unit.seed), heads)

    def _starred(self, setting: Setting) -> Starred | None:
        margins = margins_of(self.store, setting)
        if margins is None:
            return None
        names = [*margins.names, ALL] if len(margins.names) > 1 else list(margins.names)
        by_seed: dict[int, list[Floats]] = {}
        for seed in self.plan.seeds:
            z = with_mean(margins, setting, seed)[1]
            found = [decided(row) for row in z]
            if _has_heads(setting):
                heads = self.store.array(Keys(setting).readout_heads(seed))
                if heads is None:
                    raise StoreError(_GONE)
                found += list(np.asarray(heads, np.float64))
            by_seed[seed] = [setting.agreement(setting.right(p)) for p in found]
        if _has_heads(setting):
            names += [TRAINED + name for name in names]
        return Starred(
            tuple(Point(name, {s: x[i] for s, x in by_seed.items()}) for i, name in enumerate(names))
        )


def share_true(setting: Setting) -> float | None:
    """The share of true rows that the task states; None for preferences, whose zero has a meaning."""
    return kind_of(setting.data.kind).stated_share(setting.task.task.share_true)


def margins_of(store: Store, setting: Setting) -> Margins | None:
    """What `Readouts` has kept; None of a student without readouts.

    Raises `StoreError` where nothing is kept.
    """
    keys = Keys(setting)
    known = store.get(keys.margins("names"))
    if known is not None and not known["names"]:
        return None
    train, test = (store.array(keys.margins(split)) for split in SPLITS)
    if known is None or train is None or test is None:
        raise StoreError(_GONE)
    return Margins(tuple(known["names"]), np.asarray(train, np.float64), np.asarray(test, np.float64))


def with_mean(margins: Margins, setting: Setting, seed: int) -> tuple[Floats, Floats]:
    """Centred margins of a seed's training rows (R, m) and of the holdout (R, n_test).

    The thresholds are those of the seed's own rows; the last of several is the mean of all.
    """
    share, drawn = share_true(setting), setting.draw("train_unlabel", seed)
    own = margins.train[:, drawn]
    train, test = centred(own, own, share), centred(own, margins.test, share)
    if len(train) == 1:
        return train, test
    mean = train.mean(0)[None]
    return (
        np.vstack([train, centred(mean, mean, share)]),
        np.vstack([test, centred(mean, test.mean(0)[None], share)]),
    )


def read_margins(client: ServiceClient, store: Store, setting: Setting, seed: int) -> None:
    """Ask the untrained student under all templates and keep what it says; nothing of an encoder."""
    keys = Keys(setting)
    every = np.arange(len(setting.data.texts["train_unlabel"]))
    found: dict[Split, list[Floats]] = {split: [] for split in SPLITS}
    reason = "its model has no template for this kind of task"
    with HostCell(client, store, setting, seed, drawn=every, sees_test=True) as cell:
        names = cell.templates
        for name in names:
            ours, theirs = (
                cell.margins("train", name, len(every)),
                cell.margins("test", name, len(setting.test)),
            )
            if isinstance(ours, str) or isinstance(theirs, str):
                names, reason = (), ours if isinstance(ours, str) else str(theirs)
                break
            found["train_unlabel"].append(ours)
            found["test"].append(theirs)
    for split in SPLITS if names else ():
        store.put_array(keys.margins(split), np.stack(found[split]))
    store.put(keys.margins("names"), {"names": list(names), "reason": None if names else reason})


def _has_heads(setting: Setting) -> bool:
    """Whether heads are trained on the readouts' labels: not where each would be a whole fine-tuning."""
    return setting.pair.mode == "probe"


def _heads(
    client: ServiceClient, store: Store, setting: Setting, seed: int, margins: Margins
) -> npt.NDArray[np.float32]:
    """(R, n_test) P(label = 1) of a head for each readout."""
    z, _ = with_mean(margins, setting, seed)
    out = []
    with HostCell(client, store, setting, seed) as cell:
        for row in z:
            kept, y = labels(row, share_true(setting))
            out.append(cell.fit(y, rows=kept).predictions)
    return np.stack(out).astype(np.float32)
