from __future__ import annotations

from dataclasses import replace

import pytest

from w2s_harness.contract.errors import NothingSelectedError, PluginError, UsageError, WorkerError
from w2s_harness.contract.plan import MethodSource
from w2s_harness.contract.types import Task
from w2s_harness.contract.worker.wire.messages import MethodInfo, Parameter
from w2s_harness.installed.trusted.plugins import Plugins
from w2s_harness.run.plan.planning import build_plan, describe_plan, keep, without_vanilla
from w2s_harness.run.plan.selection import Selection
from w2s_tasks.kinds import KindsTask

INFOS = {
    "confident": [
        MethodInfo(
            "confident", parameters=(Parameter("margin", "float", 0.25), Parameter("soft", "bool", True))
        )
    ],
    "zero-shot": [MethodInfo("zero-shot", track="elicitation")],
}
FILES = {
    "two.py": [
        MethodInfo("b-two", access=("inference",)),
        MethodInfo("a-one", parameters=(Parameter("k", "int", 3),)),
    ],
    "thief.py": [MethodInfo("vanilla")],
    "odd.py": [MethodInfo("odd", access=("telepathy",))],
    "torn.py": WorkerError("torn.py: SyntaxError"),
}


def describe(source: MethodSource):
    if source.distribution is None:
        answer = FILES[source.filename.rpartition("/")[2]]
        if isinstance(answer, Exception):
            raise answer
        return answer
    return INFOS.get(source.name, [MethodInfo(source.name)])


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in FILES:
        (tmp_path / name).write_text("")

    def build(drawn=None, **flags):
        return build_plan(replace(Selection(), **flags), Plugins(), describe, drawn)

    return build


def methods(plan, text: str) -> list[str]:
    return [m.id for m in plan(methods=text).methods]


def test_the_defaults_are_four_tasks_on_their_pairs_six_methods_five_seeds(plan):
    found = plan()
    assert [t.id for t in found.tasks] == ["math", "code", "chat", "kinds"]
    assert [p.name for p in found.pairs] == ["tiny", "tiny-kinds"]
    assert len(found.methods) == 6 and found.seeds == found.baseline_seeds == (0, 1, 2, 3, 4)
    cells = [c.id for c in found.cells()]
    assert len(cells) == len(set(cells)) == 120 and cells[0] == "math/tiny/vanilla/s0"


def test_without_pairs_each_task_runs_on_its_own(plan):
    found = plan(tasks="chat,kinds,kinds:teacher=blind", methods="vanilla", seeds="1")
    assert [c.id for c in found.cells()] == [
        "chat/tiny/vanilla/s0",
        "kinds/tiny-kinds/vanilla/s0",
        "kinds[teacher=blind]/tiny-kinds-blind/vanilla/s0",
    ]
    told = describe_plan(found)["tasks"]
    assert [task["pairs"] for task in told] == [["tiny"], ["tiny-kinds"], ["tiny-kinds-blind"]]


def test_named_pairs_are_those_of_every_task(plan):
    found = plan(tasks="chat,kinds", pairs="tiny,tiny-kinds", methods="vanilla", seeds="1")
    assert [c.id.rpartition("/vanilla")[0] for c in found.cells()] == [
        f"{task}/{pair}" for task in ("chat", "kinds") for pair in ("tiny", "tiny-kinds")
    ]
    (cell,) = plan(tasks="kinds", weak="a/b", strong="c/d", methods="vanilla", seeds="1").cells()
    assert cell.pair == "a.b..c.d"


def test_a_task_whose_pair_nobody_offers(plan, monkeypatch):
    monkeypatch.setattr(KindsTask, "pair", "tiny-kind")
    monkeypatch.setattr(KindsTask, "made_for", Task.made_for)
    with pytest.raises(PluginError, match="task 'kinds' is made for the pair 'tiny-kind', which no plugin"):
        plan(tasks="kinds")
    assert [p.name for p in plan(tasks="kinds", pairs="tiny-kinds").pairs] == ["tiny-kinds"]


def test_a_mode_changes_the_pairs_that_tasks_name(plan):
    found = plan(tasks="math,kinds", mode="finetune")
    assert [c.pair for c in found.cells() if c.method == "vanilla" and c.seed == 0] == [
        "tiny[mode=finetune]",
        "tiny-kinds[mode=finetune]",
    ]


def test_ids_hold_only_what_differs_from_the_defaults_sorted(plan):
    assert methods(plan, "confident:soft=true:margin=.25") == ["confident"]
    assert methods(plan, "confident:soft=no:margin=0.3") == ["confident[margin=0.3,soft=false]"]
    (method,) = plan(methods="confident:margin=.3").methods
    assert method.parameters == {"margin": 0.3, "soft": True} and method.changed == {"margin": 0.3}


def test_globs_select_shipped_names_sorted(plan):
    assert methods(plan, "van*") == ["vanilla", "vanilla-hard"]
    assert [t.id for t in plan(tasks="c*").tasks] == ["chat", "chat-judged", "cities", "code"]
    assert [p.name for p in plan(pairs="t?ny").pairs] == ["tiny"]
    assert set(methods(plan, "all")) == set(methods(plan, "*")) >= {"vanilla", "zero-shot"}


def test_one_thing_that_is_named_twice_is_one(plan):
    assert methods(plan, "vanilla,van*,vanilla") == ["vanilla", "vanilla-hard"]
    assert methods(plan, "zero-shot,all")[0] == "zero-shot"
    assert len(methods(plan, "zero-shot,all")) == len(methods(plan, "all"))
    assert methods(plan, "confident,confident:margin=.25") == ["confident"]
    assert methods(plan, "confident,confident:margin=.3") == ["confident", "confident[margin=0.3]"]
    assert methods(plan, "two.py,./two.py::a-one") == ["a-one", "b-two"]
    seed = plan().tasks[0].settings["data_seed"]
    assert [t.id for t in plan(tasks=f"math,math:data_seed={seed},ma*").tasks] == ["math"]
    assert [p.name for p in plan(pairs="tiny,t?ny").pairs] == ["tiny"]
    assert [t.id for t in plan(tasks="ma*,math", fresh=True).tasks] == ["math"]


def test_two_things_with_one_id(plan, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "two.py").write_text("# another\n")
    with pytest.raises(UsageError, match="two methods of the plan have the id 'a-one'"):
        plan(methods="two.py,other/two.py")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"methods": "vanilla,nope*"}, r"--methods nope\*: the pattern matches nothing"),
        ({"tasks": "math,nope?"}, r"--tasks nope\?: the pattern matches nothing. `w2s-harness list tasks`"),
        ({"pairs": "tiny,n*"}, r"--pairs n\*: the pattern matches nothing"),
        ({"methods": "vanilla,confident[margin=0.3]"}, "ride on the name: confident:margin=0.3"),
        ({"pairs": "tiny", "weak": "a", "strong": "b"}, "--pairs tiny and --weak exclude one another"),
        ({"baseline_seeds": "many"}, "--baseline-seeds many: give a count"),
        ({"methods": "confident:margin=nan"}, "margin: 'nan' is not finite"),
        ({"methods": "two.py::a-one:k=1_0"}, "k: '1_0' is not a whole number"),
        ({"methods": f"two.py::a-one:k={'9' * 30}"}, "is longer than 64 bits"),
    ],
)
def test_what_would_drop_out_in_silence_is_said(plan, flags, said):
    with pytest.raises(UsageError, match=said):
        plan(**flags)


def test_a_pattern_does_not_select_what_others_offer(plan, monkeypatch):
    real = Plugins.__init__

    def with_another(self, **flags):
        real(self, **flags)
        self.methods["my-own"] = replace(self.methods["vanilla"], name="my-own", distribution="other")

    monkeypatch.setattr(Plugins, "__init__", with_another)
    with pytest.raises(UsageError, match="selects what w2s-harness ships; name 'my-own' itself"):
        plan(methods="vanilla,my*")


@pytest.mark.parametrize("flags", [{"methods": ""}, {"tasks": "zz*"}, {"pairs": " , "}])
def test_an_empty_selection(plan, flags):
    with pytest.raises(NothingSelectedError, match=r"the selection holds no|matches nothing"):
        plan(**flags)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"tasks": "maths"}, r"unknown task 'maths' \(did you mean 'math'\?\)"),
        (
            {"tasks": "kinds:teacher=deaf"},
            "teacher='deaf' is no teacher of the task 'kinds': give noisy or blind",
        ),
        ({"pairs": "tny"}, r"unknown pair 'tny' \(did you mean 'tiny'\?\)"),
        ({"methods": "logcon"}, r"unknown method 'logcon' \(did you mean 'logconf'\?\)"),
        (
            {"methods": "confident:margn=1"},
            r"no such parameter \(did you mean 'margin'\?\). It has: margin, soft",
        ),
        ({"methods": "vanilla:x=1"}, "It has: none"),
        ({"methods": "confident:soft=maybe"}, "method 'confident', soft: 'maybe' is not true or false"),
        ({"tasks": "math:data_sed=1"}, r"no such setting \(did you mean 'data_seed'\?\)"),
        ({"weak": "a"}, "--strong is missing"),
        ({"weak": "", "strong": ""}, "--weak is missing"),
        ({"adapter": "lora"}, "--adapter lora needs --mode finetune"),
        ({"grant": "no:everything"}, "cannot give that access"),
        ({"fresh": True, "tasks": "math:data_seed=7"}, "leave data_seed out"),
        ({"seeds": "x"}, "--seeds x"),
    ],
)
def test_what_cannot_be_resolved_says_so(plan, flags, said):
    with pytest.raises(UsageError, match=said):
        plan(**flags)


def test_every_method_of_a_file_or_one_of_them(plan):
    assert methods(plan, "./two.py") == ["a-one", "b-two"]
    assert methods(plan, "two.py::b-two") == ["b-two"]
    assert methods(plan, "./two.py::a-one:k=4") == ["a-one[k=4]"]
    (method,) = plan(methods="./two.py::b-two").methods
    assert method.access == ("inference",) and method.source.distribution is None
    with pytest.raises(PluginError, match=r"offers no method 'a-on' \(did you mean 'a-one'\?\)"):
        plan(methods="./two.py::a-on")


def test_a_folder_of_data_is_named_as_it_was_typed(plan, folder):
    """`words` alone would be the name of an installed task."""
    for typed in ("./words", "words/", str(folder)):
        (task,) = plan(tasks=typed).tasks
        assert (task.id, task.path) == ("words", typed)


def test_a_shipped_methods_name_is_taken(plan):
    thief, vanilla = plan(methods="./thief.py,vanilla").methods
    assert "the name 'vanilla' is taken by w2s-harness" in thief.error
    assert (thief.id, vanilla.id, vanilla.error) == ("thief", "vanilla", "")


def test_an_unknown_access_is_refused(plan):
    odd, vanilla = plan(methods="./odd.py,vanilla").methods
    assert "method 'odd' asks for the access 'telepathy'" in odd.error and not vanilla.error


def test_a_method_that_does_not_load_stays_in_the_plan_with_its_error(plan):
    broken, fine = plan(methods="./torn.py,vanilla").methods
    assert (broken.id, broken.error, fine.error) == ("torn", "torn.py: SyntaxError", "")


def test_whatever_goes_wrong_while_a_method_is_asked_is_its_own_error(plan, tmp_path):
    FILES["mad.py"] = RecursionError("too deep\nin it")
    FILES["vanilla.py"] = WorkerError("gone")
    try:
        for name in ("mad.py", "vanilla.py"):
            (tmp_path / name).write_text("")
        mad, own, vanilla = plan(methods="./mad.py,./vanilla.py,vanilla").methods
    finally:
        del FILES["mad.py"], FILES["vanilla.py"]
    assert (mad.id, mad.error) == ("mad", r"RecursionError: too deep\x0ain it")
    assert (own.id, own.error, vanilla.id, vanilla.error) == ("vanilla.py", "gone", "vanilla", "")


def test_a_number_without_limit_is_told_by_its_name(plan):
    method = plan(methods="confident:margin=inf").methods[0]
    assert (method.id, method.parameters["margin"]) == ("confident[margin=inf]", "inf")
    assert plan(methods="confident:margin=-inf").methods[0].id == "confident[margin=-inf]"


def test_grants(plan):
    assert plan().grants == {"embeddings"}
    assert plan(grant="inference, transductive").grants == {"embeddings", "inference", "transductive"}
    assert plan(grant="inference,no:embeddings").grants == {"inference"}


def test_an_ad_hoc_pair_is_named_after_its_models(plan, tmp_path):
    (tmp_path / "deep" / "small").mkdir(parents=True)
    (pair,) = plan(weak="./deep/small", strong="org/big").pairs
    assert pair.name == "small..org.big" and pair.mode == "probe" and pair.strong.templates


def test_mode_and_adapter_stand_in_the_pairs_name(plan):
    assert [p.name for p in plan(tasks="math", mode="finetune").pairs] == ["tiny[mode=finetune]"]
    (pair,) = plan(tasks="math", mode="finetune", adapter="lora").pairs
    assert pair.name == "tiny[adapter=lora,mode=finetune]" and pair.finetune["adapter"] == "lora"
    assert [p.name for p in plan(tasks="math", mode="probe").pairs] == ["tiny"]


def test_fresh_draws_128_bits_and_continues_with_what_was_drawn(plan):
    one, two = (plan(tasks="math", fresh=True).tasks[0] for _ in range(2))
    assert one.id == "math" and one.exposure == "fresh"
    assert one.settings["data_seed"] != two.settings["data_seed"] and len(one.settings["data_seed"]) == 32
    again = plan(tasks="math", fresh=True, drawn={"math": one.settings["data_seed"]}).tasks[0]
    assert again.settings == one.settings
    assert plan(tasks="math").tasks[0].exposure == "public"


def test_baseline_seeds_may_be_others(plan):
    found = plan(seeds="2", baseline_seeds="5,6,7")
    assert found.seeds == (0, 1) and found.baseline_seeds == (5, 6, 7)


def test_keep_leaves_cells_by_id(plan):
    found = keep(plan(tasks="math", seeds="2"), lambda cell: cell.endswith("/s1") and "vanilla" in cell)
    assert [c.id for c in found.cells()] == ["math/tiny/vanilla/s1", "math/tiny/vanilla-hard/s1"]
    with pytest.raises(NothingSelectedError):
        keep(found, lambda cell: False)


def test_what_has_no_cell_left_is_no_part_of_the_plan(plan):
    whole = plan(tasks="math,kinds", methods="vanilla,zero-shot", seeds="1")
    found = keep(whole, lambda cell: cell.startswith("kinds/") and "zero" in cell)
    assert ([t.id for t in found.tasks], [p.name for p in found.pairs]) == (["kinds"], ["tiny-kinds"])
    assert [t["id"] for t in describe_plan(found)["tasks"]] == ["kinds"]
    both = plan(tasks="math,kinds", pairs="tiny,tiny-kinds", methods="vanilla", seeds="1")
    found = keep(both, {"math/tiny/vanilla/s0", "kinds/tiny-kinds/vanilla/s0"}.__contains__)
    assert len(list(found.cells())) == 2
    assert [task.pairs for task in found.tasks] == [("tiny",), ("tiny-kinds",)]


def test_a_selection_that_drops_vanilla_is_seen(plan):
    whole = plan(tasks="math,chat", methods="vanilla,zero-shot", seeds="1")
    assert without_vanilla(whole) == []
    assert without_vanilla(keep(whole, lambda c: "zero" in c or "chat" in c)) == ["math/tiny"]
    assert without_vanilla(plan(tasks="math", methods="zero-shot")) == []


def test_guards_decide_verdicts_so_they_stand_in_the_plan(plan):
    every = plan()
    assert every.guards_off == () and {"harness-seeds", "holdout-labels", "provenance"} <= set(every.guards)
    found = plan(guards="resources,provenance")
    assert found.guards == ("provenance", "resources")
    assert set(found.guards_off) == set(every.guards) - set(found.guards)
    written = describe_plan(found)
    assert (written["guards"], written["plugin_settings"]) == (["provenance", "resources"], {})
    assert written["guards_off"] == list(found.guards_off)
    with pytest.raises(UsageError, match=r"--guards resourses: no such guard \(did you mean 'resources'\?\)"):
        plan(guards="resourses")


def test_settings_of_plugins_stand_in_the_plan():
    plugins = Plugins()
    plugins.configure({"resources": {"refused": 3}})
    found = build_plan(Selection(), plugins, describe)
    assert describe_plan(found)["plugin_settings"] == {"resources": {"refused": 3}}


def test_the_plan_as_json_holds_no_path_of_this_machine(plan):
    import json

    text = json.dumps(describe_plan(plan()))
    assert json.loads(text)["pairs"][0]["weak"]["source"].count("/") == 2
    assert '"/' not in text
