"""A network in memory is its checkpoint's, whole, and is what it can do, not what it is called."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from w2s_harness.contract.errors import ModelError
from w2s_harness.contract.kinds import VERIFY
from w2s_harness.contract.types import Model
from w2s_harness.students.checkpoints import folder as folder_checks
from w2s_harness.students.checkpoints import weights
from w2s_harness.students.lm.loading import load
from w2s_harness.students.lm.readout import extract

WEIGHTS = "model.safetensors"


@pytest.fixture(params=["from outside", "when loaded"], autouse=True)
def when(request, monkeypatch):
    """What is told from outside of well-known architectures is told of all others when they are loaded."""
    if request.param == "when loaded":
        monkeypatch.setattr(weights, "ALIKE", ())
        monkeypatch.setattr(folder_checks, "_LOOKED_THROUGH", -1)


@pytest.fixture
def copy(build, tmp_path):
    """A folder of a model's own, whose weights a function may change."""

    def make(name: str, change=None) -> Path:
        folder = tmp_path / name
        shutil.copytree(build(name), folder, dirs_exist_ok=True)
        if change is not None:
            tensors = load_file(folder / WEIGHTS)
            save_file(change(tensors) or tensors, folder / WEIGHTS, metadata={"format": "pt"})
        return folder

    return make


def configure(folder: Path, **changes: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def refused(folder: Path, **settings: object) -> str:
    with pytest.raises(ModelError) as bad:
        load(Model(source=str(folder), **{"readout": "auto", **settings}))
    said = str(bad.value)
    assert "\n" not in said and str(folder) in said
    return said


def renamed(prefix: str):
    return lambda tensors: {prefix + name: tensor for name, tensor in tensors.items()}


@pytest.mark.parametrize("lost", ["layers.1.mlp.up_proj.weight", "layers.1.", "norm.weight", "embed_tokens"])
def test_weights_that_the_checkpoint_lacks_are_never_drawn(copy, lost):
    def change(tensors):
        return {name: tensor for name, tensor in tensors.items() if lost not in name}

    said = refused(copy("Llama", change))
    assert "the checkpoint lacks" in said and lost.strip(".") in said


def test_a_head_that_is_not_tied_must_be_there_and_one_that_is_tied_need_not(copy, verify_rows):
    def change(tensors):
        del tensors["lm_head.weight"]

    folder = copy("Llama", change)
    assert "lm_head.weight" in refused(folder)
    configure(folder, tie_word_embeddings=True)
    network = load(Model(source=str(folder))).network
    assert torch.equal(network.lm_head.weight, network.model.embed_tokens.weight)


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module.", "module._orig_mod.", "_fsdp_wrapped_module."])
def test_a_wrappers_prefix_is_taken_off_and_said(build, copy, verify_rows, prefix):
    plain, wrapped = (
        load(Model(source=build("Llama"))),
        load(Model(source=str(copy("Llama", renamed(prefix))))),
    )
    a, b = (extract(model, verify_rows, VERIFY).features for model in (plain, wrapped))
    assert np.array_equal(a, b)
    assert not plain.notes and "prefix" in wrapped.notes[0]


def test_a_wrapper_inside_a_name_is_taken_off(build, copy, verify_rows):
    def change(tensors):
        return {
            name.replace("model.layers.1.", "model.layers.1._orig_mod."): t for name, t in tensors.items()
        }

    plain, wrapped = load(Model(source=build("Llama"))), load(Model(source=str(copy("Llama", change))))
    a, b = (extract(model, verify_rows, VERIFY).features for model in (plain, wrapped))
    assert np.array_equal(a, b)


def test_a_prefix_that_nobody_knows_is_refused(copy):
    assert "lacks" in refused(copy("Llama", renamed("student.")))


def test_a_tensor_that_is_there_with_and_without_its_prefix_is_refused(copy):
    def change(tensors):
        return tensors | {f"module.{name}": tensor + 1 for name, tensor in tensors.items()}

    assert "twice" in refused(copy("Llama", change))


def test_a_shape_that_is_not_the_configs_is_refused(copy):
    folder = copy("Llama")
    configure(folder, intermediate_size=64)
    said = refused(folder)
    assert "48 x 32" in said or "32 x 48" in said


def test_a_layer_more_than_the_config_says_is_no_leftover(copy):
    folder = copy("Llama")
    configure(folder, num_hidden_layers=1)
    assert "no place for" in refused(folder)


def test_a_bias_that_the_config_has_no_place_for_is_no_leftover(copy):
    def change(tensors):
        return tensors | {f"model.layers.{k}.self_attn.q_proj.bias": torch.ones(32) for k in (0, 1)}

    assert "q_proj.bias" in refused(copy("Llama", change))


def test_heads_that_no_readout_uses_may_be_absent_or_left_over(build, copy, verify_rows):
    def change(tensors):
        tensors = {name: t for name, t in tensors.items() if not name.startswith("pooler")}
        return tensors | {"classifier.weight": torch.ones(2, 32), "cls.predictions.bias": torch.ones(3)}

    plain = load(Model(source=build("Bert"), readout="auto"))
    other = load(Model(source=str(copy("Bert", change)), readout="auto"))
    a, b = (extract(model, verify_rows, VERIFY).features for model in (plain, other))
    assert np.array_equal(a, b)
    assert other.notes == ("not used: classifier, cls",)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_weights_that_are_no_numbers_are_named(copy, value, dtype):
    def change(tensors):
        tensors = {name: tensor.to(dtype) for name, tensor in tensors.items()}
        tensors["model.layers.1.mlp.up_proj.weight"][3, 3] = value
        return tensors

    assert "model.layers.1.mlp.up_proj.weight" in refused(copy("Llama", change))


def test_weights_that_a_smaller_type_cannot_hold_are_named(copy):
    def change(tensors):
        tensors["model.layers.1.mlp.up_proj.weight"][3, 3] = 1e6

    folder = copy("Llama", change)
    said = refused(folder, dtype="float16")
    assert "float16" in said and "--dtype" in said


def test_pickles_are_told_how_to_be_converted(copy):
    folder = copy("Llama")
    torch.save(load_file(folder / WEIGHTS), folder / "pytorch_model.bin")
    (folder / WEIGHTS).unlink()
    said = refused(folder)
    assert "pytorch_model.bin" in said and "save_pretrained" in said


def test_an_adapter_alone_is_told_to_be_merged(copy):
    folder = copy("Llama")
    (folder / WEIGHTS).rename(folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "me/base"}))
    assert "merge" in refused(folder) and "me/base" in refused(folder)
    (folder / "config.json").unlink()
    assert "merge" in refused(folder)


def test_shards_that_are_absent_cut_off_or_pointers_are_named(copy):
    folder = copy("Llama")
    tensors = load_file(folder / WEIGHTS)
    halves = [dict(list(tensors.items())[k::2]) for k in (0, 1)]
    names = [f"model-0000{k}-of-00002.safetensors" for k in (1, 2)]
    for name, half in zip(names, halves, strict=True):
        save_file(half, folder / name, metadata={"format": "pt"})
    index = {tensor: name for name, half in zip(names, halves, strict=True) for tensor in half}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    (folder / WEIGHTS).unlink()
    assert load(Model(source=str(folder))).parameters
    second = (folder / names[1]).read_bytes()
    for body in (second[:-10], second[:4], b"version https://git-lfs.github.com/spec/v1\noid x\n"):
        (folder / names[1]).write_bytes(body)
        assert names[1] in refused(folder)
    (folder / names[1]).unlink()
    assert "1 of 2 files" in refused(folder) and names[1] in refused(folder)


def test_weights_that_are_a_pipe_or_lead_nowhere_are_named_and_not_waited_for(copy):
    folder = copy("Llama")
    (folder / WEIGHTS).unlink()
    os.mkfifo(folder / WEIGHTS)
    assert "not a regular file but a pipe" in refused(folder)
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).symlink_to("gone")
    assert "the link leads nowhere" in refused(folder)


def test_no_weights_no_config_and_no_kind(copy):
    folder = copy("Llama")
    (folder / WEIGHTS).rename(folder / "mine.safetensors")
    assert "mine.safetensors" in refused(folder)
    (folder / "mine.safetensors").unlink()
    assert "no weights" in refused(folder)
    configure(folder, model_type="brand-new")
    assert "brand-new" in refused(folder)
    configure(folder, model_type="t5", is_encoder_decoder=True)
    assert "encoder-decoder" in refused(folder)
    (folder / "config.json").write_text("{")
    assert "JSON" in refused(folder)


def test_a_model_without_a_tokenizer_and_one_with_anothers(copy):
    folder = copy("Llama")
    told = json.loads((folder / "tokenizer.json").read_text())
    told["added_tokens"].append({**told["added_tokens"][0], "id": 4000, "content": "<new>"})
    (folder / "tokenizer.json").write_text(json.dumps(told))
    assert "4000" in refused(folder)
    for file in folder.glob("tokenizer*"):
        file.unlink()
    assert "no tokenizer" in refused(folder)


def test_what_predicts_tokens_is_asked_of_the_network(tokenizer, tmp_path, verify_rows):
    from transformers import BioGptConfig, BioGptForCausalLM

    torch.manual_seed(0)
    config = BioGptConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=48, max_position_embeddings=64,
    )  # fmt: skip
    BioGptForCausalLM(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    model = load(Model(source=str(tmp_path), readout="auto"))
    assert model.is_causal and model.settings.readout == "surprise" and model.context == 64
    assert extract(model, verify_rows, VERIFY).likelihoods.shape == (40, 3)


@pytest.mark.parametrize("name", ["Rwkv", "Mamba", "GPT2", "OPT"])
def test_networks_that_name_their_parts_otherwise_predict_tokens(tokenizer, tmp_path, verify_rows, name):
    import transformers

    torch.manual_seed(0)
    sizes = {
        "Rwkv": {"hidden_size": 32, "num_hidden_layers": 2, "attention_hidden_size": 32},
        "Mamba": {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 4},
        "GPT2": {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64},
        "OPT": {
            "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "ffn_dim": 48,
            "max_position_embeddings": 64, "word_embed_proj_dim": 32,
        },
    }  # fmt: skip
    config = getattr(transformers, f"{name}Config")(vocab_size=len(tokenizer), **sizes[name])
    kind = "GPT2LMHeadModel" if name == "GPT2" else f"{name}ForCausalLM"
    getattr(transformers, kind)(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    model = load(Model(source=str(tmp_path), readout="auto"))
    assert model.is_causal and model.width == 32 and model.layers == 3
    assert model.context == (64 if name in ("GPT2", "OPT") else 1024)
    got = extract(model, verify_rows, VERIFY)
    assert np.isfinite(got.features).all() and got.likelihoods.shape == (40, 3)


@pytest.mark.parametrize("name", ["Roberta", "XLMRoberta", "MPNet"])
def test_positions_that_begin_after_the_padding_are_not_counted(build, verify_rows, name):
    from w2s_harness.contract.worker.wire.row_text import TextRow

    model = load(Model(source=build(name), readout="auto"))
    assert not model.is_causal and model.context == 64
    long = [TextRow("Tom has apples " * 90, candidate="yes"), *verify_rows]
    got = extract(model, long, VERIFY)
    assert got.n_cut == 1 and got.tokens[0] == 64 and np.isfinite(got.features).all()


def test_a_network_that_looks_ahead_is_read_as_an_encoder(tokenizer, tmp_path):
    from transformers import BertConfig, BertLMHeadModel

    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=48, initializer_range=0.3,
    )  # fmt: skip
    BertLMHeadModel(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    assert not load(Model(source=str(tmp_path), readout="auto")).is_causal


@pytest.mark.parametrize(("told", "context"), [(10**30, 96), (40, 40), (0, 96), (500, 96)])
def test_the_tokenizers_own_limit_is_kept(copy, told, context):
    folder = copy("Llama")
    file = folder / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"model_max_length": told}))
    assert load(Model(source=str(folder))).context == context
