"""Made-up results in the published layout, and the real ones where they are."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from made_up import BETTER, CEILING, VANILLA, WEAK, run_fields

Put = Callable[..., Path]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Write one file: `put("toy_idea", 1, transfer_acc=.6)` lies in `toy_idea/c1/seed_1.json`."""

    def write(idea: str, seed: int | str, inside: str = "c1", /, **fields: object) -> Path:
        path = tmp_path / "results" / idea / inside / f"seed_{seed}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        plain = {"dataset_name": "toy-1", "seed": int(seed) if str(seed).isdigit() else 0}
        plain |= {"config": {"epochs": 5, "lr": 1e-4, "seed": plain["seed"]}}
        path.write_text(json.dumps(plain | fields))
        return path

    return write


@pytest.fixture
def results(put: Put, tmp_path: Path) -> Path:
    """One data set, three baseline seeds, two methods; nothing wrong with it."""
    for seed, accuracy in WEAK.items():
        put("toy_weak_artifacts", seed, weak_acc=accuracy, hard_label_acc=0.6, weak_model="org/small")
    for seed, accuracy in CEILING.items():
        put("toy_train_ceiling", seed, strong_acc=accuracy, strong_model="org/big")
    for idea, accuracies in (("vanilla_w2s", VANILLA), ("better", BETTER)):
        for seed, accuracy in accuracies.items():
            put(f"toy_{idea}", seed, idea_name=idea, **run_fields(accuracy))
    return tmp_path / "results"


@pytest.fixture(scope="session")
def published() -> Path:
    """The published per-seed results; their tests skip where they are absent."""
    root = Path(__file__).parents[3]
    folder = Path(os.environ.get("W2S_SHARED_DATA", root.parent / "shared" / "data")) / "aar-results"
    if not folder.is_dir():
        pytest.skip(f"no published results at {folder} (set W2S_SHARED_DATA)")
    return folder
