from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulations import loaded

from w2s_harness.scoring.points import agreement, brier, ece, outcomes, teacher_errors
from w2s_harness.scoring.spread.blocks import Clusters, block
from w2s_harness.scoring.spread.twoway import quantile, spread
from w2s_harness.scoring.spread.votes import (
    Panel,
    VotedCells,
    krippendorff_alpha,
    noise_ceiling,
    voter_agreement,
)

voters = loaded("voters")

# rows: 1 1 0 | 1 1 | 0 0 0 1 | 1
ONES, COUNTS = [2, 2, 1, 1], [3, 2, 4, 1]


def test_the_noise_ceiling_by_hand():
    assert noise_ceiling(ONES, COUNTS) == pytest.approx((2 / 3 + 1 + 3 / 4 + 1) / 4)


def test_voter_agreement_by_hand():
    # of 3 pairs one agrees, of 1 one, of 6 three; a row with one vote has no pair
    assert voter_agreement(ONES, COUNTS) == pytest.approx((1 / 3 + 1 + 3 / 6) / 3)
    assert voter_agreement([1, 0], [1, 1]) is None


def test_alpha_by_hand():
    # coincidences of unlike votes: 2*2*1/2 + 0 + 2*1*3/3 = 4 of N = 9 votes, five of them for 1
    assert krippendorff_alpha(ONES, COUNTS) == pytest.approx(1 - (4 / 9) / (2 * 5 * 4 / (9 * 8)))


def test_alpha_of_krippendorffs_own_example_of_two_observers():
    # Krippendorff 2011, section A, binary data: observers Meg and Owen on ten articles, alpha = .095
    meg, owen = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    ones = np.add(meg, owen)
    assert krippendorff_alpha(ones, [2] * 10) == pytest.approx(0.095, abs=5e-4)


def test_alpha_is_undefined_where_nothing_varies_and_1_where_voters_agree():
    assert krippendorff_alpha([2, 3], [2, 3]) is None
    assert krippendorff_alpha([1, 0], [1, 1]) is None
    assert krippendorff_alpha([2, 0], [2, 3]) == 1.0


@pytest.mark.parametrize(("ones", "counts"), [([], []), ([1], [0]), ([3], [2]), ([1, 1], [2])])
def test_votes_that_cannot_be_are_refused(ones, counts):
    for formula in (noise_ceiling, voter_agreement, krippendorff_alpha):
        with pytest.raises(ValueError):
            formula(ones, counts)


def test_a_decision_counts_the_share_of_voters_that_it_agrees_with():
    largest = np.array([1.0, 0.75, 0.75, 0.5, 0.8])
    assert agreement(np.array([1, 1, 0, 0, 0.5]), largest).tolist() == [1.0, 0.75, 0.25, 0.5, 0.5]
    assert agreement(np.array([1.0, 0.0]), None).tolist() == [1.0, 0.0]


tables = st.integers(1, 6).flatmap(
    lambda width: st.lists(
        st.lists(st.sampled_from([-1, 0, 1]), min_size=width, max_size=width).filter(lambda r: max(r) >= 0),
        min_size=2,
        max_size=12,
    )
)


def measured(table):
    """(n,) shares of votes for 1, largest shares, majorities."""
    values = np.array(table)
    ones, counts = (values == 1).sum(1), (values >= 0).sum(1)
    share = ones / counts
    return ones, counts, share, np.maximum(share, 1 - share), share >= 0.5


@given(tables, st.randoms(use_true_random=False))
def test_no_student_agrees_more_than_the_noise_ceiling(table, draw):
    ones, counts, share, largest, majority = measured(table)
    p = np.array([draw.choice([0.1, 0.5, 0.9]) for _ in table])
    got = agreement(outcomes(p, majority), largest)
    by_vote = np.where(p > 0.5, share, np.where(p < 0.5, 1 - share, 0.5))
    assert got == pytest.approx(by_vote)
    assert got.mean() <= noise_ceiling(ones, counts) + 1e-12
    alpha, pairs = krippendorff_alpha(ones, counts), voter_agreement(ones, counts)
    assert alpha is None or alpha <= 1
    assert pairs is None or 0 <= pairs <= 1


@given(tables)
def test_calibration_of_votes_is_that_of_their_voters_one_by_one(table):
    """Every row written out once for each voter, weighted alike, has labels instead of votes."""
    values = np.array(table)
    _, counts, share, largest, majority = measured(table)
    rng = np.random.default_rng(len(table))
    p, teacher = rng.random((2, 1, len(table)))
    rows, columns = np.nonzero(values >= 0)
    weight, vote = 1 / counts[rows], values[rows, columns]
    weight = weight / weight.sum()
    assert brier(p, share) == pytest.approx(float(weight @ (p[0, rows] - vote) ** 2))
    apart = sum(
        abs(float(weight[here] @ (p[0, rows] - vote)[here]))
        for k in range(15)
        if (here := np.ceil(p[0, rows] * 15) == k + 1).any()
    )
    assert ece(p, share) == pytest.approx(apart)
    ours, theirs = (np.abs((x[0, rows] > 0.5) - vote) for x in (p, teacher))
    found = teacher_errors(*(outcomes(x[0], majority)[None, :] for x in (p, teacher)), largest)
    made = float(weight @ theirs)
    assert found is None if made == 0 else found == pytest.approx(float(weight @ (ours * theirs)) / made)


def test_brier_of_labels_is_what_it_was_to_the_bit():
    p, y = np.random.default_rng(1).random((3, 50)), np.arange(50) % 2
    assert brier(p, y) == float(np.mean((p - y) ** 2))


# -- the interval -----------------------------------------------------------------------------------------


def full(n_voters=4, questions=30, rows=1, seed=0):
    rng = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(questions), rows)
    votes = (rng.random((len(clusters), n_voters)) < 0.7).astype(int)
    return votes, clusters


@pytest.mark.parametrize("rows", [1, 3])
def test_on_a_full_panel_it_is_the_two_way_interval_with_voters_for_seeds(rows):
    votes, clusters = full(rows=rows)
    panel = Panel.of(votes, clusters, named=True)
    found = panel.interval(panel.agreement(np.ones(len(votes))))
    v = spread([block(range(4), votes.T, clusters)])
    half = quantile(v.df) * v.se
    assert found.bounds == pytest.approx((votes.mean() - half, votes.mean() + half))


def test_the_formula_for_holes_gives_the_same_components_where_there_are_none():
    votes, clusters = full(rows=2)
    panel = Panel.of(votes, clusters, named=True)
    weight = np.full(votes.size, 1 / votes.size)
    question = clusters[panel.rows]
    found = VotedCells.of(panel.agreement(np.ones(len(votes))), weight, question, panel.voters).components()
    v = spread([block(range(4), votes.T, clusters)])
    assert found == pytest.approx((v.seeds, v.cells))


def by_least_squares(votes, weight):
    """(V_V, V_VQ) of named votes (Q, V), -1 for none, by Henderson III as it is written."""
    q, v = np.nonzero(votes >= 0)
    z = votes[q, v].astype(float)
    questions = np.eye(len(votes))[q]
    both = np.hstack([questions, np.eye(votes.shape[1])[v]])

    def fitted(design):
        effects, _, rank, _ = np.linalg.lstsq(design, z, rcond=None)
        return float(((z - design @ effects) ** 2).sum()), rank

    (alone, few), (whole, many) = fitted(questions), fitted(both)
    s2_i = whole / (len(z) - many)
    trace = len(z) - (1 / (votes >= 0).sum(1)[q]).sum()
    s2_v = (alone - whole - (many - few) * s2_i) / trace
    w = np.bincount(v, weights=weight)
    return s2_v * float(w @ w) + s2_i * float(weight @ weight), s2_i * float(weight @ weight)


@pytest.mark.parametrize("seed", range(4))
def test_components_of_a_panel_with_holes_are_hendersons(seed):
    rng = np.random.default_rng(seed)
    votes = (rng.random((30, 8)) < 0.6 + 0.1 * rng.normal(size=8)).astype(int)
    votes[rng.random(votes.shape) < 0.5] = -1
    votes[(votes < 0).all(1), 0] = 1
    panel = Panel.of(votes, np.arange(30), named=True)
    weight = 1 / (30 * panel.counts[panel.rows])
    cells = VotedCells.of(panel.agreement(np.ones(30)), weight, panel.rows, panel.voters)
    v_v, v_vq = by_least_squares(votes, weight)
    assert cells.components() == pytest.approx((max(0.0, v_v), v_vq))


def test_a_crowd_of_thousands_is_no_dense_matrix():
    rng = np.random.default_rng(0)
    rows, who = np.repeat(np.arange(4000), 3), rng.integers(0, 20_000, 12_000)
    votes = rng.random(12_000) < 0.8
    pairs = np.unique(np.stack([rows, who], axis=1), axis=0, return_index=True)[1]
    voters = np.unique(who[pairs], return_inverse=True)[1]
    clusters = Clusters.of(np.arange(4000))
    panel = Panel(votes[pairs], rows[pairs], voters, clusters)
    low, high = panel.interval(panel.agreement(np.ones(4000))).bounds
    assert low < 0.8 < high and high - low < 0.04


def test_anonymous_votes_have_an_interval_over_questions_alone():
    votes, clusters = full()
    panel = Panel.of(votes, clusters, named=False)
    found = panel.interval(panel.agreement(np.ones(len(votes))))
    shares = votes.mean(1)
    half = quantile(29) * shares.std(ddof=1) / np.sqrt(30)
    assert found.bounds == pytest.approx((shares.mean() - half, shares.mean() + half))
    assert panel.n_voters is None and found.df == 29


def test_where_each_question_has_one_voter_voters_are_the_clusters():
    votes = np.full((12, 3), -1)
    votes[np.arange(12), np.arange(12) % 3] = np.array([1, 0, 0] * 4)
    panel = Panel.of(votes, np.arange(12), named=True)
    found = panel.interval(panel.agreement(np.ones(12)))
    # voter means 1, 0, 0: V = sum (1/3)^2 (mean - 1/3)^2 * 3 / 2
    v = ((1 / 3) ** 2 * ((2 / 3) ** 2 + 2 * (1 / 3) ** 2)) * 3 / 2
    assert (found.bounds[1] - found.bounds[0]) / 2 == pytest.approx(quantile(found.df) * np.sqrt(v))
    assert found.df == pytest.approx(2)


def test_every_row_weighs_the_same_however_many_voted():
    panel = Panel.of([[1, 1, 1, 1], [0, -1, -1, -1], [1, 0, -1, -1]], [0, 1, 2], named=True)
    assert panel.mean(panel.agreement([1, 1, 1])) == pytest.approx((1 + 0 + 0.5) / 3)
    assert sum(panel.interval(panel.agreement([1, 1, 1])).bounds) / 2 == pytest.approx(0.5)


def test_a_decision_on_which_seeds_differ_agrees_in_part():
    panel = Panel.of([[1, 0]], [0], named=True)
    assert panel.agreement([0.75]).tolist() == [0.75, 0.25]


def test_one_voter_or_one_question_has_no_interval():
    one = Panel.of([[1], [0]], [0, 1], named=True)
    assert "one voter" in one.interval(one.agreement([1, 1])).reason
    for named in (True, False):
        lone = Panel.of([[1, 0], [1, 1]], [4, 4], named=named)
        assert "one question" in lone.interval(lone.agreement([1, 1])).reason


def test_a_row_without_a_vote_is_refused():
    with pytest.raises(ValueError, match="a row has none"):
        Panel.of([[1, 0], [-1, -1]], [0, 1], named=True)


@settings(max_examples=60)
@given(tables, st.booleans())
def test_the_interval_holds_its_estimate_and_never_fails(table, named):
    panel = Panel.of(table, np.arange(len(table)), named=named)
    scores = panel.agreement(np.ones(len(table)))
    found = panel.interval(scores)
    if found.bounds is None:
        assert named and panel.n_voters == 1
    else:
        assert np.isfinite(found.bounds).all()
        assert found.bounds[0] < panel.mean(scores) < found.bounds[1], "never of width 0"


SMALL = {
    "5 voters, all vote": {"questions": 100},
    "4 rows a question": {"questions": 40},
    "5 voters, 4 of them vote": {"questions": 100},
    "20 voters, 3 of them vote": {"questions": 120},
    "20 voters, 1 of them votes": {"questions": 200},
    "anonymous, voters alike": {"questions": 100},
}


@pytest.mark.parametrize("name", SMALL)
def test_the_interval_covers_what_it_says(name):
    regime = next(r for r in (*voters.REGIMES, *voters.ANONYMOUS) if r.name == name)
    # of 300 experiments, 3 standard errors below .93 and above .97
    assert 0.886 <= voters.coverage(replace(regime, **SMALL[name]), 300).share <= 0.998


def test_without_names_what_voters_share_is_not_seen():
    regime = next(r for r in voters.ANONYMOUS if r.name == "anonymous, 5 voters all vote")
    assert voters.coverage(replace(regime, questions=200), 200).share < 0.8
