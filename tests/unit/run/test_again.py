from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest

from w2s_harness.cli.commands import run
from w2s_harness.contract.plan import Limits, MethodSource, Plan, PlannedMethod, PlannedTask
from w2s_harness.contract.types import Model, Pair
from w2s_harness.run.judge.judging import command, selected
from w2s_harness.run.plan.selection import Selection, made
from w2s_harness.run.plan.specs import parse_seeds, parse_specs

SHIPPED = MethodSource("v", "v", "w2s-harness", "1", "a" * 64, filename="v.py")
FILE = MethodSource("m", "m", None, None, "b" * 64, filename="my methods/mine.py")
PAIR = Pair(name="p", weak=Model(source="w"), strong=Model(source="s"))


@dataclass(frozen=True)
class Drawn:
    """A generated task."""

    name = "drawn"
    data_seed: int | str = 0
    size: int = 10


@dataclass
class Loaded:
    """Plugins, as far as a command needs them."""

    added: tuple[str, ...] = ()
    methods_env: str | None = None
    blocked: tuple[str, ...] = ()

    def task(self, name: str) -> Drawn:
        return Drawn()

    def pair_if_known(self, name: str) -> Pair | None:
        return PAIR if name == "p" else None


@pytest.fixture
def plan() -> Plan:
    methods = (
        PlannedMethod("vanilla", "vanilla", SHIPPED, {}),
        PlannedMethod("zero-shot", "zero-shot", SHIPPED, {}),
        PlannedMethod("mine", "mine", FILE, {"by": 0.25}, {"by": 0.25}),
    )
    return Plan(
        tasks=(PlannedTask("drawn", Drawn(), {"data_seed": 0, "size": 10}, "public"),),
        pairs=(PAIR,),
        methods=methods,
        seeds=(0, 1),
        baseline_seeds=(0, 1),
    )


def words(plan: Plan, beside=(), plugins=None, seeds=None) -> dict[str, list[str]]:
    """The command's flags with what they are given, after a shell has read it."""
    setting = SimpleNamespace(id="drawn/p", task=plan.tasks[0], pair=plan.pairs[0])
    cells = [
        SimpleNamespace(setting=setting, method=plan.methods[2], cell=SimpleNamespace(seed=s))
        for s in seeds or plan.seeds
    ]
    first, second, *rest = shlex.split(command(plan, setting, plugins or Loaded(), cells, beside))
    assert (first, second) == ("w2s-harness", "run")
    found: dict[str, list[str]] = {}
    for flag, value in zip(rest[::2], rest[1::2], strict=True):
        found.setdefault(flag, []).append(value)
    return found


def test_a_usual_plan_needs_no_more_than_its_four_axes(plan):
    found = words(plan, beside=plan.methods[:1])
    assert set(found) == {"--tasks", "--pairs", "--methods", "--seeds"}
    assert (found["--tasks"], found["--pairs"], found["--seeds"]) == (["drawn"], ["p"], ["0,1"])
    mine = parse_specs(found["--methods"][0])[1]
    assert [s.name for s in parse_specs(found["--methods"][0])] == ["vanilla", "my methods/mine.py::mine"]
    assert mine.parameters == {"by": "0.25"}


def test_a_pair_that_no_plugin_offers_is_named_by_its_models(plan):
    adhoc = Pair(name="w..a b", weak=Model(source="w"), strong=Model(source="../a b"))
    found = words(replace(plan, pairs=(adhoc,)))
    assert "--pairs" not in found
    assert (found["--weak"], found["--strong"]) == (["w"], ["../a b"])


def test_mode_and_adapter_are_said_where_they_differ(plan):
    other = replace(PAIR, name="p[mode=finetune]", mode="finetune", finetune={"adapter": "lora"})
    found = words(replace(plan, pairs=(other,), counterfactuals="one"))
    assert (found["--pairs"], found["--mode"], found["--adapter"]) == (["p"], ["finetune"], ["lora"])
    assert "--counterfactuals" not in found, "one is what auto comes to where a model is trained"


def test_a_drawn_data_seed_is_named_though_the_id_hides_it(plan):
    own = {"data_seed": "ab" * 16, "size": 20}
    fresh = PlannedTask("drawn[size=20]", Drawn("ab" * 16, 20), own, "fresh")
    (spec,) = parse_specs(words(replace(plan, tasks=(fresh,)))["--tasks"][0])
    assert (spec.name, spec.parameters) == ("drawn", {"data_seed": "ab" * 16, "size": "20"})


def test_a_task_of_files_is_named_as_it_was_typed(plan):
    task = replace(plan.tasks[0], path="./my data/words")
    assert words(replace(plan, tasks=(task,)))["--tasks"] == ["./my data/words"]


def test_predictions_are_named_by_their_file(plan):
    source = replace(FILE, filename="theirs/preds.jsonl")
    method = PlannedMethod("preds", "preds", source, {})
    found = words(replace(plan, methods=(*plan.methods[:2], method)))
    assert found["--methods"] == ["theirs/preds.jsonl"]


def test_what_decides_the_numbers_stands_in_it_and_guards_only_where_some_are_off(plan):
    changed = replace(
        plan,
        seeds=(3,),
        baseline_seeds=(3, 4),
        root_seed=9,
        limit=50,
        grants=frozenset({"text"}),
        limits=Limits(timeout_s=5.0),
        counterfactuals="one",
        guards_off=("shortcuts",),
    )
    found = words(changed, plugins=Loaded(added=("odd", "my guards/x.py"), methods_env="env"))
    assert parse_seeds(found.pop("--seeds")[0]) == (3,)
    assert found == {
        "--tasks": ["drawn"],
        "--pairs": ["p"],
        "--methods": ["my methods/mine.py::mine:by=0.25"],
        "--methods-env": ["env"],
        "--baseline-seeds": ["3,4"],
        "--seed": ["9"],
        "--limit": ["50"],
        "--grant": ["text,no:embeddings"],
        "--cell-timeout": ["5.0"],
        "--counterfactuals": ["one"],
        "-p": ["odd", "my guards/x.py"],
        "--no-guard": ["shortcuts"],
    }


def test_a_row_of_some_seeds_keeps_the_plan_s_baselines(plan):
    found = words(plan, seeds=(1,))
    assert (found["--seeds"], found["--baseline-seeds"]) == (["1,"], ["0,1"])


def test_a_selection_is_read_back_as_it_was(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    wanted = Selection(
        tasks="./my data,math:data_seed=7", methods="vanilla,./mine.py::mine:by=.5", seeds="3,", limit=50,
        weak="a/b", strong="../c d", dtype="bfloat16", strong_template="{question} so {candidate}",
        grant="text,no:embeddings", root_seed=9, cell_timeout_s=5.0, counterfactuals="one", controls=False,
        own_draws=2, guards="default,./g.py", fresh=True, baseline_seeds="2", against="vanilla",
    )  # fmt: skip
    loaded = Loaded(added=("odd", "my guards/x.py"), methods_env="e", blocked=("z",))
    program, command, *line = shlex.split(selected(wanted, loaded))
    assert (program, command) == ("w2s-harness", "run")
    read = run.command.make_context("run", line).params
    assert made(Selection, read) == wanted
    assert (read["plugin"], read["methods_env"]) == (("odd", "my guards/x.py", "no:z"), "e")
    assert selected(Selection(tasks="math"), Loaded()).startswith("w2s-harness run --tasks math --methods")
