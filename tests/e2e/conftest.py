"""Random models and a small task on which a run takes seconds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from commands import GOOD, METHODS, MINE, WORDS, Done, Place


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> tuple[Path, Path]:
    """A narrow and a wide random Llama, so that there is a gap between what their features tell.

    What the narrow one knows of a word is right for seven of ten, whatever a seed draws: with two seeds
    t is 12.7, and a floor that moves from seed to seed would leave the gap's interval holding 0.
    """
    folder = tmp_path_factory.mktemp("models")
    known = [(word in GOOD) != (i % 10 < 3) for i, word in enumerate(WORDS)]
    return _llama(folder / "narrow", 4, 1, known), _llama(folder / "wide", 64, 2)


def _llama(folder: Path, width: int, seed: int, known: Sequence[bool] = ()) -> Path:
    """A random model whose first feature of a word, where there are any, says what is `known` of it."""
    from safetensors.numpy import save_file
    from tokenizers import Tokenizer, models, pre_tokenizers

    folder.mkdir()
    words = ["<eos>", "<unk>", *WORDS, *map(str, range(1000)), "is", "item", "good", "?"]
    inner = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    inner.save(str(folder / "tokenizer.json"))
    described = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<eos>", "unk_token": "<unk>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(described))
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": width,
        "intermediate_size": width,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "vocab_size": len(words),
        "max_position_embeddings": 64,
        "eos_token_id": 0,
        "bos_token_id": 0,
        "tie_word_embeddings": False,
        "dtype": "float32",
    }
    (folder / "config.json").write_text(json.dumps(config))
    draw = np.random.default_rng(seed)

    def matrix(rows: int, columns: int, scale: float = 0.1) -> np.ndarray:
        return draw.normal(0, scale, (rows, columns)).astype(np.float32)

    ones = np.ones(width, np.float32)
    block = "model.layers.0"
    weights = {f"{block}.self_attn.{n}_proj.weight": matrix(width, width) for n in "qkvo"}
    weights |= {f"{block}.mlp.{n}_proj.weight": matrix(width, width) for n in ("gate", "up", "down")}
    weights |= {f"{block}.{n}_layernorm.weight": ones for n in ("input", "post_attention")}
    weights |= {"model.embed_tokens.weight": matrix(len(words), width, 1.0), "model.norm.weight": ones}
    weights["lm_head.weight"] = matrix(len(words), width)
    if known:
        of_words = weights["model.embed_tokens.weight"][2 : 2 + len(known)]
        # nothing else of a word, or the machine's last digits decide how much of it a probe learns by heart
        of_words[:] = 0.0
        of_words[:, 0] = np.where(known, 2.0, -2.0)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="session")
def words(tmp_path_factory) -> Path:
    """A task folder: is this word a good one? Every split holds all words about equally often."""
    folder = tmp_path_factory.mktemp("data") / "words"
    folder.mkdir()
    draw, n = np.random.default_rng(0), iter(range(10_000))
    both = [list(draw.permutation(sorted(w))) for w in (set(WORDS) - GOOD, GOOD)]
    for split, rows in (("train_label", 200), ("train_unlabel", 200), ("test", 150)):
        lines = []
        for i in range(rows):
            label = bool(i % 2)
            word = str(both[label][i // 2 % len(both[label])])
            lines.append(
                json.dumps({"question": f"item {next(n)} is good ?", "choice": word, "label": label})
            )
        (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="session")
def flags(models, words) -> tuple[str, ...]:
    weak, strong = map(str, models)
    return ("--tasks", str(words), "--weak", weak, "--strong", strong, "--seeds", "2", "-n", "2")


@pytest.fixture
def place(tmp_path, flags) -> Place:
    """An empty folder with the method file."""
    (tmp_path / "mine.py").write_text(MINE)
    return Place(tmp_path, flags)


@pytest.fixture(scope="session")
def first(tmp_path_factory, flags) -> tuple[Place, Done]:
    """One undisturbed run from nothing, in new processes. Tests read it, none writes into it."""
    folder = tmp_path_factory.mktemp("first")
    (folder / "mine.py").write_text(MINE)
    place = Place(folder, flags)
    return place, place.cold("run", "--methods", METHODS, "-o", "board.json")


@pytest.fixture(scope="session")
def _warm(tmp_path_factory, flags) -> Path:
    """A store that holds features, weak labels and ceiling, and the cells of `vanilla`."""
    place = Place(tmp_path_factory.mktemp("warm"), flags)
    (place.folder / "mine.py").write_text(MINE)
    # A method file makes the plan choose the settings of the solver `path` too.
    done = place("run", "--methods", "vanilla,./mine.py::shrunk")
    assert done.code == 0, done.err
    return place.folder


@pytest.fixture
def warm(_warm, tmp_path, flags) -> Place:
    """A copy of the warm store of one's own."""
    shutil.copytree(_warm, tmp_path, dirs_exist_ok=True)
    return Place(tmp_path, flags)
