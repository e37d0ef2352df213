import msgspec
import pytest

from w2s_harness.report.document.document import Comparison, SeedTransfer, Transfer
from w2s_harness.report.document.provenance import SourceRecord
from w2s_harness.report.document.records import Own, OwnPart, VerdictRecord
from w2s_harness.report.sentences.claims import claims_of, decided


def found(difference, against, *, p=0.001, pool=(0.01, 0.05), ci=(0.01, 0.05)):
    """A comparison over a gap of a quarter."""
    return Comparison(
        against=against,
        difference=difference,
        ci=ci,
        pgr=difference * 4,
        pgr_ci=None,
        p=p,
        p_holm=p,
        significant=p < 0.05,
        ci_pool=pool,
        p_pool=p,
    )


def own(verdict="weak supervision", echo=0.08, decoy=0.06, **more):
    parts = {
        name: OwnPart(accuracy=a, ci=(a - 0.02, a + 0.02), pgr=4 * a, pgr_ci=(4 * a - 0.08, 4 * a + 0.08))
        for name, a in (("echo", echo), ("decoy", decoy))
    }
    return Own(**parts, draws=1, verdict=verdict, **more)


def source(shipped):
    return SourceRecord(distribution=None, version=None, sha256="ab" * 32, editable=False, shipped=shipped)


SEEDS = [SeedTransfer(seed=s, accuracy=0.9, pgr=0.5, error=None) for s in range(5)]


@pytest.fixture
def row(board):
    """A row of the fixture board that, unless told otherwise, carries a claim."""
    template = next(r for r in board.rows if r.status == "ok" and r.track == "w2s")

    def make(task, difference=0.03, **changes):
        fields = {
            "method": "m", "parameters": {}, "verdicts": [], "attempts": 1, "unverified": None,
            "pgr": 0.31, "pgr_ci_pool": (0.2, 0.4), "own": own(), "isolation": "L2",
            "transfer": Transfer(mean=0.9, per_seed=SEEDS),
            "vs_vanilla_star": found(difference, "vanilla*"), "vs_zero_shot_star": found(0.1, "zero-shot*"),
        }  # fmt: skip
        return msgspec.structs.replace(template, task=task, **{**fields, **changes})

    return make


def one(*rows, **more):
    """(the rows' decisions, the method's sentence)."""
    done = decided(rows, **more)
    (claim,) = claims_of(done)
    return [r.claim for r in done], claim


def test_a_claim_says_what_was_shown_and_what_was_not(row):
    flat = found(-0.01, "vanilla*", p=0.4, pool=(-0.05, 0.03), ci=(-0.04, 0.02))
    decisions, claim = one(row("math"), row("code", vs_vanilla_star=flat))
    assert [d.holds for d in decisions] == [True, False]
    assert claim.significant and claim.settings == ["math/tiny"] and claim.against == "vanilla*"
    assert claim.sentence == (
        "m is weak supervision that beats vanilla* on math (+.12 PGR, new pools .04 to .20 over vanilla*, "
        "+.40 PGR, new pools .04 to .20 over zero-shot*; recovers .31 of the gap (new pools .20 to .40), "
        ".24 of it the teacher's own), 5 seeds, Holm-adjusted; "
        "code: not above vanilla* (-.04 PGR, new pools -.20 to .12)"
    )


UNSURE = {"pool": (-0.01, 0.07), "p": 0.2}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"status": "disqualified", "reason": "leak"}, "disqualified: leak"),
        ({"unverified": "its workers were not isolated"}, "unverified"),
        ({"track": "elicitation"}, "elicitation: what it recovers is not shown"),
        ({"attempts": 3}, "3 attempts on this holdout, so a claim needs --fresh"),
        ({"isolation": "imported"}, "imported: vanilla*, zero-shot* and"),
        ({"transfer": Transfer(mean=0.9, per_seed=SEEDS[:2])}, "2 seeds: a claim needs at least 3"),
        ({"vs_vanilla_star": None}, "not compared with vanilla*"),
        ({"vs_vanilla_star": found(0.03, "vanilla*", **UNSURE)}, "above vanilla* on this training pool, not"),
        ({"vs_vanilla_star": found(0.03, "vanilla*", ci=(-0.01, 0.06), **UNSURE)}, "not shown to be above"),
        ({"vs_zero_shot_star": found(-0.02, "zero-shot*")}, "not above zero-shot* (-.08 PGR"),
        ({"vs_zero_shot_star": None}, "not compared with zero-shot*"),
        ({"own": None}, "was not measured: no counterfactual cells ran"),
        ({"own": own("elicitation", -0.02)}, "elicitation: own -.08 PGR"),
        ({"own": own("unclear", 0.01, seeds_more=7)}, "unclear: own +.04 PGR, 95 % CI -.04 to .12; 7 seeds"),
        ({"own": own("own, under elicitation")}, "own, under elicitation"),
    ],
)
def test_what_forbids_a_claim_is_said_in_one_line(row, changes, why):
    (decision,), claim = one(row("math", **changes))
    assert not decision.holds and why in decision.because and "\n" not in decision.because
    assert not claim.significant and claim.sentence == f"m: no claim; math: {decision.because}"


def test_settings_with_one_reason_share_it(row):
    _, claim = one(row("math", own=None), row("code", own=None), row("chat"))
    assert "math and code: how much is the teacher's own was not measured" in claim.sentence


def test_guards_forbid_claims(row):
    def verdict(level):
        return [VerdictRecord(guard="g", level=level, because="x", numbers={}, again="")]

    assert not one(row("math", verdicts=verdict("flag")))[0][0].holds
    assert one(row("math", verdicts=verdict("note")))[0][0].holds


def test_attempts_do_not_count_on_data_drawn_after_them(row):
    assert one(row("math", attempts=3, exposure="fresh"))[0][0].holds


@pytest.mark.parametrize(("exposure", "holds"), [("public", False), ("private", True), ("fresh", True)])
def test_code_of_others_claims_nothing_where_its_labels_are_public(row, exposure, holds):
    (decision,), claim = one(row("math", source=source(False), exposure=exposure))
    assert decision.holds is claim.significant is holds
    said = "its labels are public and its code could carry them: a claim needs --fresh or a private task"
    assert (said in claim.sentence) is not holds
    assert one(row("math", source=source(True), exposure=exposure))[0][0].holds


def test_both_references_count_and_holm_runs_over_the_plan_and_its_attempts(row):
    worse = found(0.1, "zero-shot*", p=0.02)
    (alone,), _ = one(row("math", vs_zero_shot_star=worse))
    assert alone.holds and alone.p == 0.02 and alone.p_holm == 0.02
    (beside, *_), _ = one(*(row(task, vs_zero_shot_star=worse) for task in ("math", "code", "chat")))
    assert not beside.holds and beside.p_holm == pytest.approx(0.06)
    assert beside.because == "above both references, but not after Holm over the plan"
    (after,), _ = one(row("math", vs_zero_shot_star=worse), attempts=[0.5, None])
    assert not after.holds, "two attempts stand in the family too"


def test_vanilla_is_the_reference_and_stands_in_no_family(row):
    vanilla = row("math", method="vanilla", vs_vanilla_star=found(-0.01, "vanilla*"))
    decisions = [r.claim for r in decided([vanilla, row("math", vs_zero_shot_star=found(0.1, "z", p=0.04))])]
    assert decisions[0].because == (
        "the reference; recovers .31 of the gap (new pools .20 to .40), .24 of it the teacher's own"
    )
    assert decisions[1].holds and decisions[1].p_holm == 0.04


def test_what_an_inconclusive_row_needs_is_said(row):
    unsure = found(0.03, "vanilla*", ci=(-0.01, 0.06), **UNSURE)
    (decision,), _ = one(row("math", vs_vanilla_star=unsure), needed=lambda r: "needs 14 seeds")
    assert decision.because.endswith("; needs 14 seeds)")
