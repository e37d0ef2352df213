"""The readers of accuracies by seed: CSV and the published layout, and the boards of what they accept."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mutants
import pytest
from bounds import fuzz

from w2s_harness.report import formats
from w2s_harness.report.document import canonical, document
from w2s_studies.elsewhere.imports import aar, leaderboard, seed_csv

HEAD = "seed,accuracy,rows\n"
CSV = [
    f"{HEAD}0,0.7,2000\n1,0.71,2000\n2,0.69,2000\n".encode(),
    b"seed,accuracy\n0,.7\n1,1\n2,1e-1\n",
    b"\xef\xbb\xbfseed, accuracy\r\n0, 0.7\r\n1, 0.7\r\n2, 0.7\r\n",
]
TOKENS = (
    b"0_1", b"nan", b"inf", b"1e400", b"-0", b"\xd9\xa1", b'"', b'""', b",", b";", b"=1", b"1.", b"0x1",
    b"\x1f\x8b", b"1" * 400, b"9" * 19, b"PK\x03\x04",
)  # fmt: skip
RUN: dict[str, Any] = {
    "dataset_name": "toy", "seed": 0, "idea_name": "mine", "transfer_acc": 0.7, "pgr": 0.5,
    "config": {"epochs": 5, "lr": 1e-4, "seed": 0},
    "detailed_eval": {"strong": {"final_eval": {"accuracy": 0.7, "correct": 70, "total": 100}}},
}  # fmt: skip


def _shown(found: Any) -> None:
    """Make the board that a user sees; nothing in it is certain from nothing."""
    made = leaderboard.leaderboard_of(found)
    for view in formats.FORMATS:
        formats.render(made, view)
    document.decode(canonical.document_bytes(made), "own.json")
    for row in made.rows:
        tested = row.vs_vanilla
        for bounds in (row.pgr_ci, tested and tested.ci, tested and tested.pgr_ci):
            assert bounds is None or bounds[1] > bounds[0]
        assert tested is None or tested.p is None or tested.p > 0


@pytest.fixture
def as_csv(tmp_path: Path) -> Callable[[bytes], None]:
    folder = tmp_path / "toy"
    folder.mkdir()
    for name, first in (("weak", 0.5), ("ceiling", 0.9), ("vanilla", 0.6)):
        lines = "".join(f"{seed},{first + seed / 100:.2f}\n" for seed in range(3))
        (folder / f"{name}.csv").write_text(f"seed,accuracy\n{lines}")

    def read(body: bytes) -> None:
        (folder / "mine.csv").write_bytes(body)
        _shown(seed_csv.read_folder(tmp_path))

    return read


@pytest.fixture
def as_aar(tmp_path: Path) -> Callable[[bytes], None]:
    def put(idea: str, seed: int, body: bytes) -> None:
        path = tmp_path / f"toy_{idea}" / "c" / f"seed_{seed}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    for seed in range(3):
        common = {"dataset_name": "toy", "seed": seed}
        put("weak_artifacts", seed, json.dumps({**common, "weak_acc": 0.5 + seed / 100}).encode())
        put("train_ceiling", seed, json.dumps({**common, "strong_acc": 0.9 + seed / 100}).encode())
        put("vanilla_w2s", seed, json.dumps({**common, "transfer_acc": 0.6 + seed / 100}).encode())

    def read(body: bytes) -> None:
        put("mine", 0, body)
        _shown(aar.read_folder(tmp_path))

    return read


def test_mutated_csv(count: int, as_csv: Callable[[bytes], None]) -> None:
    as_csv(CSV[0])
    assert fuzz(mutants.of_bytes("csv", count, CSV, TOKENS), as_csv) > count / 60


def test_numbers_of_any_kind_in_csv(count: int, as_csv: Callable[[bytes], None]) -> None:
    def drawn(i: int) -> bytes:
        rng = random.Random(f"accuracies/{i}")
        few = [rng.choice(["0", "1", "0.5", "0.7", "0.70", f"{rng.random():.3f}"]) for _ in range(2)]
        rows = rng.choice(["", ",2", ",2000"])
        lines = [f"{seed},{rng.choice(few)}{rows}" for seed in range(rng.randint(1, 5))]
        return "\n".join([HEAD.strip() if rows else "seed,accuracy", *lines]).encode()

    assert fuzz((drawn(i) for i in range(count // 3)), as_csv) == count // 3


def test_mutated_json(count: int, as_aar: Callable[[bytes], None]) -> None:
    as_aar(json.dumps(RUN).encode())
    tokens = (*TOKENS, b"{", b"}", b"[", b'"transfer_acc":0.9,', b"NaN", b"\\ud800", b"1e999")
    fuzz(mutants.of_bytes("aar", count, [json.dumps(RUN).encode()], tokens), as_aar)


def test_mutated_values(count: int, as_aar: Callable[[bytes], None]) -> None:
    accepted = fuzz(
        mutants.of_values("aar", count, [RUN], lambda d: json.dumps(d, allow_nan=False).encode()), as_aar
    )
    assert accepted > count / 20
