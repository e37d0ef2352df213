"""What a run says beyond PGR: controls, comparisons, claims."""

from __future__ import annotations

from commands import Place


def test_controls_comparisons_and_claims_stand_in_the_board(place: Place):
    on = {"W2S_CONTROLS": "true"}
    named = ("--methods", "vanilla,vanilla-hard,self-training,mdl-curriculum,zero-shot", "--seeds", "3")
    run = Place(place.folder, place.flags, {**place.env, **on})
    done = run("run", *named, "--against", "vanilla-hard")
    assert done.code == 0, done.err
    board = run.board()
    names = [control["name"] for control in board["controls"]]
    assert names == ["shuffled", "random teacher", "weak = strong"]
    rows = {row["method"]: row for row in board["rows"]}
    assert [c["against"] for c in rows["vanilla"]["versus"]] == ["zero-shot", "vanilla-hard"]
    steps = rows["mdl-curriculum"]
    assert steps["solver"] == "exact+path" or steps["solver"] == "path"
    assert steps["vs_vanilla"] is not None, "compared with a vanilla by its own solver"
    assert rows["self-training"]["flops_over_vanilla"] > 1.5
    assert all(row["calibration"]["brier"] < 0.5 for row in board["rows"])
    assert {claim["method"] for claim in board["claims"]} == set(rows)
    assert all(not row["claim"]["holds"] and row["claim"]["because"] for row in rows.values())

    again = run("report", "last", "--against", "self-training")
    assert again.code == 0 and "vs self-training" in again.out
    bad = run("report", "last", "--against", "selftraining")
    assert bad.code == 4 and "did you mean 'self-training'" in bad.err
    bad = run("run", *named, "--against", "confident")
    assert bad.code == 4 and "the plan has no such method" in bad.err


def test_controls_can_be_left_out_and_the_plan_says_so(place: Place):
    done = place("run", "--methods", "vanilla", "--seeds", "2", "--no-controls")
    assert done.code == 0, done.err
    board = place.board()
    assert board["controls"] == [] and board["plan"]["controls"] is False
