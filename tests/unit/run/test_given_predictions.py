"""Whether a file of predictions is read strictly, and held against the plan."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from w2s_harness.contract.errors import DataError, HarnessError, UsageError
from w2s_harness.contract.plan import Cell, PlannedMethod
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.data.rows.gold import Gold
from w2s_harness.data.rows.texts import TaskData, Texts, row_ids
from w2s_harness.run.cell.cell_result import CellFailure, CellResult
from w2s_harness.run.cell.given import GivenCell, check
from w2s_harness.run.plan.predictions import parse, planned
from w2s_harness.run.plan.specs import Spec
from w2s_harness.run.work.setting.setting import Setting

TEST = Texts(
    rows=tuple(TextRow(f"question {i}", "answer", None, None) for i in range(4)),
    groups=np.arange(4),
    subsets=("",) * 4,
    answers=("",) * 4,
)
OTHER = replace(TEST, rows=tuple(TextRow(f"other {i}", "answer", None, None) for i in range(4)))
IDS = row_ids(TEST)


def _setting(task: str, test: Texts) -> Setting:
    data = TaskData("verify", {"test": test}, {"test": Gold(np.array([True, False, True, False]))}, "", "")
    planned, pair = SimpleNamespace(id=task), SimpleNamespace(name="tiny")
    return Setting(planned, pair, data, {}, 0)  # type: ignore[arg-type]


def _line(name: str, p: object, seed: int | None = None) -> str:
    return f'{{"id": "{name}", "p": {p}{"" if seed is None else f", {chr(34)}seed{chr(34)}: {seed}"}}}\n'


WHOLE = "".join(_line(name, 0.9) for name in IDS)
SEEDED = "".join(_line(name, 0.5 + seed / 10, seed) for seed in (0, 1) for name in IDS)


def _method(folder: Path, text: str | bytes, name: str = "mine.jsonl") -> PlannedMethod:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return planned(Spec(str(path)), {"vanilla": None})


def _check(method: PlannedMethod, seeds: tuple[int, ...] = (0, 1)) -> None:
    plan = SimpleNamespace(methods=[method], seeds=seeds)
    check(plan, [_setting("math", TEST), _setting("chat", OTHER)])  # type: ignore[arg-type, list-item]


def test_the_file_stands_for_a_method(tmp_path: Path) -> None:
    method = _method(tmp_path, WHOLE)
    assert (method.id, method.name, method.track, method.access) == ("mine", "mine", "unknown", ())
    assert method.is_predictions
    _check(method)


def test_predictions_by_seed_or_for_all() -> None:
    assert parse(WHOLE.encode(), "f").of(7) == dict.fromkeys(IDS, 0.9)
    assert parse(SEEDED.encode(), "f").of(1) == dict.fromkeys(IDS, 0.6)
    assert parse(SEEDED.encode(), "f").of(2) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (_line(IDS[0], 0.5) * 2, r"mine\.jsonl:2: the row '[0-9a-f]+' stands in line 1 too"),
        (_line(IDS[0], "NaN"), r"mine\.jsonl:1: NaN is not JSON"),
        ('{"id": "x", "p": 0.5, "p": 0.9}\n', r"mine\.jsonl:1: the key 'p' stands twice"),
        (gzip.compress(b"x", mtime=0), r"mine\.jsonl: is compressed \(gzip\)"),
        (WHOLE + _line("x", 1.5), r"mine\.jsonl:5: .*<= 1.*`\$\.p`"),
        (_line("x", -0.1), r"mine\.jsonl:1: .*>= 0"),
        (_line("x", '"0.5"'), r"mine\.jsonl:1: "),
        (_line("x", 0.5, -1), r"mine\.jsonl:1: .*seed"),
        ('{"id": "x"}\n', r"mine\.jsonl:1: .*`p`"),
        ('{"id": "x", "p": 0.5, "label": 1}\n', r"mine\.jsonl:1: .*label"),
        ("id,p\n", r"mine\.jsonl:1: not JSON"),
        (b'{"id": "\xff", "p": 0.5}\n', r"mine\.jsonl:1: "),
        (_line("x", 0.5) + _line("y", 0.5, 1), r"mine\.jsonl:2: some lines have a seed and some have none"),
        (_line("y", 0.5, 1) + _line("x", 0.5), r"mine\.jsonl:2: some lines have a seed"),
        ("\n", "no predictions in it"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        _method(tmp_path, text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (WHOLE + _line("feed", 0.5), r"mine\.jsonl:5: no holdout row of the plan has the id 'feed'"),
        (_line(IDS[0], 0.5), r"mine\.jsonl: 3 of the 4 holdout rows of math have no prediction, such as"),
        (SEEDED.partition("\n")[2], r"1 of the 4 holdout rows of math have no prediction for seed 0"),
        (SEEDED + _line(IDS[0], 0.5, 7), r"mine\.jsonl:9: seed 7 is none of the plan's \(0, 1\)"),
        ("".join(_line(n, 0.5, 0) for n in IDS), r"mine\.jsonl: no prediction for seed 1 of the plan"),
    ],
)
def test_a_file_that_does_not_fit_the_plan(tmp_path: Path, text: str, said: str) -> None:
    method = _method(tmp_path, text)
    with pytest.raises(DataError, match=said):
        _check(method)


@pytest.mark.parametrize("name", ["vanilla.jsonl", "a b.jsonl", "x[y].jsonl"])
def test_a_name_that_a_row_cannot_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"Rename the file|Use letters"):
        _method(tmp_path, WHOLE, name)


def test_no_parameters_and_no_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="takes no parameters"):
        planned(Spec("mine.jsonl", {"x": "1"}), {})
    with pytest.raises(HarnessError, match="cannot read"):
        planned(Spec(str(tmp_path / "none.jsonl")), {})


def test_scored_by_the_host(tmp_path: Path) -> None:
    p = dict(zip(IDS, (0.9, 0.8, 0.5, 0.1), strict=True))
    method = _method(tmp_path, "".join(_line(name, value) for name, value in sorted(p.items())))
    settings = {"math": _setting("math", TEST), "chat": _setting("chat", OTHER)}
    at = SimpleNamespace(setting=settings.__getitem__)

    def run(task: str) -> CellResult | CellFailure:
        return GivenCell(Cell(task, "tiny", "mine", 0), task, method).run(at)  # type: ignore[arg-type]

    found = run("math")
    assert isinstance(found, CellResult)
    assert found.scored.accuracy == pytest.approx((1 + 0 + 0.5 + 1) / 4)
    assert found.isolation.level == "predictions-only"
    assert found.predictions.values.tolist() == [0.9, 0.8, 0.5, 0.1]
    skipped = run("chat")
    assert isinstance(skipped, CellFailure)
    assert skipped.skipped and "holds no prediction for this holdout" in skipped.why
