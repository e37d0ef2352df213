"""What can be told of a model's folder without torch: in a fraction of a second, before anything is prepared.

Whatever passes here is still looked at when it is loaded (`loading`, `weights.check_keys`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from w2s_harness.contract.errors import DataError, ModelError
from w2s_harness.data.disk import open_regular
from w2s_harness.students.checkpoints import weights

TOKENIZERS = (
    "tokenizer.json", "tokenizer.model", "vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model",
    "tekken.json", "vocab.bpe", "merges.txt", "encoder.json",
)  # fmt: skip
"""Any of these files holds a vocabulary."""
_INDEX, _WHOLE = "model.safetensors.index.json", "model.safetensors"
_OTHERS = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.h5", "*.msgpack", "*.onnx")
_POINTER = b"version https://git-lfs"
_MAX_HEADER = 2**28
_LOOKED_THROUGH = 2**28
"""Bytes of weights whose every number is looked at here; those of larger models are when they are loaded."""
_EXPONENTS = {"F16": (np.uint16, 0x7C00), "BF16": (np.uint16, 0x7F80), "F32": (np.uint32, 0x7F800000)}
"""A float whose exponent's bits are all ones is NaN or infinite."""
SHORTEST = 8
"""Tokens of a question with its response at least."""
_BYTELESS = ("byt5", "canine", "perceiver")
"""Model types whose tokenizer needs no vocabulary file."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """Where a checkpoint keeps a tensor."""

    file: Path
    dtype: str
    """As safetensors names it: F32, BF16, ..."""
    shape: tuple[int, ...]
    start: int
    """Its first byte in the file."""
    stop: int


def check(folder: Path, source: str) -> None:
    """Refuse a folder that cannot be read as a model, in one line that says how to mend it.

    Raises `ModelError`: no config, an adapter alone, an encoder-decoder, code of its own, no weights in
    safetensors, a missing or damaged shard, layers that lack tensors, no tokenizer, or one with more ids
    than the model has embeddings.
    """
    file, adapter = folder / "config.json", folder / "adapter_config.json"
    if not file.is_file() and not adapter.is_file():
        raise ModelError(f"'{source}' is no model: the folder holds no config.json")
    config = _read(file, source) if file.is_file() else {}
    if adapter.is_file():
        base = _read(adapter, source).get("base_model_name_or_path") or "its base model"
        raise ModelError(
            f"'{source}' holds an adapter of {base} (adapter_config.json), no whole model; merge it first: "
            "PeftModel.from_pretrained(base, folder).merge_and_unload().save_pretrained(new_folder)"
        )
    _check_kind(config, source)
    names = tensors(folder, source)
    weights.check(config, {weights.without(name): t.shape for name, t in names.items()}, source)
    _check_tokenizer(folder, config, source)
    if sum(tensor.stop - tensor.start for tensor in names.values()) <= _LOOKED_THROUGH:
        _check_numbers(names, source)


def tensors(folder: Path, source: str) -> dict[str, Tensor]:
    """The checkpoint's tensors by name, from the headers of its files.

    Raises `ModelError` for weights that are not in safetensors, and for files that are absent or damaged.
    """
    if (folder / _WHOLE).exists() or (folder / _WHOLE).is_symlink():
        return _header(folder / _WHOLE, source)
    if not (folder / _INDEX).is_file():
        raise ModelError(_no_weights(folder, source))
    told = _read(folder / _INDEX, source).get("weight_map")
    if not isinstance(told, dict) or not told:
        raise ModelError(f"'{source}': {_INDEX} has no weight_map; download it again")
    shards = sorted({str(shard) for shard in told.values()})
    gone = [shard for shard in shards if not (folder / shard).is_file()]
    if gone:
        raise ModelError(
            f"'{source}': {len(gone)} of {len(shards)} files that {_INDEX} names are not there ({gone[0]}); "
            "download them again"
        )
    found: dict[str, Tensor] = {}
    for shard in shards:
        found |= _header(folder / shard, source)
    lost = sorted(set(told) - set(found))
    if lost:
        raise ModelError(f"'{source}': the files lack {len(lost)} tensors that {_INDEX} names ({lost[0]})")
    return found


def _read(file: Path, source: str) -> dict[str, Any]:
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError) as bad:
        raise ModelError(f"'{source}': {file.name} cannot be read as JSON: {bad}") from bad
    if not isinstance(found, dict):
        raise ModelError(f"'{source}': {file.name} holds no JSON object")
    return found


def _check_kind(config: dict[str, Any], source: str) -> None:
    model_type, names = config.get("model_type"), config.get("architectures") or ["?"]
    if not model_type:
        raise ModelError(f"'{source}': config.json names no model_type, so nobody knows what network it is")
    if config.get("is_encoder_decoder"):
        raise ModelError(
            f"'{source}' is an encoder-decoder ({names[0]}); name a causal language model or an encoder"
        )
    if _is_known(str(model_type)):
        return
    if "auto_map" in config:
        raise ModelError(
            f"'{source}' needs code of its own repository (model_type '{model_type}'); none of it runs here"
        )
    raise ModelError(
        f"'{source}': the installed transformers knows no model_type '{model_type}'; upgrade it, or name "
        "another model"
    )


def _is_known(model_type: str) -> bool:
    from importlib.metadata import distribution

    # Read as text: importing transformers takes seconds.
    lists = (f"transformers/models/auto/{name}.py" for name in ("auto_mappings", "configuration_auto"))
    texts = [Path(str(distribution("transformers").locate_file(name))) for name in lists]
    found = [text.read_text(encoding="utf-8") for text in texts if text.is_file()]
    # Where the lists lie elsewhere, loading will tell.
    return not found or any(f'"{model_type}"' in text for text in found)


def _no_weights(folder: Path, source: str) -> str:
    others = sorted(file.name for pattern in _OTHERS for file in folder.glob(pattern))
    named = sorted(file.name for file in folder.glob("*.safetensors"))
    if named:
        return f"'{source}': its weights are in {named[0]}; they must be named {_WHOLE} (or have a {_INDEX})"
    if others:
        return (
            f"'{source}' has its weights in {others[0]} only, and pickles are not read; convert them where "
            "you trust them: AutoModelForCausalLM.from_pretrained(folder).save_pretrained(new_folder) "
            "(AutoModel for an encoder) writes safetensors; the tokenizer's files go with them"
        )
    return f"'{source}' holds no weights: there is no {_WHOLE}"


def _header(file: Path, source: str) -> dict[str, Tensor]:
    try:
        with open_regular(file, "Download it again.") as stream:
            first = stream.read(8)
            if first + stream.read(len(_POINTER) - 8) == _POINTER:
                raise ModelError(f"'{source}': {file.name} is a pointer of git-lfs; run git lfs pull")
            size, length = file.stat().st_size, int.from_bytes(first, "little")
            if len(first) < 8 or length > min(_MAX_HEADER, size - 8):
                raise ValueError("it is cut off")
            stream.seek(8)
            told = json.loads(stream.read(length))
        found = {}
        for name, facts in told.items():
            if name != "__metadata__":
                start, stop = (8 + length + at for at in facts["data_offsets"])
                if stop > size:
                    raise ValueError("it is cut off")
                found[name] = Tensor(file, facts["dtype"], tuple(facts["shape"]), start, stop)
        return found
    except DataError as bad:
        raise ModelError(f"'{source}': {bad}") from bad
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as bad:
        raise ModelError(
            f"'{source}': {file.name} cannot be read as safetensors ({bad}); download it again"
        ) from bad


def _check_numbers(names: dict[str, Tensor], source: str) -> None:
    for name, tensor in names.items():
        if tensor.dtype not in _EXPONENTS or tensor.stop == tensor.start:
            continue
        kind, ones = _EXPONENTS[tensor.dtype]
        count = (tensor.stop - tensor.start) // np.dtype(kind).itemsize
        values = np.memmap(tensor.file, kind, "r", tensor.start, (count,))
        if bool(((values & ones) == ones).any()):
            raise ModelError(weights.not_finite(source, name))


def _check_tokenizer(folder: Path, config: dict[str, Any], source: str) -> None:
    if not any((folder / name).is_file() for name in TOKENIZERS) and not list(folder.glob("*.tiktoken")):
        if str(config.get("model_type")) in _BYTELESS:
            return
        raise ModelError(
            f"'{source}' has no tokenizer ({TOKENIZERS[0]}); put the files beside the weights with "
            "AutoTokenizer.from_pretrained(where_it_came_from).save_pretrained(folder)"
        )
    rows = config.get("vocab_size")
    file = folder / "tokenizer_config.json"
    longest = _read(file, source).get("model_max_length") if file.is_file() else None
    # neither the network nor the tokenizer may bound texts so that none fits
    for where, limit in (
        ("max_position_embeddings of config.json", config.get("max_position_embeddings")),
        ("model_max_length of tokenizer_config.json", longest),
    ):
        if isinstance(limit, int) and 0 < limit < SHORTEST:
            raise ModelError(no_room(source, limit, where))
    if (folder / TOKENIZERS[0]).is_file() and isinstance(rows, int):
        highest = _highest_id(_read(folder / TOKENIZERS[0], source))
        if highest >= rows:
            raise ModelError(too_many_ids(source, highest, rows))


def no_room(source: str, limit: int, where: str) -> str:
    """The line of a model that reads no whole text."""
    return (
        f"'{source}': a text may have only {limit} tokens by the {where}, which holds no question and "
        "response; correct it"
    )


def too_many_ids(source: str, highest: int, rows: int) -> str:
    """The line of a tokenizer that is another model's."""
    return (
        f"'{source}': its tokenizer gives ids up to {highest}, but the model embeds {rows} tokens (0 to "
        f"{rows - 1}); put the model's own tokenizer beside it, or resize its embeddings and train them"
    )


def _highest_id(tokenizer: dict[str, Any]) -> int:
    vocabulary = (tokenizer.get("model") or {}).get("vocab") or {}
    ids = list(vocabulary.values()) if isinstance(vocabulary, dict) else [len(vocabulary) - 1]
    ids += [token.get("id", -1) for token in tokenizer.get("added_tokens") or () if isinstance(token, dict)]
    return max((value for value in ids if isinstance(value, int)), default=-1)
