"""Small task folders to read, break and read again."""

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

SPLITS = ("train_label", "train_unlabel", "test")

Write = Callable[[str, Iterable[Any]], Path]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, so that messages hold short relative paths."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(here: Path) -> Write:
    """Write rows (objects, or lines as bytes) to a file under the working directory."""

    def do(name: str, rows: Iterable[Any]) -> Path:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(
            b"".join((r if isinstance(r, bytes) else json.dumps(r).encode()) + b"\n" for r in rows)
        )
        return path

    return do


def verify_rows(split: str, questions: int = 4, each: int = 2) -> list[dict[str, Any]]:
    return [
        {"question": f"{split} q{q}", "choice": f"choice {c}", "label": c % 2 == 0, "subset": f"s{c}"}
        for q in range(questions)
        for c in range(each)
    ]


def preference_rows(split: str, questions: int = 4) -> list[dict[str, Any]]:
    return [
        {"prompt": f"{split} p{q}", "first": f"a{q}", "second": f"b{q}", "label": "AB"[q % 2]}
        for q in range(questions)
    ]


@pytest.fixture
def verify_folder(write: Write) -> Path:
    """`mine/`: 3 splits of 4 questions with 2 candidates each."""
    for split in SPLITS:
        write(f"mine/{split}.jsonl", verify_rows(split))
    return Path("mine")


@pytest.fixture
def preference_folder(write: Write) -> Path:
    """`chat/`: 3 splits of 4 comparisons."""
    for split in SPLITS:
        write(f"chat/{split}.jsonl", preference_rows(split))
    return Path("chat")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data beside the project; its tests skip where it is absent."""
    root = Path(__file__).parents[3]
    folder = Path(os.environ.get("W2S_SHARED_DATA", root.parent / "shared" / "data"))
    if not (folder / "gsm8k-verify").is_dir():
        pytest.skip(f"no real data at {folder} (set W2S_SHARED_DATA)")
    return folder
