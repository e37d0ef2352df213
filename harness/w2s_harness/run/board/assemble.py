"""The leaderboard document of a run, from its plan, baselines and cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from msgspec import UNSET

import w2s_harness
from w2s_harness.contract.guards.evidence import Published
from w2s_harness.contract.plan import Plan
from w2s_harness.installed.trusted.plugins import Plugins
from w2s_harness.report.document import document, provenance, records
from w2s_harness.report.sentences.claims import claims_of, decided
from w2s_harness.run.board.control_verdicts import own_ceiling
from w2s_harness.run.board.rows import rows as rowing
from w2s_harness.run.board.rows import voters
from w2s_harness.run.board.rows.own_rows import with_own
from w2s_harness.run.board.rows.scored import (
    NOTHING_BESIDE,
    Beside,
    completed,
    needed,
    noise_floor,
    vanilla_of,
    with_own_vanilla,
)
from w2s_harness.run.board.shared import SharedResults
from w2s_harness.run.cell.cell_result import Ended
from w2s_harness.run.judge.cells import Cells, RowKey
from w2s_harness.run.judge.judging import RowVerdicts, judge
from w2s_harness.run.plan.planning import describe_plan
from w2s_harness.run.stages.worlds.own import Calibrated
from w2s_harness.run.work.code_digest import library_versions, whole
from w2s_harness.run.work.setting.setting import Setting
from w2s_harness.scoring import points
from w2s_harness.scoring.comparisons.starred import Starred
from w2s_harness.scoring.points import Outcomes, pack
from w2s_harness.scoring.spread import interval


@dataclass(frozen=True, eq=False)
class RunResults:
    """What a run computed."""

    plan: Plan
    settings: Sequence[Setting]
    shared: Mapping[str, SharedResults]
    """By setting id."""
    work: Cells
    controls: Sequence[records.Control] = ()
    readouts: Mapping[str, Starred] = field(default_factory=dict)
    """`zero-shot*` by setting id."""
    calibrated: Mapping[str, Calibrated] = field(default_factory=dict)
    """Vanilla in many draws of echo and decoy, by setting id."""

    @cached_property
    def references(self) -> dict[str, rowing.Reference]:
        """Weak floor and ceiling by setting id."""
        seeds, least = self.plan.baseline_seeds, self.plan.min_gap
        return {s.id: rowing.reference(s, self.shared[s.id], seeds, least) for s in self.settings}

    def ended(self) -> list[Ended]:
        """The real cells, in the order of the plan."""
        return [ended for row in self.work.ended().values() for ended in row]


def assemble(
    found: RunResults,
    plugins: Plugins,
    *,
    timing: dict[str, Any],
    machine: dict[str, Any],
    attempts: Mapping[RowKey, int] = MappingProxyType({}),
    published: Mapping[RowKey, Sequence[Published]] = MappingProxyType({}),
    beside: Beside = NOTHING_BESIDE,
) -> document.Leaderboard:
    """The document; every number is computed here or before, in the host, from predictions.

    :param attempts: how many attempts the store saw, by row. :param published: of `--fresh`, by row.
    :param beside: vanilla by other solvers and at the compute of other rows.
    """
    voters = judge(found.work, attempts=attempts, published=published)
    tallies = {
        name: with_own(made, found.work.own, found.readouts.get(name), found.calibrated.get(name))
        for name, made in _tallies(found, voters, attempts).items()
    }
    pairs = [pair for setting in found.settings for pair in rowing.ranked(tallies[setting.id])]
    own = vanilla_of(tally for _, tally in pairs)
    stars = {name: with_own_vanilla(known.vanilla, own.get(name)) for name, known in found.shared.items()}
    beside = replace(beside, vanilla=stars)
    attempts_p = [attempt.p for attempt in found.plan.attempts]
    done = decided(completed(found.plan, pairs, beside, found.work.bench), attempts_p, needed(pairs, beside))
    return document.Leaderboard(
        schema="w2s-leaderboard/1",
        harness=_harness(plugins),
        plan=describe_plan(found.plan),
        settings=[_setting(found.references[s.id], found, tallies[s.id], beside) for s in found.settings],
        rows=done,
        controls=list(found.controls),
        claims=claims_of(done),
        timing=timing,
        machine=machine,
    )


def unjudged(found: RunResults) -> list[rowing.Tally]:
    """The rows of all settings, without their verdicts and without what is the teacher's own in them."""
    tallies = _tallies(found, {}, {})
    return [tally for setting in found.settings for tally in tallies[setting.id]]


def _tallies(
    found: RunResults, judged: Mapping[RowKey, RowVerdicts], attempts: Mapping[RowKey, int]
) -> dict[str, list[rowing.Tally]]:
    """The rows in the making by setting, in the order of the plan's methods."""
    cells = found.work.ended()
    out: dict[str, list[rowing.Tally]] = {setting.id: [] for setting in found.settings}
    for setting, method in product(out, found.plan.methods):
        row = (setting, method.id)
        if row in cells:
            said, base = judged.get(row, RowVerdicts()), found.references[setting]
            verdicts, seen = list(said.verdicts), attempts.get(row, 1)
            out[setting].append(rowing.Tally(method, base, cells[row], verdicts, seen, said.again))
    return out


def _setting(
    reference: rowing.Reference, found: RunResults, tallies: Sequence[rowing.Tally], beside: Beside
) -> document.SettingRecord:
    setting, plan = reference.setting, found.plan
    baseline = found.shared[setting.id]
    weak, ceiling = reference.accuracies()
    gap_ci = interval.gap_interval(reference.base)
    is_open = setting.task.exposure != "private"
    seeds = list(plan.baseline_seeds)
    return document.SettingRecord(
        task=setting.task.id,
        pair=setting.pair.name,
        mode=setting.pair.mode,
        solver="exact" if setting.pair.mode == "probe" else "finetune",
        n_test=len(setting.test),
        weak=_line(seeds, reference.weak, weak, is_open),
        ceiling=_line(seeds, reference.ceiling, ceiling, is_open),
        weak_label_acc=points.mean([baseline.weak_label_acc[s] for s in seeds]),
        gap=points.mean(ceiling) - points.mean(weak),
        gap_ci=gap_ci.bounds,
        reason=reference.no_gap or gap_ci.reason,
        hyper=_hyper(setting, baseline),
        exposure=setting.task.exposure,
        data_digest=setting.data.digest,
        n_cut=sum(baseline.cut.values()),
        subsets=_subsets(reference),
        clusters=[int(g) for g in setting.test.groups] if is_open else None,
        min_gap=plan.min_gap,
        models={"weak": _model(setting, "weak", baseline), "strong": _model(setting, "strong", baseline)},
        majority=max(setting.scored(np.full(len(setting.test), p)).accuracy for p in (0.0, 1.0)),
        baseline_seeds=seeds,
        noise_floor=noise_floor(tallies),
        vanilla_star={
            name: _star(setting, star, is_open) for name, star in beside.vanilla[setting.id].items()
        },
        own_ceiling=own_ceiling(found.controls, setting),
        zero_shot_star=None
        if (readouts := beside.zero_shot.get(setting.id)) is None
        else _star(setting, readouts, is_open),
        judged=UNSET if reference.by_vote is None else voters.setting(reference.by_vote),
    )


def _line(
    seeds: Sequence[int], outcomes: Outcomes, accuracies: Sequence[float], is_open: bool
) -> document.Baseline:
    lines = zip(seeds, outcomes, accuracies, strict=True)
    per_seed = [_seed_line(seed, row, accuracy, is_open) for seed, row, accuracy in lines]
    return document.Baseline(mean=points.mean([s.accuracy for s in per_seed]), per_seed=per_seed)


def _seed_line(seed: int, outcomes: Outcomes, accuracy: float, is_open: bool) -> document.SeedAccuracy:
    if not is_open:
        return document.SeedAccuracy(seed=seed, accuracy=accuracy)
    right, ties = pack(outcomes)
    return document.SeedAccuracy(seed=seed, accuracy=accuracy, outcomes=right, ties=ties or UNSET)


def _star(setting: Setting, star: Starred, is_open: bool) -> records.Star:
    best = star.best
    points = [
        records.StarPoint(name=p.name, settings=dict(p.settings), accuracy=p.accuracy) for p in star.points
    ]
    # of a judged task `best.outcomes` are agreements, from which no decision can be read back
    shown = is_open and not setting.is_judged
    per_seed = [
        _seed_line(seed, outcomes, float(outcomes.mean()), shown) for seed, outcomes in best.outcomes.items()
    ]
    return records.Star(name=best.name, accuracy=best.accuracy, points=points, per_seed=per_seed)


def _hyper(setting: Setting, baseline: SharedResults) -> provenance.Hyper:
    if setting.pair.mode == "finetune":
        own = setting.pair.finetune
        return provenance.Hyper(C=None, epochs=own.get("epochs"), lr=own.get("lr"), grid={})
    chosen = baseline.chosen
    return provenance.Hyper(
        C=chosen["strong"]["c"], ceiling_C=chosen["ceiling"]["c"], epochs=None, lr=None,
        grid=dict(chosen["grid"]),
    )  # fmt: skip


def _subsets(reference: rowing.Reference) -> dict[str, document.SubsetBaseline]:
    out = {}
    for name, mask in reference.subsets.items():
        weak, ceiling = map(points.mean, reference.accuracies(mask))
        out[name] = document.SubsetBaseline(n_test=int(mask.sum()), weak=weak, ceiling=ceiling)
    return out


def _model(
    setting: Setting, role: Literal["weak", "strong"], baseline: SharedResults
) -> provenance.ModelRecord:
    spec = setting.pair.weak if role == "weak" else setting.pair.strong
    known = setting.models[role]
    seen = known.get("seen") or {}
    return provenance.ModelRecord(
        source=known["source"], revision=known["revision"], dtype=spec.dtype, sha256=known["sha256"],
        commit=known.get("commit"), context=seen.get("context"), readout=seen.get("readout"),
        n_cut=baseline.cut.get(role), chat=seen.get("chat"), template_order=list(spec.templates),
        templates={name: {k: str(v) for k, v in t.items()} for name, t in spec.templates.items()},
        device=seen.get("device"), notes=list(seen.get("notes") or ()),
    )  # fmt: skip


def _harness(plugins: Plugins) -> provenance.HarnessRecord:
    versions = {name: v for name, v in library_versions().items() if v is not None}
    loaded = [
        provenance.PluginRecord(
            name=name, distribution=facts.get("distribution"), version=facts.get("version"),
            sha256=facts["sha256"] or None,
        )
        for name, facts in sorted(plugins.loaded.items())
    ]  # fmt: skip
    return provenance.HarnessRecord(
        version=w2s_harness.__version__, sha256=whole(), packages=versions, plugins=loaded
    )
