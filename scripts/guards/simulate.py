"""Measure how often the guard `teacher-dependence` is wrong, on synthetic worlds; prints Markdown.

    PYTHONPATH=harness:plugins:tasks:scripts/guards python scripts/guards/simulate.py [--worlds N]

It drives the guard's own hooks: the worlds that it asks for, the evidence that it is shown, its verdicts.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from methods import CHEATS, HONEST, Method, ccs_seeds
from worlds import Bools, Floats, Given, Synthetic, given, synthetic

from w2s_harness import Model, Pair, PlannedMethod, Task, Verdict, World, agreement, balanced_z
from w2s_harness.contract.guards.evidence import CellEvidence, MethodEvidence, Part, Seen, SettingView
from w2s_harness.contract.plan import MethodSource
from w2s_plugins.guards import teacher_dependence as guard

WEAK_ACCURACIES = (0.58, 0.65, 0.72, 0.77, 0.85)
WORLDS = 20
"""Worlds at each accuracy."""
NULLS = 200
CCS_SEEDS = 20
CCS_WORLDS = 3
"""Worlds at each accuracy in which CCS runs with every seed."""
CLASSES = ("teacher-driven", "elicitation", "review", "shortcut", "leak")
RANGES = ("A", "D", "bit", "local", "apart", "moves", "O", "z_null", "z_ablated")
LIMITS = (3.5, 4.0)
DECLARED = {"zero-shot", "em-prior"}


@dataclass
class Tally:
    """What the guard said of one method over all worlds."""

    findings: Counter[str] = field(default_factory=Counter)
    numbers: list[dict[str, float]] = field(default_factory=list)

    def share(self, finding: str) -> float:
        """Share of the method-worlds with this finding."""
        return self.findings[finding] / max(1, self.findings.total())

    def add(self, verdict: Verdict) -> None:
        """Count one verdict."""
        self.findings[verdict.finding] += 1
        self.numbers.append(dict(verdict.numbers))


def tallies(
    worlds: int, accuracies: tuple[float, ...] = WEAK_ACCURACIES, methods: dict[str, Method] | None = None
) -> dict[str, Tally]:
    """The guard's verdicts on every method in `worlds` synthetic worlds at each of the accuracies."""
    found = {name: Tally() for name in methods or {**HONEST, **CHEATS}}
    for accuracy in accuracies:
        for seed in range(worlds):
            task = synthetic(seed, accuracy)
            view = setting(task)
            asked = [(w, given(task, w, i + 1)) for i, w in enumerate(guard.w2s_worlds({}))]
            real = given(task, None, 0)
            for name, tally in found.items():
                method = (methods or {**HONEST, **CHEATS})[name]
                evidence = shown(view, method, task, real, asked)
                for verdict in guard.w2s_judge_method(planned(name), evidence, {}):
                    tally.add(verdict)
    return found


def planned(name: str, track: str = "") -> PlannedMethod:
    """A method as planned, its track as the shipped ones declare it."""
    source = MethodSource(name, name, None, None, "0" * 64)
    said = track or ("elicitation" if name in DECLARED else "w2s")
    return PlannedMethod(name, name, source, {}, track=said)  # type: ignore[arg-type]  # one of the literals


def setting(task: Synthetic) -> SettingView:
    """The synthetic task as guards see it, its empirical null included."""
    model = Model(source="synthetic")
    parts = [
        Part(rows=(), gold=p.gold, groups=p.groups, answers=(), features=p.features.astype(np.float32))
        for p in (task.train, task.test)
    ]
    pair = Pair(name="synthetic", weak=model, strong=model)
    return SettingView(task=Task(), pair=pair, train=parts[0], test=parts[1], null_z=null_z(task))


def null_z(task: Synthetic) -> Floats:
    """(NULLS,) z scores of ridge fits on permuted labels and scrambled inputs."""
    out = np.empty(NULLS)
    world = World(name="null", teacher="permuted", inputs="scrambled")
    x = np.hstack([task.train.features, np.ones((len(task.weak), 1))])
    solve = np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T)
    for draw in range(NULLS):
        lost = given(task, world, 1000 + draw)
        # Which rows the labels land on is permuted anyway, so the training rows may stay where they are.
        theta = solve @ (lost.weak - 0.5)
        said = 0.5 + lost.test.features @ theta[:-1] + theta[-1]
        out[draw] = balanced_z(said, task.test.gold, task.test.groups)
    return out


def shown(
    view: SettingView, method: Method, task: Synthetic, real: Given, asked: list[tuple[World, Given]]
) -> MethodEvidence:
    """What the guard is shown of a method that ran in the real cell and in every world asked for."""
    worlds = [cell(view, task, w, g.weak, g.region, method(g)) for w, g in asked]
    actual = cell(view, task, None, real.weak, real.region, method(real))
    return MethodEvidence(
        setting=view, cells={0: actual}, worlds=worlds, failed=(), honest={}, attempts=1, source_now="0" * 64
    )


def cell(
    view: SettingView, task: Synthetic, world: World | None, weak: Floats, region: Bools, said: Floats
) -> CellEvidence:
    """One cell's evidence."""
    m = len(weak)
    nothing = np.zeros((0, m), np.float32)
    seen = Seen(requests={}, refused=0, notices=(), targets=nothing, weights=nothing, output="", level="L2")
    return CellEvidence(
        setting=view,
        seed=0,
        world=world,
        predictions=said,
        weak_test=task.weak_test,
        drawn=np.arange(m),
        weak=weak,
        changed=weak != task.weak,
        region=region,
        bait=np.zeros(m, bool),
        ceiling=None,
        compute={},
        seen=seen,
    )


def ccs_bits(worlds: int) -> dict[str, dict[float, tuple[Floats, Floats]]]:
    """(D, bit) of CCS by accuracy, `CCS_SEEDS` seeds x `worlds`, from the same and from other starts."""
    out: dict[str, dict[float, tuple[Floats, Floats]]] = {"same start": {}, "other start": {}}
    asked = [w for w in guard.w2s_worlds({}) if w.teacher == "diluted"]
    seeds = list(range(CCS_SEEDS))
    for accuracy in WEAK_ACCURACIES:
        for other, by in enumerate(out.values()):
            both: list[Floats] = []
            for seed in range(worlds):
                task = synthetic(seed, accuracy)
                real = ccs_seeds(given(task, None, 0), seeds)
                changed = [
                    ccs_seeds(given(task, w, i + 1), seeds, start=other * (i + 1))
                    for i, w in enumerate(asked)
                ]
                both.append(
                    np.array([[agreement(a, b) for a, b in zip(real, c, strict=True)] for c in changed])
                )
            d = np.concatenate(both, axis=1)
            by[accuracy] = (d.mean(0), np.maximum(d, 1 - d).mean(0))
    return out


# -- tables ---------------------------------------------------------------------------------------------


def upper(events: int, trials: int, level: float = 0.95) -> float:
    """One-sided upper bound of a rate (Clopper & Pearson 1934), by bisection on the binomial sum."""
    from math import comb

    if events >= trials:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(50):
        p = (low + high) / 2
        chance = sum(comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(events + 1))
        low, high = (p, high) if chance > 1 - level else (low, p)
    return high


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--worlds", type=int, default=WORLDS, help="worlds at each weak accuracy")
    worlds = parser.parse_args().worlds
    found = tallies(worlds)
    print(f"{worlds} worlds x weak accuracies {', '.join(map(str, WEAK_ACCURACIES))}, 400 test rows each.\n")
    print("| method | " + " | ".join(CLASSES) + " |\n|---" + "|---" * len(CLASSES) + "|")
    for name, tally in found.items():
        kind = "" if name in HONEST else "cheat: "
        print(f"| {kind}{name} | " + " | ".join(f"{tally.share(c):.0%}" for c in CLASSES) + " |")
    print("\n| limit of z | false `leak` or `shortcut` | upper 95 % bound | leak on 15 % of the rows found |")
    print("|---|---|---|---|")
    for limit in LIMITS:
        false = [_over(n, limit, "z_null", "z_ablated") for name in HONEST for n in found[name].numbers]
        caught = [_over(n, limit, "z_null") for n in found["leak on 15 %"].numbers]
        bound = f"{upper(sum(false), len(false)):.2%}"
        print(f"| {limit} | {sum(false)} of {len(false)} honest | {bound} | {np.mean(caught):.0%} |")
    print()
    print("Mean and range from the 1 % to the 99 % point:\n")
    print("| method | " + " | ".join(RANGES) + " |\n|---" + "|---" * len(RANGES) + "|")
    for name, tally in found.items():
        columns = [np.array([n[key] for n in tally.numbers]) for key in RANGES]
        print(f"| {name} | " + " | ".join(_range(c) for c in columns) + " |")
    print(f"\nCCS, {CCS_SEEDS} seeds x {min(CCS_WORLDS, worlds)} worlds: lower 5 % point of D and of `bit`\n")
    print("| initialisation | " + " | ".join(f"weak {a}" for a in WEAK_ACCURACIES) + " | all |")
    print("|---" + "|---" * (len(WEAK_ACCURACIES) + 1) + "|")
    for start, by in ccs_bits(min(CCS_WORLDS, worlds)).items():
        everything = tuple(np.concatenate([pair[i] for pair in by.values()]) for i in (0, 1))
        row = [*by.values(), everything]
        print(
            f"| {start} | "
            + " | ".join(" / ".join(f"{np.quantile(x, 0.05):.3f}" for x in p) for p in row)
            + " |"
        )


def _over(numbers: dict[str, float], limit: float, *keys: str) -> bool:
    return max(numbers[key] for key in keys) > numbers["threshold"] * limit / guard.Z


def _range(values: Floats) -> str:
    low, high = np.quantile(values, [0.01, 0.99])
    return f"{values.mean():.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
