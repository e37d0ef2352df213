import msgspec
import pytest

from w2s_harness.report.claims import claims_of
from w2s_harness.report.document import Comparison
from w2s_harness.report.records import VerdictRecord


def found(difference, *, against="vanilla", significant=True, ci_pool=None):
    return Comparison(
        against=against,
        difference=difference,
        ci=(difference - 0.02, difference + 0.02),
        pgr=difference * 4,
        pgr_ci=(difference * 4 - 0.08, difference * 4 + 0.08),
        p=0.001 if significant else 0.4,
        p_holm=0.004 if significant else 0.9,
        significant=significant,
        ci_pool=ci_pool,
    )


@pytest.fixture
def row(board):
    """A row of the fixture board that was compared with vanilla and, unless told otherwise, zero-shot."""
    template = next(r for r in board.rows if r.status == "ok" and r.track == "w2s")

    def make(task, difference, *, significant=True, zero=True, ci_pool=None, zero_pool=None, **changes):
        zeros = [found(0.05, against="zero-shot", significant=zero, ci_pool=zero_pool or ci_pool)]
        versus = zeros if zero is not None else []
        fields = {"method": "m", "parameters": {}, "verdicts": [], "attempts": 1, "unverified": None}
        compared = found(difference, significant=significant, ci_pool=ci_pool)
        return msgspec.structs.replace(
            template, task=task, vs_vanilla=compared, versus=versus, **{**fields, **changes}
        )

    return make


def sentence(*rows, needed=lambda row: ""):
    (claim,) = claims_of(rows, needed)
    return claim


def test_what_was_won_is_said_with_its_interval_and_what_was_not_is_said_too(row):
    rows = row("math", 0.03), row("code", 0.04), row("chat", 0.01, significant=False)
    claim = sentence(*rows, needed=lambda r: "needs 14 seeds")
    assert claim.significant and claim.settings == ["math/tiny", "code/tiny"]
    assert claim.sentence == (
        "m beats vanilla on math (+.12 PGR, 95 % CI .04 to .20) and code (+.16 PGR, 95 % CI .08 to .24), "
        "2 seeds, Holm-adjusted, this training pool; "
        "chat: inconclusive (+.04 PGR, 95 % CI -.04 to .12, needs 14 seeds)"
    )


def test_new_training_pools_are_spoken_of_only_where_their_interval_allows_it(row):
    assert "this training pool" in sentence(row("math", 0.03, ci_pool=(-0.01, 0.07))).sentence
    assert "this training pool" not in sentence(row("math", 0.03, ci_pool=(0.01, 0.05))).sentence
    assert "this training pool" not in sentence(row("math", 0.03, zero=None, ci_pool=(0.01, 0.05))).sentence
    hangs_on_the_pool = row("math", 0.03, ci_pool=(0.01, 0.05), zero_pool=(-0.02, 0.12))
    assert "this training pool" in sentence(hangs_on_the_pool).sentence, "above zero-shot on this pool only"


def test_weak_supervision_must_beat_zero_shot_as_well(row):
    claim = sentence(row("math", 0.03, zero=False))
    assert not claim.significant and "but not above zero-shot" in claim.sentence
    claim = sentence(row("math", 0.03, zero=None))
    assert claim.significant and "no claim of weak supervision" in claim.sentence


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"track": "elicitation"}, "elicitation track"),
        ({"attempts": 3}, "3 attempts on this holdout, so a claim needs --fresh"),
        ({"unverified": "its workers were not isolated"}, "unverified"),
        ({"status": "disqualified", "reason": "leak"}, "disqualified"),
    ],
)
def test_what_forbids_a_claim(row, changes, why):
    claim = sentence(row("math", 0.03, **changes))
    assert not claim.significant and not claim.settings and why in claim.sentence


def test_guards_forbid_claims(row):
    def verdict(level, finding=""):
        return [VerdictRecord(guard="g", level=level, because="x", numbers={}, again="", finding=finding)]

    assert "flagged by g" in sentence(row("math", 0.03, verdicts=verdict("flag"))).sentence
    assert "in review" in sentence(row("math", 0.03, verdicts=verdict("note", "review"))).sentence
    assert sentence(row("math", 0.03, verdicts=verdict("note"))).significant


def test_attempts_do_not_count_on_data_drawn_after_them(row):
    assert sentence(row("math", 0.03, attempts=3, exposure="fresh")).significant


def test_a_loss_is_said(row):
    claim = sentence(row("math", -0.03))
    assert not claim.significant
    assert claim.sentence.startswith("m: no claim; math: worse than vanilla (-.12 PGR")


def test_rows_without_a_comparison_make_no_claim(row):
    assert claims_of([msgspec.structs.replace(row("math", 0.1), vs_vanilla=None)]) == []
