"""Settings whose features are made up, and student services that answer without a process of their own."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import numpy as np
from w2s_harness.experiment.keys import READS, Keys

from w2s_harness.data.gold import gold_of
from w2s_harness.models import control
from w2s_harness.models.service import Service

WIDTH, PARAMETERS = 12, 1000


class Client:
    """A `ServiceClient` as far as the host's own stages use one; `log` is told of its start, asks and end."""

    def __init__(self, role: str, threads: int, log: list[tuple[str, str]]) -> None:
        self.role, self.log, self.alive, self.busy_s = role, log, True, 0.0
        self._service = Service(role)
        log.append(("start", role))

    def _ask(self, message):
        self.log.append((type(message).__name__, self.role))
        answer = self._service.answer(message)
        if isinstance(answer, control.Unserved):
            from w2s_harness.errors import WorkerError

            raise WorkerError(answer.reason)
        return answer

    fit_predict = open_cell = follow = _ask

    def serve(self, request):
        return self._ask(control.Serve(request)).reply

    def predict_test(self, handle):
        return self._ask(control.PredictTest(handle))

    def close_cell(self):
        return self._ask(control.CloseCell())

    def close(self) -> None:
        self.log.append(("end", self.role))

    kill = close


@dataclass
class Hook:
    """What the stages told."""

    started: list[tuple[str, int]] = field(default_factory=list)
    told: list[tuple[str, bool]] = field(default_factory=list)

    def w2s_stage_start(self, *, stage, total):
        self.started.append((stage, total))

    def w2s_stage_progress(self, *, stage, unit, cached):
        self.told.append((unit, cached))


def stock(store, setting, seeds, *, weak_signal=0.6, strong_signal=2.0, error=1.0) -> None:
    """Put features, tokens, chosen settings and weak labels into the store, as the baselines would.

    One column of a model's features is gold (-1 or 1) times its signal, plus noise; the rest is noise.
    """
    keys = Keys(setting)
    for role, split in READS:
        rng = np.random.default_rng([len(role), len(split)])
        gold = gold_of(setting.data, split).labels
        x = rng.standard_normal((len(gold), WIDTH))
        x[:, 0] += (2 * gold - 1) * (weak_signal if role == "weak" else strong_signal)
        store.put_array(keys.features(role, split, "features"), x.astype(np.float32))
        store.put_array(keys.features(role, split, "likelihoods"), np.zeros((len(gold), 3)))
        store.put_array(keys.features(role, split, "tokens"), rng.integers(5, 50, len(gold)))
        shape = {"parameters": PARAMETERS, "layers": 2, "features": WIDTH}
        store.put(keys.features(role, split, "facts"), {"n_cut": 0, "shape": shape})
    store.put(
        keys.tune(), {"weak": {"c": 0.1}, "strong": {"c": 0.1}, "ceiling": {"c": 0.1}, "grid": {"C": [0.1]}}
    )
    gold = gold_of(setting.data, "train_unlabel").labels
    for seed in seeds:
        rng = np.random.default_rng([seed, 7])
        z = (2 * gold - 1) + error * rng.standard_normal(len(gold))
        store.put_array(keys.labels(seed), 1 / (1 + np.exp(-z)))


def start(module, monkeypatch) -> list[tuple[str, str]]:
    """Let a module's services answer in this process; the log of what they were asked."""
    log: list[tuple[str, str]] = []
    monkeypatch.setattr(module, "ServiceClient", lambda role, threads: Client(role, threads, log))
    return log


def stage(kind, plan, settings, store):
    """A stage of `kind` over a plan, with what it told."""
    hook = Hook()
    return kind(plan, settings, store, hook, threading.Event(), 2), hook
