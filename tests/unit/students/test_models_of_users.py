"""Models that users had, and what became of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from w2s_harness.contract.errors import ModelError
from w2s_harness.contract.kinds import VERIFY
from w2s_harness.contract.types import Model
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.students.checkpoints import folder
from w2s_harness.students.lm.loading import load
from w2s_harness.students.lm.readout import extract

ROWS = [TextRow("Is it? " * 60, candidate="yes"), TextRow("Is it?", candidate="no")]


@pytest.fixture
def place() -> Path:
    root = Path(__file__).resolve().parents[3]
    found = Path(os.environ.get("W2S_SHARED_DATA", root.parent / "shared" / "data")).parent / "cases"
    if not (found / "_models").is_dir():
        pytest.skip(f"no models of users at {found} (set W2S_SHARED_DATA)")
    return found / "_models"


@pytest.mark.parametrize(("name", "said"), [("missing-layer", "lacks 3"), ("bigtok", "ids up to 880")])
def test_what_cannot_be_read_is_told_from_outside(place, name, said):
    with pytest.raises(ModelError, match=said):
        folder.check(place / name, name)


def test_biogpt_predicts_tokens(place):
    model = load(Model(source=str(place / "biogpt"), readout="auto"))
    assert model.is_causal and model.settings.readout == "surprise"
    assert extract(model, ROWS, VERIFY).likelihoods.shape == (2, 3)


def test_roberta_has_64_positions(place):
    model = load(Model(source=str(place / "roberta"), readout="auto"))
    got = extract(model, ROWS, VERIFY)
    assert not model.is_causal and model.context == 64
    assert got.n_cut == 1 and got.tokens[0] == 64
