"""The pairs that need downloads or packages: they list anywhere, and their settings are what models take."""

from __future__ import annotations

import dataclasses
import importlib.util

import msgspec
import numpy as np
import pytest

from w2s_harness.contract.errors import ModelError
from w2s_harness.contract.kinds import PREFERENCE, VERIFY
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.students import control
from w2s_harness.students.checkpoints.places import locate
from w2s_harness.students.lm.loading import load
from w2s_harness.students.lm.readout import extract
from w2s_harness.students.lm.zero_shot import parse_templates
from w2s_harness.students.service.baseline import fit_predict
from w2s_harness.students.shelf import Shelf
from w2s_plugins.pairs import qwen, smollm2


@pytest.mark.parametrize("module", [qwen, smollm2])
def test_a_pair_lists_without_its_models(module, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    (pair,) = module.w2s_pairs()
    assert pair.name == module.__name__.rpartition(".")[2]
    for kind, asked in ((VERIFY, "ask"), (PREFERENCE, "compare")):
        templates = parse_templates(pair.strong.templates, kind)
        assert asked in templates and "sum" in templates


@pytest.mark.parametrize("role", ["weak", "strong"])
def test_the_published_setup_trains_on_its_architectures(build, verify_rows, role):
    (pair,) = qwen.w2s_pairs()
    settings = msgspec.convert(dict(pair.finetune), control.FinetuneSettings)
    assert (settings.adapter, settings.rank, settings.lr, settings.epochs) == ("lora", 32, 1e-4, 5.0)
    source = build("Qwen2" if role == "weak" else "Qwen3")
    model = dataclasses.replace(getattr(pair, role), source=source)
    assert model.dtype == "bfloat16"
    split, at = control.SplitRef(rows=verify_rows), wire.pack(np.arange(40), "i8")
    order = control.FitPredict(
        model,
        pair.mode,
        "verify",
        split,
        at,
        wire.pack(np.arange(40) % 2.0),
        ((split, at),),
        finetune=settings,
    )
    (values,) = fit_predict(order, Shelf()).values
    p = wire.unpack(values)
    assert p.shape == (40,) and np.isfinite(p).all() and np.ptp(p) > 0.01


@pytest.mark.slow
def test_the_packages_of_smollm2_are_read(verify_rows):
    for name in ("gguf", "accelerate"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} of the extra smollm2 is not installed")
    (pair,) = smollm2.w2s_pairs()
    try:
        places = [locate(model) for model in (pair.weak, pair.strong)]
    except ModelError as missing:
        pytest.skip(str(missing))
    assert all(places)
    weak, strong = load(pair.weak), load(pair.strong)
    assert not weak.is_causal and (weak.width, weak.layers) == (384, 7)
    assert strong.is_causal and (strong.width, strong.layers) == (576, 31)
    assert extract(weak, verify_rows[:4], VERIFY).features.shape == (4, 384)
    assert extract(strong, verify_rows[:4], VERIFY).features.shape == (4, 2 * 576 + 12)
