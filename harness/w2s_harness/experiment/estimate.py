"""What a plan would do and about what it would cost, without running it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from w2s_harness.experiment.baselines import Baselines
from w2s_harness.experiment.cells import CellWork
from w2s_harness.experiment.controls import Controls
from w2s_harness.experiment.guarding import Guards
from w2s_harness.experiment.keys import READS, Keys
from w2s_harness.experiment.one_cell import Job
from w2s_harness.experiment.plan_power import detectable
from w2s_harness.experiment.readouts import STAGE, Readouts
from w2s_harness.experiment.setting import Setting
from w2s_harness.experiment.store import Store
from w2s_harness.isolation.jail import Jail
from w2s_harness.plan import Plan

_CHARACTERS_PER_TOKEN = 3.0


def describe(
    plan: Plan, settings: Sequence[Setting], store: Store, hook: Any, guards: Guards, jail: Jail
) -> str:
    """The stages with what is in the store already, what the plan can detect, and the cells, one a line."""
    work = CellWork(plan, settings, store, hook, guards, threading.Event(), 1, jail)
    done = {job.cell.id for job in work.jobs if work.kept(job) is not None}
    lines = [*_stages(plan, settings, store, hook, work), *detectable(plan, settings, store)]
    lines += [f"  {job.cell.id}{'   kept' if job.cell.id in done else ''}" for job in work.jobs]
    lines += [f"cannot run   {m.id}: {m.error}" for m in plan.methods if m.error]
    for path, names in opened(plan).items():
        lines.append(f"opened    {path}   (beyond site-packages, to {', '.join(names)})")
    return "\n".join(lines) + "\n"


def opened(plan: Plan) -> dict[str, list[str]]:
    """Every folder and file beyond site-packages that a worker of the plan may read, with whose it is."""
    found: dict[str, list[str]] = {}
    for method in plan.methods:
        for path in method.source.opened:
            found.setdefault(path, []).append(method.id)
    return dict(sorted(found.items()))


def published(
    plan: Plan, settings: Sequence[Setting], store: Store, hook: Any, guards: Guards, jail: Jail
) -> str:
    """The stages of a `--fresh` plan's published twin, which is run beside it."""
    work = CellWork(plan, settings, store, hook, guards, threading.Event(), 1, jail)
    lines = ["on the published data of the same tasks:", *_stages(plan, settings, store, hook, work)]
    return "\n".join(lines) + "\n"


def _stages(plan: Plan, settings: Sequence[Setting], store: Store, hook: Any, work: CellWork) -> list[str]:
    """A line for each stage and one for what is to be read."""
    lines = []
    for name, units in Baselines(plan, settings, store, hook, threading.Event(), 1).stages():
        kept = sum(store.get(u.key) is not None for u in units)
        lines.append(f"{name:<9} {len(units):>5}   kept {kept}")
    readouts = Readouts(plan, settings, store, hook, threading.Event(), 1).units()
    lines.append(f"{STAGE:<9} {len(readouts):>5}   kept {sum(not missing for _, missing in readouts)}")
    lines += _controls(Controls(plan, settings, store, hook, threading.Event(), 1), store)
    kept = sum(work.kept(job) is not None for job in work.jobs)
    lines.append(f"{'cells':<9} {len(work.jobs):>5}   kept {kept}")
    audits = work.audits()
    if audits:
        kept = sum(work.kept(job) is not None for job in audits)
        lines.append(f"{'again':<9} {len(audits):>5}   kept {kept}   (counterfactual, for the guards)")
    own = work.own_audits()
    if own:
        kept = sum(work.kept(job) is not None for job in own)
        lines.append(f"{'own':<9} {len(own):>5}   kept {kept}   (counterfactual, echo and decoy)")
    tokens = sum(_tokens(s, store) for s in settings)
    past = _past([*work.jobs, *audits, *own], store)
    lines.append(f"to read   about {tokens / 1e6:.2f} million tokens{past}")
    return lines


def _controls(controls: Controls, store: Store) -> list[str]:
    """A line for the sanity controls, with the students that are still to be trained; none without them."""
    units = controls.units()
    if not units:
        return []
    missing = [sum(store.get(key) is None for key in unit.places()) for unit in units]
    left = sum(missing)
    price = f"   ({left} student{'' if left == 1 else 's'} to train)" if left else ""
    return [f"{'controls':<9} {len(units):>5}   kept {missing.count(0)}{price}"]


def _tokens(setting: Setting, store: Store) -> float:
    """Tokens whose features are not in the store, from the texts' lengths."""
    total = 0.0
    for role, split in READS:
        if (
            setting.pair.mode == "probe"
            and store.get(Keys(setting).features(role, split, "features")) is not None
        ):
            continue
        for row in setting.data.texts[split].rows:
            prompt, *responses = row.texts().values()
            total += sum(len(prompt) + len(r) for r in responses) / _CHARACTERS_PER_TOKEN
    return total


def _past(jobs: Sequence[Job], store: Store) -> str:
    """What cells of this plan took when they ran, if any has."""
    known = [store.get(job.key) for job in jobs]
    seconds = [record["seconds"] for record in known if record is not None]
    if not seconds:
        return ""
    left = (len(jobs) - len(seconds)) * sum(seconds) / len(seconds)
    return f"; about {left:.0f} s of cells left, from {len(seconds)} that ran"
