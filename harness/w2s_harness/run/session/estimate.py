"""What a plan would do and about what it would cost, without running it."""

from __future__ import annotations

from collections.abc import Sequence

from w2s_harness.contract.plan.plan import Plan
from w2s_harness.run.cell.cell_result import CellResult
from w2s_harness.run.cell.ended import AnyCell
from w2s_harness.run.graph import PlanWork
from w2s_harness.run.session.plan_power import detectable
from w2s_harness.run.stages.features import READS, Features
from w2s_harness.run.stages.readouts import STAGE, ReadMargins
from w2s_harness.run.work.engine import AnyWork, Bench
from w2s_harness.run.work.setting.setting import Setting

_CHARACTERS_PER_TOKEN = 3.0


def describe(work: PlanWork) -> str:
    """The stages with what is in the store already, what the plan can detect, and the cells, one a line."""
    lines = [*_stages(work), *detectable(work.plan, work.settings, work.bench.results.store)]
    lines += [f"  {cell.cell.id}{'   kept' if work.cells.is_kept(cell) else ''}" for cell in work.cells.real]
    lines += [f"cannot run   {m.id}: {m.error}" for m in work.plan.methods if m.error]
    for path, names in opened(work.plan).items():
        lines.append(f"opened    {path}   (beyond site-packages, to {', '.join(names)})")
    return "\n".join(lines) + "\n"


def opened(plan: Plan) -> dict[str, list[str]]:
    """Every folder and file beyond site-packages that a worker of the plan may read, with whose it is."""
    found: dict[str, list[str]] = {}
    for method in plan.methods:
        for path in method.source.opened:
            found.setdefault(path, []).append(method.id)
    return dict(sorted(found.items()))


def published(work: PlanWork) -> str:
    """The stages of a `--fresh` plan's published twin, which is run beside it."""
    return "\n".join(["on the published data of the same tasks:", *_stages(work)]) + "\n"


def _stages(work: PlanWork) -> list[str]:
    """A line for each stage and one for what is to be read."""
    shared, bench, cells = work.shared, work.bench, work.cells
    by_stage = dict(shared.stages()) | {"features": [*shared.features()]}
    readouts = [*by_stage.pop(ReadMargins.kind), *shared.heads()]
    lines = [_line(name, works, bench) for name, works in by_stage.items()]
    lines.append(_line(STAGE, readouts, bench))
    if controls := [*shared.golden_controls(), *shared.noise()]:
        left = sum(getattr(one, "draws", 1) for one in controls if not bench.has(one))
        price = f"   ({left} student{'' if left == 1 else 's'} to train)" if left else ""
        lines.append(_line("controls", controls, bench) + price)
    lines.append(_counted("cells", cells.real, work))
    audits, own = cells.audits(), cells.own_audits()
    if audits:
        lines.append(f"{_counted('again', audits, work)}   (counterfactual, for the guards)")
    if own:
        lines.append(f"{_counted('own', own, work)}   (counterfactual, echo and decoy)")
    tokens = sum(_tokens(setting, bench) for setting in work.settings)
    past = _past([*cells.real, *audits, *own], bench)
    lines.append(f"to read   about {tokens / 1e6:.2f} million tokens{past}")
    return lines


def _line(name: str, works: Sequence[AnyWork], bench: Bench) -> str:
    return f"{name:<9} {len(works):>5}   kept {sum(map(bench.has, works))}"


def _counted(name: str, cells: Sequence[AnyCell], work: PlanWork) -> str:
    return f"{name:<9} {len(cells):>5}   kept {sum(map(work.cells.is_kept, cells))}"


def _tokens(setting: Setting, bench: Bench) -> float:
    """Tokens whose features are not in the store, from the texts' lengths."""
    total = 0.0
    for role, split in READS:
        if setting.pair.mode == "probe" and bench.has(Features(setting.ref, role, split)):
            continue
        for row in setting.data.texts[split].rows:
            prompt, *responses = row.texts().values()
            total += sum(len(prompt) + len(r) for r in responses) / _CHARACTERS_PER_TOKEN
    return total


def _past(cells: Sequence[AnyCell], bench: Bench) -> str:
    """What cells of this plan took when they ran, if any has."""
    known = [bench.results.get(cell) for cell in cells]
    seconds = [found.seconds for found in known if isinstance(found, CellResult)]
    if not seconds:
        return ""
    left = (len(cells) - len(seconds)) * sum(seconds) / len(seconds)
    return f"; about {left:.0f} s of cells left, from {len(seconds)} that ran"
