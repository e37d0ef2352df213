from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
from ended_cells import ended, failed, well

from w2s_harness.contract.plan import MethodSource, Plan, PlannedMethod, PlannedTask
from w2s_harness.contract.types import Model, Pair
from w2s_harness.data.rows.gold import Gold
from w2s_harness.data.rows.texts import TaskData
from w2s_harness.run.board.assemble import RunResults
from w2s_harness.run.board.rows.rows import reference
from w2s_harness.run.board.shared import SharedResults
from w2s_harness.run.session.session import Aside, compare_published, published_twin
from w2s_harness.run.work.setting.setting import Setting
from w2s_harness.scoring.spread.blocks import block
from w2s_harness.scoring.spread.pool import pgr_pools

N, SEEDS = 400, (0, 1, 2)
GROUPS = np.arange(N) // 2


@dataclass(frozen=True)
class Drawn:
    """A generated task."""

    data_seed: int | str = 0
    size: int = 10
    name = "drawn"
    exposure = "public"


def planned(name: str) -> PlannedMethod:
    return PlannedMethod(name, name, MethodSource(name, name, None, None, "a" * 64), {})


@pytest.fixture
def fresh_plan() -> Plan:
    seed = "ab" * 16
    own = {"data_seed": seed, "size": 20}
    return Plan(
        tasks=(
            PlannedTask("drawn[size=20]", Drawn(seed, 20), own, "fresh"),
            PlannedTask("folder", SimpleNamespace(name="folder"), {}, "public"),
        ),
        pairs=(Pair(name="p", weak=Model(source="w"), strong=Model(source="s")),),
        methods=(planned("one"), planned("two")),
        seeds=SEEDS,
        baseline_seeds=SEEDS,
        limit=50,
    )


PLUGINS = SimpleNamespace(task=lambda name: Drawn())


def test_the_twin_is_the_plan_on_the_published_data_of_what_was_drawn(fresh_plan):
    made = published_twin(fresh_plan, PLUGINS)
    (task,) = made.tasks
    assert (task.id, task.exposure, task.task) == ("drawn[size=20]", "public", Drawn(0, 20))
    assert task.settings == {"data_seed": 0, "size": 20}
    assert made.counterfactuals == "none" and made.attempts == ()
    same = ("pairs", "methods", "seeds", "baseline_seeds", "limit", "root_seed", "limits", "grants")
    assert all(getattr(made, name) == getattr(fresh_plan, name) for name in same)


def test_the_twin_has_the_cells_that_were_selected_and_none_without_them(fresh_plan):
    chosen = frozenset({"drawn[size=20]/p/one/s0", "folder/p/two/s1"})
    made = published_twin(replace(fresh_plan, selected=chosen), PLUGINS)
    assert [c.id for c in made.cells()] == ["drawn[size=20]/p/one/s0"]
    assert published_twin(replace(fresh_plan, selected=frozenset({"folder/p/two/s1"})), PLUGINS) is None
    assert published_twin(replace(fresh_plan, tasks=fresh_plan.tasks[1:]), PLUGINS) is None


def drawn(accuracy: float, seed: int) -> np.ndarray:
    out = np.zeros(N)
    out[np.random.default_rng(seed).permutation(N)[: round(accuracy * N)]] = 1
    return out


class Holdout:
    groups = GROUPS

    def __len__(self) -> int:
        return N


def results(plan: Plan, accuracies: dict[str, float], *, ceiling: float = 0.9, shift: int = 0, **broken):
    """What a run over the plan's first task came to; `broken`: the seed of a method that failed."""
    data = TaskData("verify", {"test": Holdout()}, {"test": Gold(np.zeros(N, bool))}, "", "")
    setting = Setting(plan.tasks[0], plan.pairs[0], data, {}, 0)
    baseline = SharedResults(
        weak={s: drawn(0.6, shift + s) for s in SEEDS},
        ceiling={s: drawn(ceiling, shift + 10 + s) for s in SEEDS},
        weak_label_acc={},
        chosen={},
    )
    rows = {}
    for cell in plan.cells():
        right = drawn(accuracies[cell.method] + 0.02 * cell.seed, shift + 20 + cell.seed)
        found = failed("no") if broken.get(cell.method) == cell.seed else well(right)
        rows.setdefault((setting.id, cell.method), []).append(ended(cell.seed, found))
    work = SimpleNamespace(ended=lambda: rows)
    return RunResults(plan, [setting], {setting.id: baseline}, work)


@pytest.fixture
def plan(fresh_plan) -> Plan:
    return replace(fresh_plan, tasks=fresh_plan.tasks[:1])


def test_a_row_s_own_comparison_comes_first_with_pgr_and_pool_errors(plan):
    fresh = results(plan, {"one": 0.7, "two": 0.75})
    published = results(plan, {"one": 0.85, "two": 0.75}, shift=100)
    found = compare_published(fresh, published)
    setting = fresh.settings[0]
    assert list(found) == [(setting.id, "one"), (setting.id, "two")]
    one, two = found[(setting.id, "one")]
    assert found[(setting.id, "two")] == [two, one]
    assert one.fresh == pytest.approx((0.72 - 0.6) / 0.3)
    assert one.published == pytest.approx((0.87 - 0.6) / 0.3)
    base = reference(setting, fresh.shared[setting.id], SEEDS, 0.02).base
    rows = np.stack([drawn(0.7 + 0.02 * s, 20 + s) for s in SEEDS])
    assert one.fresh_se == pgr_pools(base, [block(SEEDS, rows, GROUPS)])[0].normal_se
    assert one.published_se != one.fresh_se


def test_a_failed_seed_on_either_data_leaves_the_row_out(plan):
    both = {"one": 0.7, "two": 0.75}
    whole, torn = results(plan, both), results(plan, both, one=1)
    for fresh, published in ((whole, torn), (torn, whole)):
        found = compare_published(fresh, published)
        assert [row[1] for row in found] == ["two"] and len(found[next(iter(found))]) == 1


def test_without_a_gap_on_either_data_nothing_is_compared(plan):
    both = {"one": 0.7, "two": 0.75}
    whole, flat = results(plan, both), results(plan, both, ceiling=0.6)
    assert compare_published(whole, flat) == compare_published(flat, whole) == {}


def test_one_seed_has_no_error_and_is_not_compared(plan):
    one = replace(plan, seeds=(0,))
    both = {"one": 0.7, "two": 0.75}
    assert compare_published(results(one, both), results(one, both)) == {}


def test_listeners_hear_of_the_twin_s_stages_by_another_name_and_of_no_cell():
    heard = []

    class Hook:
        w2s_judge_run = "a guard's"

        def w2s_stage_start(self, **told):
            heard.append(told)

        def w2s_stage_progress(self, **told):
            heard.append(told)

        def w2s_cell_finish(self, **told):
            heard.append(told)

    aside = Aside(Hook())
    aside.w2s_stage_start(stage="cells", total=2)
    aside.w2s_stage_progress(stage="cells", unit="u", cached=True)
    aside.w2s_cell_finish(cell=None, record={})
    assert heard == [
        {"stage": "published cells", "total": 2},
        {"stage": "published cells", "unit": "u", "cached": True},
    ]
    assert aside.w2s_judge_run == "a guard's"
