"""The ladder of the pair `tiny`: complete, growing, reading what weak and strong read."""

import json
from pathlib import Path

import pytest
from safetensors import safe_open

from w2s_plugins.pairs import tiny

(PAIR,) = tiny.w2s_pairs()
FILES = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
ALL = (PAIR.weak, *PAIR.students, PAIR.strong)


def parameters(model) -> int:
    with safe_open(Path(model.source) / "model.safetensors", "np") as weights:
        return sum(weights.get_tensor(name).size for name in weights.keys())  # noqa: SIM118


@pytest.mark.parametrize("model", PAIR.students, ids=lambda model: Path(model.source).name)
def test_a_rung_is_complete_and_in_half_precision(model):
    folder = Path(model.source)
    assert {path.name for path in folder.iterdir()} == FILES
    with safe_open(folder / "model.safetensors", "np") as weights:
        assert {str(weights.get_tensor(name).dtype) for name in weights.keys()} == {"float16"}  # noqa: SIM118
    assert json.loads((folder / "config.json").read_text())["model_type"] == "llama"
    assert (folder / "tokenizer.json").read_bytes() == (
        Path(PAIR.strong.source) / "tokenizer.json"
    ).read_bytes()
    assert list(model.templates) == list(PAIR.strong.templates)


def test_models_grow_from_weak_to_strong():
    sizes = [parameters(model) for model in ALL]
    assert len(sizes) == 4 and sizes == sorted(set(sizes))


def test_the_whole_ladder_is_small():
    files = [path for model in ALL for path in Path(model.source).iterdir()]
    assert sum(path.stat().st_size for path in files) < 2**20
