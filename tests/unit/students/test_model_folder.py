"""What is wrong with a model's folder is told before PyTorch is imported; what is right passes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from w2s_harness.contract.errors import ModelError
from w2s_harness.students.checkpoints import folder

WEIGHTS = "model.safetensors"


@pytest.fixture
def damaged(build, tmp_path):
    def make(kind: str) -> Path:
        place = tmp_path / kind
        shutil.copytree(build("Llama"), place)
        tensors, config = load_file(place / WEIGHTS), json.loads((place / "config.json").read_text())
        tokenizer = json.loads((place / "tokenizer_config.json").read_text())
        if kind == "layer":
            del tensors["model.layers.1.mlp.up_proj.weight"]
        elif kind == "last layer":
            tensors = {name: t for name, t in tensors.items() if ".layers.1." not in name}
        elif kind == "head":
            del tensors["lm_head.weight"]
        elif kind == "prefix":
            tensors = {f"student.{name}": t for name, t in tensors.items()}
        elif kind == "shape":
            config["intermediate_size"] += 8
        elif kind == "vocabulary":
            config["vocab_size"] -= 8
        elif kind == "fewer layers":
            config["num_hidden_layers"] = 1
        elif kind == "nan":
            tensors["model.norm.weight"][0] = float("nan")
        elif kind == "length":
            tokenizer["model_max_length"] = 2
        save_file(tensors, place / WEIGHTS, metadata={"format": "pt"})
        (place / "config.json").write_text(json.dumps(config))
        (place / "tokenizer_config.json").write_text(json.dumps(tokenizer))
        return place

    return make


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("layer", "lacks 1 .*layers.1.mlp.up_proj"),
        ("last layer", "lacks 9 "),
        ("head", "lacks 1 .*lm_head"),
        ("prefix", "lacks all.*student"),
        ("shape", "proj.weight has the shape"),
        ("vocabulary", "embed_tokens.weight has the shape"),
        ("fewer layers", "no place for"),
        ("nan", "model.norm.weight"),
        ("length", "model_max_length"),
    ],
)
def test_damage_is_one_line(damaged, kind, said):
    with pytest.raises(ModelError, match=said) as bad:
        folder.check(damaged(kind), "mine")
    assert "\n" not in str(bad.value) and "'mine'" in str(bad.value)


@pytest.mark.parametrize("name", ["Llama", "Qwen2", "Qwen3", "Bert", "Roberta", "XLMRoberta", "MPNet"])
def test_what_is_right_passes(build, name):
    folder.check(Path(build(name)), "mine")


def test_it_imports_neither_torch_nor_transformers(build):
    code = (
        "import sys, pathlib; from w2s_harness.students.checkpoints import folder; "
        f"folder.check(pathlib.Path({build('Llama')!r}), 'mine'); "
        "assert not {'torch', 'transformers', 'tokenizers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_packed_weights_have_shapes_of_their_own(damaged):
    place = damaged("shape")
    config = json.loads((place / "config.json").read_text()) | {"quantization_config": {}}
    (place / "config.json").write_text(json.dumps(config))
    folder.check(place, "mine")
