"""A plan over a small folder and model folders that nobody loads."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from w2s_harness.contract.plan import MethodSource, Plan, PlannedMethod, PlannedTask
from w2s_harness.contract.types import Model, Pair
from w2s_harness.data.reading.file_task import data_task
from w2s_harness.run.kept.store import Store
from w2s_harness.run.work.setting.preparing import prepare_settings
from w2s_harness.run.work.setting.setting import Setting


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "store")
    yield store
    store.close()


@pytest.fixture
def folder(tmp_path) -> Path:
    folder = tmp_path / "words"
    folder.mkdir()
    for number, split in enumerate(("train_label", "train_unlabel", "test")):
        rows = [
            {"question": f"{split} {i // 2}", "choice": "yes" if i % 2 else "no", "label": i % 4 in (0, 3)}
            for i in range(40 + 4 * number)
        ]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    return folder


@pytest.fixture
def model(tmp_path) -> Callable[[str, bytes], Model]:
    def make(name: str, weights: bytes) -> Model:
        place = tmp_path / name
        place.mkdir(parents=True, exist_ok=True)
        (place / "config.json").write_text("{}")
        (place / "model.safetensors").write_bytes(weights)
        return Model(source=str(place))

    return make


@pytest.fixture
def plan(folder, model) -> Plan:
    source = MethodSource("m", "m", None, None, "a" * 64, filename="m.py")
    return Plan(
        tasks=(PlannedTask("words", data_task(folder), {}, "public", path=str(folder)),),
        pairs=(Pair(name="p", weak=model("weak", b"w"), strong=model("strong", b"s")),),
        methods=(
            PlannedMethod("plain", "plain", source, {}),
            PlannedMethod("asks", "asks", source, {}, access=("embeddings", "inference")),
            PlannedMethod("torn", "torn", source, {}, error="torn.py: SyntaxError"),
        ),
        seeds=(0, 1),
        baseline_seeds=(0, 1),
    )


@pytest.fixture
def setting(plan, store) -> Callable[..., Setting]:
    """The plan's first setting, after changes to the plan."""

    def make(**changes) -> Setting:
        return prepare_settings(replace(plan, **changes), store)[0]

    return make
