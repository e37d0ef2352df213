"""Whether each sanity control of a plan came out as it must.

Of `gold oracle`, a student of a teacher that is always right must come out as weak supervision; what is its
teacher's own is the most that any method of the setting could have.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from w2s_harness.contract.types import Split
from w2s_harness.data.rows.gold import gold_of
from w2s_harness.report.document.records import Control
from w2s_harness.run.board.rows.rows import reference
from w2s_harness.run.board.shared import SharedResults, SharedWork
from w2s_harness.run.stages.controls import (
    DRAWS,
    ORACLE,
    WEAK_STRONG,
    ControlStudents,
    GoldOracle,
    Noise,
    NoiseDraws,
    WeakAsStrong,
    noise_names,
)
from w2s_harness.run.stages.worlds.own import pair_and_echo
from w2s_harness.run.work.engine import AnyWork, Bench
from w2s_harness.run.work.setting.setting import Setting
from w2s_harness.scoring.comparisons import own_part
from w2s_harness.scoring.comparisons.starred import Starred
from w2s_harness.scoring.points import Outcomes
from w2s_harness.scoring.spread import interval
from w2s_harness.scoring.spread.twoway import quantile

LIMIT = 3.0
"""Standard deviations over the draws that a mean may lie from .5."""
_ROUNDING = 1e-9
_UNBALANCED = 0.005
"""A share of true rows that far from one half is worth a word."""
_TRAINING: tuple[Split, ...] = ("train_label", "train_unlabel")


def judged_controls(
    work: SharedWork, shared: Mapping[str, SharedResults], readouts: Mapping[str, Starred]
) -> list[Control]:
    """The verdicts; none where the plan has no controls.

    :param readouts: `zero-shot*` by setting id.
    """
    return [
        control
        for setting in (work.settings if work.plan.controls else ())
        for control in _of_setting(work, setting, shared[setting.id], readouts.get(setting.id))
    ]


def _of_setting(
    work: SharedWork, setting: Setting, shared: SharedResults, starred: Starred | None
) -> list[Control]:
    bench, plan, ref = work.bench, work.plan, setting.ref
    out = []
    for name in noise_names(ref):
        noise = [Noise(ref, name, seed, work.noise_draws(setting)) for seed in plan.seeds]
        why = _why(bench, noise)
        out.append(
            failed_control(name, setting, why)
            if why
            else noise_control(name, setting, [bench.of(one) for one in noise], enough=DRAWS)
        )
    twins = {seed: WeakAsStrong(ref, seed) for seed in plan.baseline_seeds}
    if why := _why(bench, list(twins.values())):
        out.append(failed_control(WEAK_STRONG, setting, why))
    else:
        found = {seed: bench.of(twin).students["gold"] for seed, twin in twins.items()}
        top = {seed: setting.agreement(setting.unpacked([one])[0]) for seed, one in found.items()}
        weak = {seed: setting.agreement(right) for seed, right in shared.weak.items()}
        out.append(weak_strong_control(WEAK_STRONG, setting, weak, top, plan.min_gap))
    oracles = {seed: GoldOracle(ref, seed) for seed in work.oracle_seeds(setting)}
    if why := _why(bench, list(oracles.values())):
        out.append(failed_control(ORACLE, setting, why))
    elif oracles and starred is not None:
        no_gap = reference(setting, shared, plan.baseline_seeds, plan.min_gap).no_gap
        kept = {seed: bench.of(one) for seed, one in oracles.items()}
        out.append(oracle_control(setting, kept, starred, no_gap))
    return out


def _why(bench: Bench, works: Sequence[AnyWork]) -> str | None:
    """Why one of them has no result; the first."""
    found = (bench.results.failure(work) for work in works)
    return next((failure.why for failure in found if failure is not None), None)


def noise_control(name: str, setting: Setting, draws: Sequence[NoiseDraws], *, enough: int) -> Control:
    """Judge whether the mean of the draws is within `LIMIT` sd over the draws of .5.

    Every draw is scored by balanced accuracy: labels without content still hold their class prior. The draws
    share the holdout and the student's features, and a student of noise is a random direction in these, so
    that draws scatter by more than the binomial error of one holdout; their own sd knows that. Of fewer than
    `enough` draws the sd is itself uncertain, and Student's quantile of the same two-sided level stands in
    for `LIMIT`.

    :param draws: of every seed; two or more together.
    """
    balanced = np.concatenate([seed.balanced for seed in draws])
    plain = float(np.mean(np.concatenate([seed.accuracies for seed in draws])))
    n, mean, sd = len(balanced), float(balanced.mean()), float(balanced.std(ddof=1))
    # below `enough` the t quantile whose two-sided level is that of `LIMIT` standard deviations of a normal
    factor = LIMIT if n >= enough else quantile(n - 1, math.erf(LIMIT / math.sqrt(2)))
    ok = abs(mean - 0.5) <= factor * sd + _ROUNDING
    true = float(np.mean(gold_of(setting.data, "test").labels))
    because = [
        f"mean {'' if true == 0.5 else 'balanced '}transfer accuracy {mean:.3f} over {n} draws is "
        f"{'within' if ok else 'not within'} {factor:.3g} sd of .5 (sd {sd:.3f})"
    ]
    if abs(true - 0.5) >= _UNBALANCED:
        share, word = (true, "true") if true > 0.5 else (1 - true, "false")
        prior = f"{100 * share:.0f} % of the holdout is {word}"
        because.append(f"accuracy {plain:.3f}, for {prior} and labels without content still tell that")
    if n < enough:
        because.append(
            f"{n} draws are fewer than {enough}, so Student's quantile for {n - 1} df stands in for {LIMIT:g}"
            + ("; so few that no accuracy could fail" if factor * sd >= 0.5 else "")
        )
    if not ok:
        because.append("something beside the labels tells the student what is right")
    numbers = {
        "balanced_accuracy": mean, "draws": float(n), "sd": sd, "se": sd / math.sqrt(n),
        "allowed": factor * sd, "share_true": true, "binomial_sd": 0.5 / math.sqrt(len(setting.test)),
    }  # fmt: skip
    return _control(name, setting, plain, ok, "; ".join(because), numbers)


def weak_strong_control(
    name: str, setting: Setting, weak: Mapping[int, Outcomes], top: Mapping[int, Outcomes], min_gap: float
) -> Control:
    """Judge whether the setting ends `no-gap` where the weak model is its own strong student.

    :param weak: (n_test,) outcomes of the setting's teacher, by seed; those of `top` are looked at.
    :param top: (n_test,) outcomes of the weak model trained on train_unlabel's gold, by baseline seed.
    """
    seeds = list(top)
    base = interval.baselines(
        seeds, np.stack([weak[s] for s in seeds]), np.stack([top[s] for s in seeds]), setting.test.groups
    )
    floor, ceiling = float(base.weak.values.mean()), float(base.ceiling.values.mean())
    numbers = {"weak": floor, "ceiling": ceiling, "gap": base.gap, "seeds": float(len(seeds))}
    numbers |= {f"{split}_rows": float(len(setting.data.texts[split])) for split in _TRAINING}
    bounds = interval.gap_interval(base).bounds
    if bounds is not None:
        numbers |= {"gap_low": bounds[0], "gap_high": bounds[1]}
    why = interval.no_gap(base, min_gap=min_gap) or _one_seed(base, numbers)
    because = (
        f"no-gap, as it must be: {why}"
        if why is not None
        else f"not no-gap: trained on train_unlabel's gold the weak model is {base.gap:.3f} above its own "
        "floor, so the setting's gap is not the strong student's alone"
    )
    return _control(name, setting, ceiling, why is not None, because, numbers)


def failed_control(name: str, setting: Setting, why: str) -> Control:
    """A control whose students could not be trained: not ok, and it says why."""
    return _control(name, setting, None, False, f"not run, for its students could not be trained: {why}", {})


def _one_seed(base: interval.WeakAndCeiling, numbers: dict[str, float]) -> str | None:
    """With one seed there is no interval: a gap within `LIMIT` standard errors over questions is none."""
    difference = base.ceiling.values - base.weak.values
    if len(difference) > 1 or difference.size < 2:
        return None
    numbers["gap_se"] = se = float(difference.std(ddof=1)) / math.sqrt(difference.size)
    if base.gap > LIMIT * se:
        return None
    return f"with one seed, the gap {base.gap:.4f} is within {LIMIT:g} standard errors over questions of 0"


def _control(
    name: str, setting: Setting, accuracy: float | None, ok: bool, because: str, numbers: dict[str, float]
) -> Control:
    return Control(
        name=name, task=setting.task.id, pair=setting.pair.name,
        accuracy=accuracy, ok=ok, because=because, numbers=numbers,
    )  # fmt: skip


def oracle_control(
    setting: Setting, kept: Mapping[int, ControlStudents], starred: Starred, no_gap: str | None
) -> Control:
    """Judge whether the oracle comes out as weak supervision; a setting without a gap has nothing to show.

    :param kept: its students, by seed. Where seeds or questions are too few for a verdict, the sizes
    must do.
    """
    seeds = list(kept)
    real = _outcomes(setting, kept, ["gold"])[:, 0]
    best = np.stack([starred.best.outcomes[seed] for seed in seeds])
    sizes = {}
    for teacher in ("echo", "decoy"):
        names = [w.name for w in pair_and_echo(0) if w.teacher == teacher]
        fake = _outcomes(setting, kept, names)
        # (S, 1, K): one echo, or one pair of decoys
        draws = own_part.pooled([own_part.draws_variance(fake.mean(2)[:, None])])
        sizes[teacher] = own_part.size(seeds, real - fake.mean(1), setting.test.groups, draws)
    echo, decoy = sizes["echo"], sizes["decoy"]
    above = own_part.size(seeds, real - best, setting.test.groups)
    word, _ = own_part.verdict(echo, decoy, above)
    is_large = all(size.accuracy >= own_part.LEAST for size in (echo, decoy, above))
    is_vague = word in (None, "unclear") and is_large
    ok = word == "weak supervision" or is_vague
    because = (
        f"{word or 'one seed'}: of {real.mean():.3f}, {echo.accuracy:+.3f} (echo) and {decoy.accuracy:+.3f} "
        f"(decoy) are the teacher's own, {above.accuracy:+.3f} above zero-shot* ({starred.best.name})"
    )
    if is_vague:
        because += "; its size is right, but seeds and questions are too few for a verdict"
    if not ok and no_gap is not None:
        ok, because = True, f"{because}; nothing else is asked of a setting without a gap: {no_gap}"
    elif not ok:
        because += "; no method could be shown to be weak supervision here"
    numbers = {
        "own_echo": echo.accuracy, "own_decoy": decoy.accuracy, "above_zero_shot": above.accuracy,
        "seeds": float(len(seeds)),
    }  # fmt: skip
    return _control(ORACLE, setting, float(real.mean()), ok, because, numbers)


def own_ceiling(controls: Sequence[Control], setting: Setting) -> float | None:
    """The most of its accuracy that a method of the setting could have from its teacher alone."""
    for found in controls:
        if (found.name, found.task, found.pair) == (ORACLE, setting.task.id, setting.pair.name):
            known = [found.numbers[k] for k in ("own_echo", "own_decoy") if k in found.numbers]
            return min(known) if known else None
    return None


def _outcomes(setting: Setting, kept: Mapping[int, ControlStudents], names: Sequence[str]) -> Outcomes:
    """(S, J, n_test) outcomes of the students of those names."""
    told = [[found.students[name] for name in names] for found in kept.values()]
    return np.stack([setting.agreement(setting.unpacked(students)) for students in told])
