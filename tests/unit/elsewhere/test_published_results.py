"""The published results: every recorded PGR again, and the table that was published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from w2s_harness.report.document.document import Leaderboard
from w2s_harness.scoring.points import recovered
from w2s_studies.elsewhere.imports.aar import read_folder
from w2s_studies.elsewhere.imports.aar_files import agrees
from w2s_studies.elsewhere.imports.leaderboard import leaderboard_of

BASELINES = {"chat": (0.5280, 0.7325), "math": (0.5360, 0.7176)}
TABLE = {
    ("chat", "vanilla_w2s"): (0.372, 0.206, 0.117, 0.194, 0.128),
    ("chat", "train_only_on_confident_labels"): (0.403, 0.221, 0.206, 0.268, 0.070),
    ("chat", "ue_zeroshot"): (-0.038, 0.070, 0.031, 0.043),
    ("chat", "critic"): (-0.115, -0.096, 0.059, 0.074, -0.112),
    ("math", "vanilla_w2s"): (0.336, 0.323, 0.281, 0.453, 0.298),
    ("math", "train_only_on_confident_labels"): (0.369, 0.235, 0.122, 0.411, 0.344),
    ("math", "ue_zeroshot"): (0.608, 0.503, 0.654, 0.579, 0.587),
    ("math", "critic"): (0.235, 0.164, 0.352, 0.269, 0.281),
}
CONTRADICTED = ("chat", "ue_zeroshot", 43)
"""The one file whose recorded PGR is not what its own transfer accuracy gives."""


@pytest.fixture(scope="module")
def board(published: Path) -> Leaderboard:
    return leaderboard_of(read_folder(published))


def _recorded(published: Path, task: str, method: str) -> dict[int, dict]:
    files = published.glob(f"{task}_{method}/*/seed_*.json")
    return {int(f.stem.removeprefix("seed_")): json.loads(f.read_text("utf-8")) for f in files}


def test_weak_and_ceiling_are_the_published_ones(board: Leaderboard) -> None:
    assert {s.task: (round(s.weak.mean, 4), round(s.ceiling.mean, 4)) for s in board.settings} == BASELINES
    assert all(len(s.weak.per_seed) == len(s.ceiling.per_seed) == 16 for s in board.settings)


def test_every_recorded_pgr_is_reproduced(board: Leaderboard, published: Path) -> None:
    seen = 0
    for row in board.rows:
        recorded = _recorded(published, row.task, row.method)
        assert {cell.seed for cell in row.transfer.per_seed} == set(recorded)
        for cell in row.transfer.per_seed:
            file = recorded[cell.seed]
            own = recovered(file["transfer_acc"], file["fixed_weak_baseline"], file["fixed_strong_baseline"])
            assert cell.pgr == pytest.approx(own, abs=1e-12)
            same = agrees(file["pgr"], cell.pgr)
            assert same == ((row.task, row.method, cell.seed) != CONTRADICTED)
            full = len(repr(file["pgr"]).partition(".")[2]) >= 12
            assert not full or abs(cell.pgr - file["pgr"]) <= 1e-12
            seen += 1
    assert seen == 39


def test_the_file_that_contradicts_itself_is_named(board: Leaderboard) -> None:
    said = [line for line in board.mismatches if "pgr " in line]
    assert len(said) == 1
    assert said[0].startswith("chat_ue_zeroshot/")
    assert "/seed_43.json: " in said[0]
    assert "pgr 0.0704, but its transfer_acc and baselines give 0.070778" in said[0]
    others = {line.partition("/")[0] for line in board.mismatches}
    assert others == {"chat_ue_zeroshot", "math_ue_zeroshot"}


def test_the_published_table_to_its_digits(board: Leaderboard, published: Path) -> None:
    rows = {(row.task, row.method): row for row in board.rows}
    assert rows.keys() == TABLE.keys()
    for key, values in TABLE.items():
        recorded = _recorded(published, *key)
        assert tuple(round(recorded[seed]["pgr"], 3) for seed in sorted(recorded)) == values
        for cell, value in zip(rows[key].transfer.per_seed, values, strict=True):
            assert (*key, cell.seed) == CONTRADICTED or round(cell.pgr, 3) == value
        assert rows[key].pgr == pytest.approx(sum(c.pgr for c in rows[key].transfer.per_seed) / len(values))


def test_what_is_said_of_them(board: Leaderboard) -> None:
    assert {row.isolation for row in board.rows} == {"imported"}
    assert {row.track for row in board.rows} == {"unknown"}
    assert all(row.rank is not None and row.pgr_ci is not None for row in board.rows)
    assert {s.holdout_rows for s in board.settings} == {"unknown"}
    assert {s.task: s.n_test for s in board.settings} == {"chat": 1263, "math": 1315}
