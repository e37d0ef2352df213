"""The pairs of `kinds`: small, one student, one tokenizer; their corpus says what the world holds."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from w2s_harness import Model
from w2s_harness.contract.kinds import VERIFY
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.students.lm.loading import load
from w2s_harness.students.lm.readout import extract
from w2s_plugins.pairs import tiny_kinds, tiny_kinds_blind
from w2s_tasks import kinds as world
from w2s_tasks.kinds import PAIRS, KindsTask

(NOISY,), (BLIND,) = tiny_kinds.w2s_pairs(), tiny_kinds_blind.w2s_pairs()
MODELS = {"weak": NOISY.weak, "blind": BLIND.weak, "strong": NOISY.strong}
FILES = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
SCRIPTS = Path(__file__).parents[3] / "scripts" / "tiny_pair"


@pytest.fixture
def corpus(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("kinds_corpus")


def test_the_pairs_are_those_that_the_task_names():
    assert {NOISY.name, BLIND.name} == set(PAIRS.values())
    assert NOISY.strong == BLIND.strong and list(NOISY.strong.templates) == ["sum", "mean", "min"]


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_complete_and_in_half_precision(name):
    folder = Path(MODELS[name].source)
    assert folder.name == name and {path.name for path in folder.iterdir()} == FILES
    with safe_open(folder / "model.safetensors", "np") as weights:
        assert {str(weights.get_tensor(key).dtype) for key in weights.keys()} == {"float16"}  # noqa: SIM118
    assert json.loads((folder / "config.json").read_text())["model_type"] == "llama"


def test_the_pair_is_small_and_reads_the_same_tokens(corpus):
    folders = [Path(model.source) for model in MODELS.values()]
    size = {f.name: sum(path.stat().st_size for path in f.iterdir()) for f in folders}
    assert size["weak"] + size["strong"] < 2 * 2**20 and size["blind"] < 2**19
    assert len({(folder / "tokenizer.json").read_bytes() for folder in folders}) == 1
    words = json.loads((folders[0] / "tokenizer.json").read_text())["model"]["vocab"]
    assert words == {word: i for i, word in enumerate(corpus.vocabulary())}


def test_documents_tell_an_entitys_values_but_for_the_noise(corpus):
    right = []
    for text in corpus.texts(corpus.Corpus(2000)):
        profile = world.profiles()[text.ids[0] - corpus.FIRST_NAME]
        told = [
            (i - corpus.FIRST_VERB) // world.VERBS
            for i in text.ids
            if corpus.FIRST_VERB <= i < corpus.FIRST_NAME
        ]
        assert len(told) == corpus.FACTS and text.ids[-2:] == (2, 0)
        right += [profile[place // world.VALUES] == place % world.VALUES for place in told]
    assert np.mean(right) == pytest.approx(1 - corpus.NOISE * (1 - 1 / world.VALUES), abs=0.01)


def test_a_share_of_the_entities_and_a_blind_corpus(corpus):
    half = {text.ids[0] for text in corpus.texts(corpus.Corpus(40_000, share=0.5))}
    assert len(half) <= world.ENTITIES / 2 and len(half) > 0.95 * world.ENTITIES / 2
    third = corpus.FIRST_VERB + 2 * world.VALUES * world.VERBS
    blind = corpus.texts(corpus.Corpus(500, mention=(0.55, 0.45, 0.0)))
    assert not any(third <= i < corpus.FIRST_NAME for text in blind for i in text.ids)


def test_a_row_is_read_as_its_document_was_written(corpus):
    tokens = corpus.tokenizer()
    row = next(iter(KindsTask().load()))
    ids = tokens(f"{row.prompt}\n{row.candidate}")["input_ids"]
    words = corpus.vocabulary()
    assert [words[i] for i in ids] == [row.prompt, "\n", *row.candidate.split()]


def probed(model: Model, values: np.ndarray, names: list[str]) -> float:
    """Holdout accuracy of a least-squares probe of half of the rows, of a balanced binary target."""
    rows = [TextRow(name, "often now", None, None) for name in names]
    x = extract(load(model), rows, VERIFY).features.astype(float)
    x = np.c_[(x - x.mean(0)) / np.maximum(x.std(0), 1e-6), np.ones(len(x))]
    half = len(x) // 2
    w = np.linalg.solve(x[:half].T @ x[:half] + 10 * np.eye(x.shape[1]), x[:half].T @ (values[:half] - 0.5))
    return float(((x[half:] @ w > 0) == (values[half:] > 0.5)).mean())


def test_the_student_knows_every_attribute_and_the_blind_teacher_two():
    names = list(world.names()[:2400])
    values = np.array(world.profiles()[:2400]) >= world.VALUES // 2
    strong = [probed(MODELS["strong"], values[:, j], names) for j in range(world.ATTRIBUTES)]
    blind = [probed(MODELS["blind"], values[:, j], names) for j in range(world.ATTRIBUTES)]
    weak = [probed(MODELS["weak"], values[:, j], names) for j in range(world.ATTRIBUTES)]
    assert min(strong) > 0.93
    assert min(blind[:2]) > 0.8 and abs(blind[2] - 0.5) < 0.06
    assert all(0.53 < known < 0.9 for known in weak)
