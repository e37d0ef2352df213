"""The five questions hold what was measured of this very method."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from w2s_harness.contract.plan import MethodSource, PlannedMethod
from w2s_harness.report.document.document import Row, SettingRecord
from w2s_studies.review.measuring import Ablation, Counterfactual, Evidence, Nearest, Overlap, Place, Subset
from w2s_studies.review.questions import questions
from w2s_studies.review.treatment import Treatment

VERSUS = {
    "against": "vanilla", "difference": 0.05, "ci": [0.02, 0.08], "pgr": 0.2, "pgr_ci": [0.1, 0.3],
    "p": 0.001, "p_holm": 0.002, "significant": True,
}  # fmt: skip
ROW: dict[str, Any] = {
    "method": "mine", "parameters": {"margin": 0.3}, "task": "math", "pair": "tiny", "status": "ok",
    "track": "w2s", "rank": [1, 2], "pgr": 0.5, "pgr_ci": [0.4, 0.6], "pgr_ci_pool": [0.3, 0.7],
    "pgr_sem": 0.02, "reason": None,
    "transfer": {"mean": 0.8, "per_seed": [{"seed": 0, "accuracy": 0.8, "pgr": 0.5, "error": None}]},
    "access": [], "attempts": 1, "isolation": "L2", "layers": [], "verdicts": [],
    "compute": {"fits": 1, "tokens": 10, "flops": 1e9}, "solver": "exact", "exposure": "public",
    "source": {"distribution": None, "version": None, "sha256": "ef" * 32, "editable": False},
    "by_subset": {}, "vs_vanilla": VERSUS, "flops_over_vanilla": 1.5,
}  # fmt: skip
BASELINE = {"mean": 0.7, "per_seed": [{"seed": 0, "accuracy": 0.7, "outcomes": "sA==", "ties": "AA=="}]}
SETTING = msgspec.convert(
    {
        "task": "math", "pair": "tiny", "mode": "probe", "solver": "exact", "n_test": 4, "weak": BASELINE,
        "ceiling": BASELINE, "weak_label_acc": 0.7, "gap": 0.2, "gap_ci": [0.1, 0.3], "reason": None,
        "hyper": {"C": 1.0, "epochs": None, "lr": None, "grid": {"C": [1.0]}}, "exposure": "public",
        "data_digest": "cd" * 32, "n_cut": 0, "subsets": {}, "clusters": [0, 1, 2, 3], "min_gap": 0.02,
        "models": {}, "baseline_seeds": [0],
    },
    SettingRecord,
)  # fmt: skip
TREATED = Treatment(
    rows=100, weak_acc=0.7, dropped=0.0, dropped_wrong=None, kept_wrong=0.3, unused=0.0, reweighted=0.0,
    effective=1.0, weight_wrong=0.3, relabelled=0.0, mended=None, moved=0.0, target_acc=0.7,
)  # fmt: skip
SOURCE = MethodSource("mine", "mine", None, None, "a" * 64, filename="mine.py")
METHOD = PlannedMethod("mine", "mine", SOURCE, {"margin": 0.3})
NEAR = Nearest("confident", 0.8, "", 3, 2)


def row(**changed: Any) -> Row:
    return msgspec.convert(ROW | changed, Row)


def place(**changed: Any) -> Place:
    return Place(**({"setting": SETTING, "row": row(), "vanilla": None, "treatment": TREATED} | changed))


def asked(place: Place, near: Nearest | None = NEAR) -> list[str]:
    found = questions(Evidence(
        method=METHOD, asked="mine", source="x = 1\n", other_files={}, lines=12, nearest=near, places=[place],
        command="w2s-harness run",
    ))  # fmt: skip
    assert len(found) == 5
    assert all(line.rstrip(".").endswith("?") or "? " in line for line in found)
    return found


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({}, "drops, reweights and relabels none of its 100 rows"),
        ({"dropped": 0.5, "dropped_wrong": 0.4, "kept_wrong": 0.2}, "what in the rows tells it so"),
        ({"dropped": 0.5, "dropped_wrong": 0.2, "kept_wrong": 0.4}, "no worse than the kept ones"),
        ({"relabelled": 0.2, "mended": 0.8}, "so that it mends more labels than not"),
        ({"relabelled": 0.2, "mended": 0.3}, "so that it spoils more labels than not"),
        ({"reweighted": 0.6, "effective": 0.5, "weight_wrong": 0.1}, "as if 50 % of them were left"),
    ],
)
def test_rows(changed, says):
    assert says in asked(place(treatment=replace(TREATED, **changed)))[0]


def test_rows_that_nobody_saw():
    said = asked(place(treatment=None, unseen=["It never asked for a fit."]))[0]
    assert said.startswith("It never asked for a fit. From its code:")


@pytest.mark.parametrize(
    ("versus", "says"),
    [
        (VERSUS, "large enough to matter"),
        (VERSUS | {"significant": False, "p_holm": 0.3}, "not significant after Holm (p = .300)"),
        (VERSUS | {"difference": -0.05, "ci": [-0.08, -0.02]}, "It loses 5.0 points of accuracy to vanilla"),
        (None, "the reference itself"),
    ],
)
def test_gain(versus, says):
    assert says in asked(place(row=row(vs_vanilla=versus)))[1]


def test_a_row_without_a_number_is_no_gain():
    failed = row(status="failed", pgr=None, reason="boom", transfer={"mean": None, "per_seed": []})
    assert "failed: boom" in asked(place(row=failed))[1]


def test_signal_names_whom_it_follows():
    known = [Overlap("its teacher", 0.7, 0.3, 0.8), Overlap("vanilla", 0.995, 0.005, None)]
    worlds = [Counterfactual("flipped", "flipped", "kept", 1, 0.2, 0.01)]
    said = asked(place(beside=known, counterfactuals=worlds))[2]
    assert "its teacher on 70 %" in said and "alike on 1.0 %" in said
    assert said.endswith("is it another method than vanilla in anything but its name?")
    assert "elicitation track" in asked(place(beside=known, row=row(track="elicitation")))[2]


def test_choices_name_the_parameter_that_is_worth_most():
    there = row(transfer={"mean": 0.7, "per_seed": []})
    near = row(transfer={"mean": 0.79, "per_seed": []})
    some = [Ablation("soft", True, False, near), Ablation("margin", 0.3, 0.25, there)]
    said = asked(place(ablations=some, row=row(attempts=3)))[3]
    assert said.startswith("margin=0.3 is worth +10.0 points") and "2 changed parameter(s)" in said
    assert "at least 3 attempts" in said


def test_the_worst_is_a_flag_then_a_lost_subset_then_the_unknown():
    flag = {"guard": "shortcuts", "level": "flag", "because": "follows length.", "numbers": {}, "again": ""}
    lost = [Subset("hard", 50, 0.6, 0.7), Subset("teacher wrong", 30, 0.1, 0.9)]
    assert (
        "'shortcuts' says flag: follows length. Is" in asked(place(row=row(verdicts=[flag]), subsets=lost))[4]
    )
    assert "loses 10.0 points to vanilla on 'hard'" in asked(place(subsets=lost))[4]
    assert "80 % like 'confident'" in asked(place())[4]
    assert "like" not in asked(place(), near=None)[4].replace("likeliest", "")
