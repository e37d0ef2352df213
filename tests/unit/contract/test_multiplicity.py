from __future__ import annotations

import pytest

from w2s_harness import holm
from w2s_harness.scoring.comparisons import compare


def test_guards_and_scoring_share_one_adjustment():
    assert compare.holm is holm
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_what_is_no_p_value_is_refused():
    with pytest.raises(ValueError, match="outside"):
        holm([0.1, 1.5])
