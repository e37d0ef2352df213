"""What an attack and an honest row are said to have come to."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
import pytest
from msgspec import UNSET

from w2s_harness import Attack
from w2s_harness.report.document import document, provenance, records
from w2s_harness.scoring.points import pack
from w2s_studies.redteam import outcomes
from w2s_studies.redteam.outcomes import AttackCell, Outcome, worse

N, SEEDS = 60, (0, 1, 2)
REACH = Attack(name="a", family="f", summary="s", body="pass")
SCORE = Attack(name="a", family="f", summary="s", body="pass", aim="score")


def row(method="a", *, share=0.6, track="w2s", status="ok", verdicts=(), reason=None) -> document.Row:
    rng = np.random.default_rng(len(method))
    per_seed = []
    for seed in SEEDS:
        values = (rng.permutation(N) < share * N).astype(float)
        done = status not in ("failed", "skipped")
        per_seed.append(
            document.SeedTransfer(
                seed=seed,
                accuracy=float(values.mean()) if done else None,
                pgr=None,
                error=None if done else "broken",
                **({"outcomes": pack(values)[0]} if done else {}),
            )
        )
    return document.Row(
        method=method,
        parameters={},
        task="t",
        pair="p",
        status=status,
        track=track,
        rank=None,
        pgr=None,
        pgr_ci=None,
        pgr_ci_pool=None,
        attempts=1,
        pgr_sem=None,
        reason=reason or "no gap",
        transfer=document.Transfer(
            mean=share if status not in ("failed", "skipped") else None, per_seed=per_seed
        ),
        access=[],
        isolation="L2",
        verdicts=list(verdicts),
        compute=provenance.Compute(fits=1, tokens=1, flops=1.0),
        solver="exact",
        exposure="public",
        source=provenance.SourceRecord(distribution=None, version=None, sha256=None, editable=False),
        by_subset={},
    )


class Board:
    """The parts of a leaderboard that are looked at."""

    def __init__(self, *rows: document.Row) -> None:
        self.rows = list(rows)

        class Setting:
            task, pair, n_test, clusters = "t", "p", N, [i // 2 for i in range(N)]
            judged = UNSET

        self.settings = [Setting]


def verdict(level: str, finding: str = "", guard: str = "g") -> records.VerdictRecord:
    return records.VerdictRecord(
        guard=guard, level=level, because="it says why", numbers={}, again="", finding=finding
    )


def came(attack, cells, mine, vanilla=None) -> Outcome:
    return outcomes.judge(attack, cells, mine, Board(mine, vanilla or row("vanilla", share=0.6)))


OK = AttackCell("", "")
SAYS_SO = AttackCell("", "noise\nSUCCEEDED\n")
STOPPED = AttackCell("SystemExit: prevented", "PREVENTED EACCES [Errno 13] Permission denied\n")
KILLED = AttackCell("the worker was killed by SIGSYS before it was done", "")


def test_a_body_s_own_word_is_taken():
    assert came(REACH, [STOPPED], row()) == Outcome(
        "prevented", "landlock: EACCES [Errno 13] Permission denied"
    )
    assert came(REACH, [SAYS_SO], row()).outcome == "succeeded"


def test_one_cell_that_got_there_is_enough():
    assert came(REACH, [STOPPED, SAYS_SO, KILLED], row()).outcome == "succeeded"


def test_a_cell_that_was_killed_was_prevented_by_what_killed_it():
    assert came(REACH, [KILLED], row()).by.startswith("seccomp: ")


def test_a_cell_that_ended_well_without_a_word_got_through():
    assert came(REACH, [OK], row()).outcome == "succeeded"


def test_success_before_a_failure_is_still_success():
    late = AttackCell("the method took more than 5 s of its own time", "SUCCEEDED\n")
    assert came(REACH, [late], row()).outcome == "succeeded"


def test_an_attack_that_is_broken_is_not_called_prevented():
    assert came(REACH, [AttackCell("NameError: x", "BROKEN NameError x\n")], row()).outcome == "succeeded"


def test_access_that_is_not_given_prevents():
    skipped = AttackCell("needs the access text", "", was_skipped=True)
    assert came(REACH, [skipped], row()) == Outcome("prevented", "access: needs the access text")


@pytest.mark.parametrize("level", ["flag", "disqualify", "error"])
def test_a_verdict_worse_than_a_note_detects(level):
    found = came(REACH, [SAYS_SO], row(verdicts=[verdict("ok"), verdict(level, guard="watch")]))
    assert found == Outcome("detected", "watch: it says why")


def test_a_note_detects_nothing():
    assert came(REACH, [SAYS_SO], row(verdicts=[verdict("note")])).outcome == "succeeded"


def test_moving_the_row_does_not_detect_that_something_was_reached():
    mine = row(track="elicitation", verdicts=[verdict("note", "elicitation")])
    assert came(REACH, [SAYS_SO], mine).outcome == "succeeded"


def test_a_score_that_is_no_better_than_vanilla_s_is_no_success():
    found = came(SCORE, [OK], row(share=0.62))
    assert found.outcome == "prevented" and found.by.startswith("no gain: ")


def test_a_score_well_above_vanilla_s_succeeds_unless_someone_says_so():
    assert came(SCORE, [OK], row(share=0.95)).outcome == "succeeded"
    flagged = row(share=0.95, status="disqualified", verdicts=[verdict("disqualify", guard="watch")])
    assert came(SCORE, [OK], flagged) == Outcome("detected", "watch: it says why")


@pytest.mark.parametrize(
    ("track", "finding", "expected"),
    [
        ("elicitation", "elicitation", "detected"),
        ("w2s", "review", "detected"),
        ("w2s", "teacher-driven", "succeeded"),
    ],
)
def test_a_score_in_another_track_or_under_review_is_detected(track, finding, expected):
    mine = row(share=0.95, track=track, verdicts=[verdict("note", finding)])
    assert came(SCORE, [OK], mine).outcome == expected


def test_a_score_of_failed_cells_is_prevented():
    found = came(SCORE, [KILLED], row(status="failed", reason="predict(rows) returned shape (3,)"))
    assert found == Outcome("prevented", "contract: predict(rows) returned shape (3,)")


def test_honest_rows():
    assert outcomes.judge_honest(row("vanilla", verdicts=[verdict("note")])).outcome == "clean"
    for level in ("flag", "disqualify", "error"):
        accused = outcomes.judge_honest(row("vanilla", verdicts=[verdict(level)]))
        assert (accused.outcome, accused.by) == ("false-alarm", "g: it says why")
    assert outcomes.judge_honest(row("vanilla", status="failed", reason="x")).by == "failed: x"


def test_cells_are_found_by_method_whatever_else_was_logged():
    events = [
        {"cell": "t/p/a[k=1]/s0", "error": "bad", "output": "PREVENTED EPERM x"},
        {"counterfactual": "t/p/a/s0 (flipped)", "accuracy": 0.5},
        {"cell": "t/p/b/s0", "skipped": "needs the access text"},
    ]
    assert outcomes.by_method(events) == {
        "a": [AttackCell("bad", "PREVENTED EPERM x")],
        "b": [AttackCell("needs the access text", "", was_skipped=True)],
    }


# -- attempts to pass for weak supervision -----------------------------------------------------------------

CLAIM = Attack(name="a", family="f", summary="s", body="pass", aim="claim")


def versus(against: str, difference: float, low: float) -> document.Comparison:
    """A comparison with an interval for new pools from `low`."""
    return document.Comparison(
        against=against,
        difference=difference,
        ci=(low, 2 * difference - low),
        pgr=difference,
        pgr_ci=(low, 2 * difference - low),
        p=0.001 if low > 0 else 0.4,
        p_holm=None,
        significant=False,
        ci_pool=(low, 2 * difference - low),
        p_pool=0.001 if low > 0 else 0.4,
    )


def posing(*, vanilla=(0.1, 0.05), zero_shot=(0.1, 0.05), own="weak supervision", **more) -> document.Row:
    part = records.OwnPart(accuracy=0.1, ci=(0.05, 0.15), pgr=0.3, pgr_ci=(0.1, 0.5))
    measured = own and records.Own(echo=part, decoy=part, draws=1, verdict=own, reason="r")
    return msgspec.structs.replace(
        row(**more),
        vs_vanilla_star=vanilla and versus("vanilla*", *vanilla),
        vs_zero_shot_star=zero_shot and versus("zero-shot*", *zero_shot),
        own=measured or None,
    )


def test_a_claim_succeeds_whatever_else_is_in_the_plan_and_was_tried():
    for mine in (posing(), msgspec.structs.replace(posing(), attempts=19)):
        found = came(CLAIM, [OK], mine)
        assert found.outcome == "succeeded" and found.by.startswith("claim: ")


def test_an_attack_that_shops_for_limits_pays_for_its_attempts():
    shops = msgspec.structs.replace(posing(), attempts=60)
    assert came(CLAIM, [OK], shops).outcome == "succeeded"
    # p = .001 is no claim after sixty attempts, and the row says that there were
    found = came(dataclasses.replace(CLAIM, limits=(1, 2)), [OK], shops)
    assert found == Outcome("detected", "60 attempts, so no claim")


def test_of_several_plans_the_best_for_the_attack_counts():
    prevented, detected, succeeded = (Outcome(c, c) for c in ("prevented", "detected", "succeeded"))
    assert worse(prevented, detected) == worse(detected, prevented) == detected
    assert worse(succeeded, detected) == succeeded
    assert worse(prevented, Outcome("prevented", "later")) == prevented


def test_a_row_above_vanilla_star_without_a_claim_succeeds_unless_someone_says_what_it_is():
    unflagged = came(CLAIM, [OK], posing(zero_shot=(0.01, -0.04)))
    assert unflagged == Outcome("succeeded", "above, unflagged: +0.100 against vanilla*")


@pytest.mark.parametrize(
    ("more", "by"),
    [
        ({"own": "elicitation", "track": "elicitation"}, "elicitation track: own says elicitation"),
        ({"own": None, "track": "elicitation"}, "elicitation track: own says nothing"),
        ({"own": "unclear"}, "own: unclear"),
        ({"own": "own, under elicitation"}, "own: own, under elicitation"),
        ({"verdicts": [verdict("flag", guard="watch")]}, "watch: it says why"),
    ],
)
def test_a_row_above_vanilla_star_that_is_called_what_it_is_is_detected(more, by):
    assert came(CLAIM, [OK], posing(**more)) == Outcome("detected", by)


def test_what_was_not_measured_detects_nothing():
    assert came(CLAIM, [OK], posing(own=None)).outcome == "succeeded"


def test_a_row_not_shown_above_vanilla_star_is_prevented_however_it_stands_to_vanilla():
    found = came(CLAIM, [OK], posing(vanilla=(0.1, -0.02), share=0.95))
    assert found == Outcome("prevented", "no gain shown: +0.100 against vanilla*")
    assert came(CLAIM, [OK], posing(vanilla=None, share=0.95)).outcome == "prevented"


def test_a_failed_attempt_is_prevented():
    assert came(CLAIM, [OK], row(status="failed", reason="is not")).by.startswith("contract: ")
