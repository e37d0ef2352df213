"""The sanity controls of a plan, judged: setting by setting, always in the same order of names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from w2s_harness.report.document.records import Control
from w2s_harness.run.board.controls.control_verdicts import (
    failed_control,
    gap_missing,
    noise_control,
    weak_strong_control,
)
from w2s_harness.run.board.controls.gold_oracle import oracle_control
from w2s_harness.run.board.shared import SharedResults, SharedWork
from w2s_harness.run.stages.controls import (
    DRAWS,
    ORACLE,
    WEAK_STRONG,
    GoldOracle,
    Noise,
    WeakAsStrong,
    noise_names,
)
from w2s_harness.run.work.engine import AnyWork, Bench
from w2s_harness.run.work.setting.setting import Setting
from w2s_harness.scoring.comparisons.starred import Starred


def judged_controls(
    work: SharedWork, shared: Mapping[str, SharedResults], readouts: Mapping[str, Starred]
) -> list[Control]:
    """The verdicts; none where the plan has no controls.

    :param readouts: `zero-shot*` by setting id.
    """
    if not work.plan.controls:
        return []
    return [
        control
        for setting in work.settings
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
        no_gap = gap_missing(setting, shared.weak, shared.ceiling, plan.min_gap)
        kept = {seed: bench.of(one) for seed, one in oracles.items()}
        out.append(oracle_control(setting, kept, starred, no_gap))
    return out


def _why(bench: Bench, works: Sequence[AnyWork]) -> str | None:
    """Why one of them has no result; the first."""
    found = (bench.results.failure(work) for work in works)
    return next((failure.why for failure in found if failure is not None), None)
