"""Whether a sanity control came out as it must: pure judgements of numbers that were measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from w2s_harness.contract.types import Split
from w2s_harness.data.rows.gold import gold_of
from w2s_harness.report.document.records import Control
from w2s_harness.run.stages.controls import NoiseDraws
from w2s_harness.run.work.setting.setting import Setting
from w2s_harness.scoring.points.accuracy import Outcomes
from w2s_harness.scoring.spread import interval

LIMIT = 3.0
"""Standard deviations over the draws that a mean may lie from .5."""
_ROUNDING = 1e-9
_UNBALANCED = 0.005
"""A share of true rows that far from one half is worth a word."""
_TRAINING: tuple[Split, ...] = ("train_label", "train_unlabel")


def noise_control(name: str, setting: Setting, draws: Sequence[NoiseDraws], *, enough: int) -> Control:
    """Judge whether the mean of the draws is within `LIMIT` sd over the draws of .5.

    Every draw is scored by balanced accuracy: labels without content still hold their class prior. The draws
    share the holdout and the student's features, and a student of noise is a random direction in these, so
    that draws scatter by more than the binomial error of one holdout; their own sd knows that. Of fewer than
    `enough` draws the sd is itself uncertain, and Student's quantile of the same two-sided level stands in
    for `LIMIT`.

    :param draws: of every seed; two or more together.
    """
    balanced = np.array([value for seed in draws for value in seed.balanced])
    accuracies = [value for seed in draws for value in seed.accuracies]
    n, mean, plain = len(balanced), float(balanced.mean()), float(np.mean(accuracies))
    sd = float(balanced.std(ddof=1))
    factor = LIMIT if n >= enough else _student(n - 1)
    ok = abs(mean - 0.5) <= factor * sd + _ROUNDING
    true = float(np.mean(gold_of(setting.data, "test").labels))
    because = [
        f"mean {'' if true == 0.5 else 'balanced '}transfer accuracy {mean:.3f} over {n} draws is "
        f"{'within' if ok else 'not within'} {factor:.3g} sd of .5 (sd {sd:.3f})"
    ]
    if abs(true - 0.5) >= _UNBALANCED:
        because.append(f"accuracy {plain:.3f}, for {_prior(true)} and labels without content still tell that")
    if n < enough:
        because.append(_few(n, enough, is_idle=factor * sd >= 0.5))
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


def gap_missing(
    setting: Setting, weak: Mapping[int, Outcomes], top: Mapping[int, Outcomes], min_gap: float
) -> str | None:
    """Why the setting has no gap between teacher and ceiling, or None.

    :param weak: (n_test,) outcomes of the teacher, by seed. :param top: of the ceiling, by baseline seed.
    """
    seeds = list(top)
    floor, ceiling = (setting.agreement(np.stack([found[s] for s in seeds])) for found in (weak, top))
    return interval.no_gap(interval.baselines(seeds, floor, ceiling, setting.test.groups), min_gap=min_gap)


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


def _student(df: int) -> float:
    """The t quantile whose two-sided level is that of `LIMIT` standard deviations of a normal."""
    return interval.quantile(df, math.erf(LIMIT / math.sqrt(2)))


def _few(n: int, enough: int, *, is_idle: bool) -> str:
    note = f"{n} draws are fewer than {enough}, so Student's quantile for {n - 1} df stands in for {LIMIT:g}"
    return f"{note}; so few that no accuracy could fail" if is_idle else note


def _prior(true: float) -> str:
    share, word = (true, "true") if true > 0.5 else (1 - true, "false")
    return f"{100 * share:.0f} % of the holdout is {word}"
