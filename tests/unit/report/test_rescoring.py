from pathlib import Path

import msgspec
import pytest

from w2s_harness.contract.errors import UsageError
from w2s_harness.report.document import document
from w2s_harness.report.document.document import label
from w2s_harness.report.formats import render
from w2s_harness.report.sentences.comparing import against
from w2s_harness.report.sentences.rescoring import compared_with, scored, with_best
from w2s_harness.report.tables.column import lines
from w2s_harness.report.tables.method_columns import COLUMNS, setting_tables


@pytest.fixture(scope="module")
def real():
    """The leaderboard of the README's run."""
    return document.read(Path(__file__).parents[3] / "docs" / "readme-leaderboard.json")


def test_comparisons_can_be_made_again_from_the_document(real):
    rows = scored(real)
    assert all(float(s.transfer.values.mean()) == pytest.approx(s.row.transfer.mean) for s in rows)
    again = against(rows, "vanilla")
    for row, found in zip(real.rows, again, strict=True):
        assert (row.vs_vanilla is None) == (found is None)
        if found is not None:
            assert found.difference == pytest.approx(row.vs_vanilla.difference)
            assert found.pgr_ci == pytest.approx(row.vs_vanilla.pgr_ci)
            assert found.p == pytest.approx(row.vs_vanilla.p)


def test_rows_are_compared_with_any_row_that_is_there(real):
    made = compared_with(real, ["logconf"])
    for before, row in zip(real.rows, made.rows, strict=True):
        others = [c for c in row.versus if c.against == "logconf"]
        assert len(others) == (label(before) != "logconf")
    assert compared_with(made, ["logconf"]) == made, "asked again, the comparison stands once"


@pytest.mark.parametrize("names", [["zero-shot"], ["vanilla"], ["vanilla", "vanilla"]])
def test_what_was_asked_for_has_one_column(real, names):
    made = compared_with(real, names)
    for table in setting_tables(made, names):
        head, *body = lines(COLUMNS, table, table.above)
        assert head.count(f"vs {names[0]}") == 1
        assert {len(cells) for cells in body} == {len(head)}
        assert all([c.against for c in row.versus].count(names[0]) <= 1 for row in table.above)
    assert not any("vs zero-shot" in lines(COLUMNS, table, [])[0] for table in setting_tables(real))


def test_an_unknown_reference_is_told_with_the_nearest(real):
    with pytest.raises(UsageError, match=r"no such row.*vanilla"):
        compared_with(real, ["vanila"])


def test_the_best_row_of_each_setting_pays_for_having_been_picked(real):
    made = with_best(real)
    corrected = [row for row in made.rows if row.best_of]
    ranked = [row.task for row in real.rows if row.track == "w2s"]
    assert [row.task for row in corrected] == [s.task for s in real.settings if ranked.count(s.task) > 1]
    assert len(corrected) >= 2
    for row in corrected:
        rivals = [r for r in real.rows if (r.task, r.track) == (row.task, "w2s")]
        assert row.transfer.mean == max(r.transfer.mean for r in rivals)
        found = row.best_of
        assert found.k == len(rivals) and 0 <= found.optimism < 0.02
        assert found.accuracy == pytest.approx(row.transfer.mean - found.optimism)
        gap = next(s.gap for s in real.settings if s.task == row.task)
        assert found.pgr == pytest.approx(row.pgr - found.optimism / gap)
    assert with_best(made) == made
    shown = render(made, "text")
    assert shown.count("that picking is worth") == len(corrected)


def test_a_board_without_outcomes_has_no_best(real):
    bare = msgspec.structs.replace(
        real, settings=[msgspec.structs.replace(s, clusters=None) for s in real.settings]
    )
    assert with_best(bare) == bare


def test_a_reference_without_outcomes_is_told(real):
    bare = [msgspec.structs.replace(s, clusters=None) for s in real.settings]
    with pytest.raises(UsageError, match="does not hold its outcomes"):
        compared_with(msgspec.structs.replace(real, settings=bare), ["vanilla"])
