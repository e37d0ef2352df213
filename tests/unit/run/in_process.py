"""Settings whose features are made up, and student services that answer without a process of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np

from w2s_harness.data.rows.gold import gold_of
from w2s_harness.run.stages.readouts import Margins, ReadMargins
from w2s_harness.run.stages.service_orders import READS, Features, SplitFeatures
from w2s_harness.run.stages.teachers import Teacher, WeakFloor
from w2s_harness.run.stages.tuning import Chosen, ChosenPath, Tune, TunePath
from w2s_harness.run.work.engine import Bench, LocalEngine
from w2s_harness.run.work.results import ResultArray, Results
from w2s_harness.students import control
from w2s_harness.students.service.service import Service

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
            from w2s_harness.contract.errors import WorkerError

            raise WorkerError(answer.reason)
        return answer

    fit_predict = open_cell = follow = read_out = _ask

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
class Told:
    """What an engine told."""

    started: list[tuple[str, int]] = field(default_factory=list)
    ended: list[tuple[str, bool]] = field(default_factory=list)

    def begins(self, stage, total):
        self.started.append((stage, total))

    def ends(self, work, outcome, *, kept):
        self.ended.append((work.name(), kept))
        return False


class Workplace:
    """A bench over settings, an engine whose services answer in this process, and what was asked and told."""

    def __init__(self, store, settings):
        self.log: list[tuple[str, str]] = []
        self.told = Told()
        jail = SimpleNamespace(accepts=lambda asked, level: True)
        self.bench = Bench(Results(store), {s.ref: s for s in settings}, jail, no_worker)

    def run(self, works, slots=2):
        """Work works off; the results of those that have one."""
        works = list(works)
        with self.engine(slots) as engine:
            engine.run(works, self.told)
        return [self.bench.results.get(work) for work in works]

    def engine(self, slots=2):
        return LocalEngine(
            self.bench, slots, gold=self.starts("baseline"), student=self.starts("worker-facing")
        )

    def starts(self, role):
        return lambda: Client(role, 1, self.log)

    def count(self, kind):
        """How often the services were asked so."""
        return sum(asked == kind for asked, _ in self.log)

    def features(self, setting, split, role="strong"):
        return self.bench.of(Features(setting.ref, role, split)).features.values


def no_worker():
    raise AssertionError("no worker is needed")


def stock(bench, setting, seeds, *, weak_signal=0.6, strong_signal=2.0, error=1.0, c=0.1) -> None:
    """Keep features, tokens, chosen settings and weak labels, as the baselines would.

    One column of a model's features is gold (-1 or 1) times its signal, plus noise; the rest is noise.
    """
    ref = setting.ref
    for role, split in READS:
        rng = np.random.default_rng([len(role), len(split)])
        gold = gold_of(setting.data, split).labels
        x = rng.standard_normal((len(gold), WIDTH))
        x[:, 0] += (2 * gold - 1) * (weak_signal if role == "weak" else strong_signal)
        keep_features(bench, ref, role, split, x, tokens=rng.integers(5, 50, len(gold)))
    bench.results.put(Tune(ref), chosen(c))
    bench.results.put(TunePath(ref), ChosenPath(5.0, 0.01))
    gold = gold_of(setting.data, "train_unlabel").labels
    for seed in seeds:
        rng = np.random.default_rng([seed, 7])
        z = (2 * gold - 1) + error * rng.standard_normal(len(gold))
        keep_labels(bench, setting, seed, 1 / (1 + np.exp(-z)))


def chosen(c: float) -> Chosen:
    return Chosen({"c": 0.1}, {"c": c}, {"c": 0.1}, {"C": [0.1]}, [0.5])


def keep_features(bench, ref, role, split, x, *, tokens=None, likelihoods=None) -> None:
    n = len(x)
    found = SplitFeatures(
        n_cut=0,
        shape=control.Shape(parameters=PARAMETERS, layers=2, features=x.shape[1]),
        flops=0.0,
        features=ResultArray(np.asarray(x, np.float32)),
        likelihoods=ResultArray(np.zeros((n, 3)) if likelihoods is None else likelihoods),
        tokens=ResultArray(np.full(n, 9) if tokens is None else tokens),
    )
    bench.results.put(Features(ref, role, split), found)


def keep_labels(bench, setting, seed, labels) -> None:
    holdout = np.full(len(setting.test), 0.9)
    floor = WeakFloor(
        setting.scored(holdout), 0, 0.7, 0.0, ResultArray(np.asarray(labels)), ResultArray(holdout)
    )
    bench.results.put(Teacher(setting.ref, seed), floor)


def keep_margins(bench, setting, train, test, names=("sum",)) -> None:
    bench.results.put(ReadMargins(setting.ref), Margins(names, None, ResultArray(train), ResultArray(test)))
