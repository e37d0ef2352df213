"""The shipped pair is small, complete, and holds nothing but half-precision weights and a tokenizer."""

import json
from pathlib import Path

import pytest
from safetensors import safe_open

from w2s_plugins.pairs import tiny

(PAIR,) = tiny.w2s_pairs()
FILES = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}


@pytest.mark.parametrize("model", [PAIR.weak, PAIR.strong], ids=["weak", "strong"])
def test_a_model_is_complete_and_in_half_precision(model):
    folder = Path(model.source)
    assert {path.name for path in folder.iterdir()} == FILES
    with safe_open(folder / "model.safetensors", "np") as weights:
        assert {str(weights.get_tensor(name).dtype) for name in weights.keys()} == {"float16"}  # noqa: SIM118
    assert json.loads((folder / "config.json").read_text())["model_type"] == "llama"


def test_the_pair_is_small():
    folders = [Path(PAIR.weak.source), Path(PAIR.strong.source)]
    assert sum(path.stat().st_size for folder in folders for path in folder.iterdir()) < 2**20


def test_both_models_read_the_same_tokens():
    read = [(Path(model.source) / "tokenizer.json").read_bytes() for model in (PAIR.weak, PAIR.strong)]
    assert read[0] == read[1]


def test_zero_shot_readouts():
    assert list(PAIR.strong.templates) == ["sum", "mean", "min"]
    assert PAIR.strong.templates["min"] == {"kind": "likelihood", "statistic": "min"}
