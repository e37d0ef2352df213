"""What becomes of imported accuracies in the document."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest
from made_up import BETTER, CEILING, FLOOR, ROWS, TOP, VANILLA, WEAK, run_fields

from w2s_harness.report import formats
from w2s_harness.report.document import canonical, document
from w2s_harness.scoring.comparisons.imported import accuracy_test, pgr_interval_of
from w2s_studies.elsewhere.imports.aar import read_folder
from w2s_studies.elsewhere.imports.leaderboard import (
    NO_BASELINES,
    NO_POOL,
    OTHER_BASELINES,
    Imported,
    ImportedRow,
    ImportedSetting,
    leaderboard_of,
)


def _board(**changes: object) -> document.Leaderboard:
    plain = {
        "task": "toy", "pair": "a..b", "weak": WEAK, "ceiling": CEILING, "n_rows": ROWS,
        "reference": "vanilla",
        "rows": [
            ImportedRow(method="vanilla", transfer=VANILLA), ImportedRow(method="better", transfer=BETTER),
        ],
    }  # fmt: skip
    setting = ImportedSetting(**(plain | changes))  # type: ignore[arg-type]
    return leaderboard_of(Imported(form="test", settings=[setting], files={}))


def _row(board: document.Leaderboard, method: str) -> document.Row:
    return next(row for row in board.rows if row.method == method)


def test_numbers_of_a_row() -> None:
    board = _board()
    row = _row(board, "better")
    assert row.pgr == pytest.approx((0.70 - FLOOR) / (TOP - FLOOR))
    assert [p.pgr for p in row.transfer.per_seed] == pytest.approx([0.85, 0.9, 0.95])
    assert row.pgr_sem == pytest.approx(0.05 / 3**0.5)
    assert row.pgr_ci == pgr_interval_of([*WEAK.values()], [*CEILING.values()], BETTER, ROWS).bounds
    assert (row.pgr_ci_pool, row.reason) == (None, NO_POOL)
    assert (row.isolation, row.track, row.status) == ("imported", "unknown", "ok")
    assert row.baselines is None
    setting = board.settings[0]
    assert (setting.weak.mean, setting.ceiling.mean) == (pytest.approx(FLOOR), pytest.approx(TOP))
    assert (setting.holdout_rows, setting.n_test) == ("unknown", ROWS)
    assert setting.noise_floor == pytest.approx(2**0.5 * statistics.stdev(VANILLA.values()))


def test_comparison_and_ranks() -> None:
    board = _board()
    found, test = _row(board, "better").vs_vanilla, accuracy_test(BETTER, VANILLA, ROWS)
    assert found is not None
    assert (found.against, found.difference, found.p) == ("vanilla", test.estimate, test.p)
    assert found.p_holm == test.p, "the only comparison of the family"
    assert found.pgr == pytest.approx(test.estimate / (TOP - FLOOR))
    assert found.pgr_ci is not None
    assert found.pgr_ci[0] < found.pgr < found.pgr_ci[1]
    widths = (found.pgr_ci[1] - found.pgr_ci[0], (test.ci[1] - test.ci[0]) / (TOP - FLOOR))
    assert widths[0] > widths[1], "the gap's own error comes on top"
    assert _row(board, "vanilla").vs_vanilla is None
    assert found.significant
    assert [row.rank for row in board.rows] == [(1, 1), (2, 2)]
    assert [claim.significant for claim in board.claims] == [False, False], "vanilla* and own are not known"


def test_holm_runs_over_all_settings() -> None:
    def setting(task: str) -> ImportedSetting:
        rows = [
            ImportedRow(method="vanilla", transfer=VANILLA),
            ImportedRow(method="better", transfer=BETTER),
        ]
        return ImportedSetting(
            task=task, pair="p", weak=WEAK, ceiling=CEILING, n_rows=ROWS, rows=rows, reference="vanilla"
        )

    board = leaderboard_of(Imported(form="test", settings=[setting("a"), setting("b")], files={}))
    compared = [row.vs_vanilla for row in board.rows if row.vs_vanilla]
    assert [c.p_holm for c in compared] == [2 * c.p for c in compared if c.p is not None]


def test_one_seed_has_point_estimates_and_a_reason() -> None:
    row = _row(_board(rows=[ImportedRow(method="vanilla", transfer={1: 0.6})]), "vanilla")
    assert row.pgr == pytest.approx(0.4)
    assert (row.pgr_ci, row.pgr_sem) == (None, None)
    assert row.reason is not None
    assert "one seed" in row.reason


def test_a_ceiling_below_weak_is_no_gap_and_keeps_the_pgr_of_each_seed() -> None:
    board = _board(weak=CEILING, ceiling=WEAK)
    row = _row(board, "better")
    assert (row.status, row.pgr, row.pgr_ci, row.rank) == ("no-gap", None, None, None)
    assert row.reason is not None
    assert "under min_gap" in row.reason
    assert [p.pgr for p in row.transfer.per_seed] == pytest.approx([0.15, 0.1, 0.05])
    assert row.vs_vanilla is not None, "the gap cancels in accuracy"
    assert row.vs_vanilla.pgr is None
    assert "no-gap" in formats.render(board, "text")


def test_baselines_of_a_row_that_are_not_the_settings() -> None:
    rows = [
        ImportedRow(method="vanilla", transfer=VANILLA, baselines=(FLOOR + 1e-16, TOP)),
        ImportedRow(method="off", transfer=BETTER, baselines=(0.5, TOP)),
    ]
    board = _board(rows=rows)
    assert _row(board, "vanilla").baselines is None
    row = _row(board, "off")
    assert row.baselines is not None
    assert (row.baselines.weak, row.baselines.ceiling) == (0.5, TOP)
    assert row.pgr == pytest.approx(0.2 / 0.22)
    assert (row.pgr_ci, row.reason) == (None, OTHER_BASELINES)


def test_baselines_that_are_known_as_means_only() -> None:
    rows = [ImportedRow(method="vanilla", transfer=VANILLA, baselines=(FLOOR, TOP))]
    board = _board(rows=rows, weak={}, ceiling={})
    assert (board.settings[0].weak.mean, board.settings[0].weak.per_seed) == (FLOOR, [])
    assert board.settings[0].reason == NO_BASELINES
    assert board.rows[0].pgr == pytest.approx((0.61 - FLOOR) / (TOP - FLOOR))
    assert (board.rows[0].pgr_ci, board.rows[0].reason) == (None, NO_BASELINES)


def test_three_equal_numbers_are_no_certainty() -> None:
    flat = {name: dict.fromkeys(range(3), a) for name, a in (("weak", 0.6), ("ceiling", 0.9))}
    rows = [
        ImportedRow(method=name, transfer=dict.fromkeys(range(3), a))
        for name, a in (("vanilla", 0.7), ("better", 0.8))
    ]
    board = _board(**flat, rows=rows, n_rows=None)
    row, setting = _row(board, "better"), board.settings[0]
    assert row.pgr == pytest.approx(2 / 3)
    assert (row.pgr_ci, row.pgr_sem, setting.gap_ci, setting.noise_floor) == (None, None, None, None)
    found = row.vs_vanilla
    assert found is not None
    assert (found.ci, found.pgr_ci, found.p, found.significant) == (None, None, None, False)
    assert row.reason is not None
    assert "3 equal accuracies" in row.reason
    assert "3 equal accuracies" in (setting.reason or "")
    assert [r.rank for r in board.rows] == [(1, 2), (1, 2)]
    assert not any(claim.significant for claim in board.claims)
    assert all("3 equal accuracies" in claim.sentence for claim in board.claims)


def test_an_untested_row_says_why() -> None:
    rows = [
        ImportedRow(method="vanilla", transfer=VANILLA),
        ImportedRow(method="beside", transfer={seed: a + 0.05 for seed, a in VANILLA.items()}),
    ]
    row = _row(_board(rows=rows, n_rows=None), "beside")
    assert row.pgr_ci is not None
    assert row.vs_vanilla is not None
    assert row.vs_vanilla.p is None
    assert "differ all by the same" in (row.reason or "")


def test_unknown_rows_leave_the_error_of_the_seeds() -> None:
    known, unknown = _row(_board(n_rows=200), "better"), _row(_board(n_rows=None), "better")
    assert known.pgr_ci is not None
    assert unknown.pgr_ci is not None
    assert unknown.pgr_ci[0] > known.pgr_ci[0]


def test_the_document_reads_back_and_shows(results: Path, put, tmp_path: Path) -> None:
    put("toy_vanilla_w2s", 2, **(run_fields(0.62) | {"idea_name": "other"}))
    board = leaderboard_of(read_folder(results))
    path = tmp_path / "board.json"
    canonical.write(board, path)
    again = document.read(path)
    assert canonical.document_bytes(again) == canonical.document_bytes(board)
    assert again.mismatches == ["toy_vanilla_w2s/c1/seed_2.json: idea_name is 'other'"]
    shown = formats.render(again, "text")
    assert "rows: unknown" in shown
    assert "toy_vanilla_w2s/c1/seed_2.json" in shown
    assert "vanilla\\_w2s" in formats.render(again, "md")
