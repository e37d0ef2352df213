"""What the host could not see is said."""

import pytest

from w2s_studies.review.treatment import unseen

SEEN = {"fits": 1, "behind": 1, "losses": ["xent"], "heads": 0, "priors": 0, "on_test": 0, "own": False}


def test_a_fit_on_all_rows_leaves_nothing_unseen():
    assert unseen([SEEN, SEEN]) == []


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"fits": 0, "behind": 0, "losses": []}, "never asked for a fit"),
        ({"fits": 3, "behind": 0, "losses": []}, "none stands behind the student"),
        ({"own": True}, "code of its own"),
        ({"heads": 2}, "2 heads"),
        ({"priors": 1}, "1 untrained members"),
        ({"on_test": 1}, "trained on test rows"),
        ({"losses": ["logconf", "xent"]}, "The loss logconf changes targets"),
        ({"fits": 4, "behind": 2}, "Up to 2 other fits"),
    ],
)
def test_what_was_not_seen_is_one_sentence(changed, says):
    (line,) = unseen([SEEN | changed, SEEN | changed])
    assert says in line


def test_one_cell_with_heads_is_enough():
    (line,) = unseen([SEEN, SEEN | {"heads": 2}])
    assert "2 heads" in line
