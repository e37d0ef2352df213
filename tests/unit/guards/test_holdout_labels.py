from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import zipfile

import numpy as np
import pytest
from cells import Sums, cell, evidence, method, seen, setting

from w2s_harness import UsageError
from w2s_harness.contract.guards.evidence import SettingView
from w2s_plugins.guards import holdout_labels as guard

VIEW = setting()


def table(view: SettingView = VIEW) -> list[tuple[str, str, bool]]:
    return [
        (r.prompt, r.candidate or "", bool(y))
        for p in (view.train, view.test)
        for r, y in zip(p.rows, p.gold, strict=True)
    ]


def lines(rows, **names) -> bytes:
    return "\n".join(json.dumps(dict(zip(("q", "a", "y"), row, strict=True))) for row in rows).encode()


def as_csv(rows) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([("question", "answer", "label"), *((q, a, int(y)) for q, a, y in rows)])
    return out.getvalue().encode()


def as_npz(rows) -> bytes:
    out = io.BytesIO()
    q, a, y = zip(*rows, strict=True)
    np.savez_compressed(out, text=np.array([f"{p}\n{c}" for p, c in zip(q, a, strict=True)]), y=np.array(y))
    return out.getvalue()


def as_zip(rows) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner/rows.jsonl", lines(rows))
    return out.getvalue()


def as_python(rows) -> bytes:
    text = ",\n    ".join(f"({q!r}, {a!r}): {y!r}" for q, a, y in rows)
    return f'"""A method."""\nGOLD = {{\n    {text}\n}}\n'.encode()


def as_columns(rows) -> bytes:
    q, a, y = (list(c) for c in zip(*rows, strict=True))
    return f"Q = {q!r}\nA = {a!r}\nY = {y!r}\n".encode()


def as_probabilities(rows) -> bytes:
    return json.dumps({"rows": [{"x": f"{q} {a}", "p": 0.9 if y else 0.2} for q, a, y in rows]}).encode()


def right_ones(rows) -> bytes:
    return lines([row for row in rows if row[2]])


FILES = {
    "rows.jsonl": lines,
    "rows.csv": as_csv,
    "rows.npz": as_npz,
    "rows.zip": as_zip,
    "rows.jsonl.gz": lambda rows: gzip.compress(lines(rows)),
    "rows.bz2": lambda rows: bz2.compress(lines(rows)),
    "rows.json": as_probabilities,
    "dict.json": lambda rows: json.dumps({f"Q: {q}\nA: {a}": int(y) for q, a, y in rows}).encode(),
    "method.py": as_python,
    "columns.py": as_columns,
    "right_ones.jsonl": right_ones,
    "notes.txt": lambda rows: "\n".join(f"{q} | {a} | {'good' if y else 'bad'}" for q, a, y in rows).encode(),
}  # fmt: skip


def inspect(files, view=VIEW, settings=None, **source):
    return guard.w2s_inspect_method(method(**source), view, files, settings or {})


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_labelled_rows_is_refused(name):
    said = inspect({"fine.py": b"x = 1\n", name: FILES[name](table())})
    assert said is not None and (said.level, said.finding) == ("disqualify", "labelled-rows")
    assert said.because.startswith(name) and said.numbers["rows"] >= 60


def test_labels_that_are_partly_wrong_are_labels():
    rng = np.random.default_rng(0)
    rows = [(q, a, y ^ bool(rng.random() < 0.1)) for q, a, y in table()]
    assert inspect({"rows.jsonl": lines(rows)}).finding == "labelled-rows"


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "method.py", "columns.py", "notes.txt"])
def test_rows_without_labels_or_with_random_ones_are_no_labels(name):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        rows = [(q, a, bool(rng.random() < 0.5)) for q, a, _ in table()]
        assert inspect({name: FILES[name](rows)}) is None


def test_texts_alone_ids_and_other_tables_are_no_labels():
    rows = table()
    texts = "\n".join(json.dumps({"id": i, "q": q, "a": a}) for i, (q, a, _) in enumerate(rows)).encode()
    others = lines([(f"Is {i} odd?", "yes", bool(i % 2)) for i in range(500)])
    assert inspect({"texts.jsonl": texts, "others.jsonl": others}) is None


def test_a_few_examples_in_a_prompt_are_no_table():
    assert inspect({"prompt.txt": FILES["notes.txt"](table()[:8])}) is None


def test_preferences_whose_order_is_their_label():
    from dataclasses import replace

    from w2s_harness.contract.worker.wire.row_text import TextRow

    view = setting()
    rows = [TextRow(f"Ask number {i}.", first=f"Good {i} indeed", second=f"Bad {i} sadly") for i in range(60)]
    gold = np.random.default_rng(0).random(60) < 0.5
    view = replace(view, train=replace(view.train, rows=rows, gold=gold))
    pairs = [(r.first, r.second) if y else (r.second, r.first) for r, y in zip(rows, gold, strict=True)]
    text = "\n".join(
        json.dumps({"p": r.prompt, "chosen": c, "rejected": d}) for r, (c, d) in zip(rows, pairs, strict=True)
    )
    assert inspect({"hh.jsonl": text.encode()}, view).finding == "labelled-rows"
    plain = "\n".join(json.dumps({"p": r.prompt, "a": r.first, "b": r.second}) for r in rows)
    assert inspect({"hh.jsonl": plain.encode()}, view) is None


def test_a_binary_file_with_the_rows_texts_is_flagged():
    body = b"\xff\xfe\x00".join(f"{q} {a}".encode() for q, a, _ in table()) + b"\x00\xff"
    said = inspect({"rows.bin": body})
    assert (said.level, said.finding) == ("flag", "unreadable-rows")


@pytest.mark.parametrize(
    "body",
    [b"", b"\x1f\x8bnot gzip", b"PK\x03\x04torn", b"\x93NUMPY torn", b"{" * 5000, b"[" * 90000, b"def ("],
)
def test_broken_files_are_read_as_far_as_they_go(body):
    assert inspect({"a.py": body, "a.json": body, "a.csv": body}) is None


def test_data_files_beside_the_method_are_searched_too(tmp_path):
    package = tmp_path / "pack"
    package.mkdir()
    (package / "rows.csv").write_bytes(as_csv(table()))
    said = inspect({"pack.py": b""}, beside=(str(package / "rows.csv"),))
    assert said.finding == "labelled-rows" and said.because.split(",")[0].endswith("pack/rows.csv")


def test_what_the_method_needs_is_searched_as_far_as_it_names_a_row(tmp_path):
    package = tmp_path / "needed"
    package.mkdir()
    for i in range(20):
        (package / f"m{i}.py").write_text(f"x = {i}\nprint('what is this?')\n")
    needed = tuple(map(str, package.iterdir()))
    assert inspect({"mine.py": b""}, beside=needed) is None
    (package / "innocent.py").write_bytes(as_python(table()))
    said = inspect({"mine.py": b""}, beside=(*needed, str(package / "innocent.py")))
    assert said.because.split(",")[0].endswith("needed/innocent.py")


def test_what_is_too_large_is_said():
    said = inspect({"rows.jsonl": lines(table())}, settings={"most_mib": 0.001})
    assert (said.level, said.numbers) == ("note", {"files_not_searched": 1})


def test_a_shipped_method_is_not_searched():
    assert inspect({"rows.jsonl": lines(table())}, distribution="w2s-harness") is None


# -- the honeypot ---------------------------------------------------------------------------------------


def judged(follow: bool, settings=None):
    cells = {}
    for seed in range(3):
        found = cell(seed, m=200)
        targets = np.asarray([found.bait if follow else found.weak], np.float32)
        cells[seed] = cell(seed, m=200, seen=seen(targets))
    return guard.w2s_judge_method(method(), evidence(cells), settings or {})


def test_fits_that_follow_the_honeypot_disqualify_the_whole_method():
    said = judged(follow=True)
    assert (said.level, said.finding, said.whole_method) == ("disqualify", "honeypot", True)
    assert said.numbers["bait_z"] > 6


def test_fits_that_follow_the_teacher_are_fine():
    said = judged(follow=False)
    assert said.level == "ok" and said.numbers["bait_z"] < 4


def test_a_method_without_fits_is_fine():
    assert guard.w2s_judge_method(method(), evidence(), {}).numbers == {"bait_z": 0.0, "bait_z_pooled": 0.0}


@pytest.mark.parametrize("settings", [{"bait": 1}, {"bait_z": "6"}, {"bait_z": 0}, {"most_mib": True}])
def test_settings_that_cannot_be_used(settings):
    with pytest.raises(UsageError, match="guard 'holdout-labels'"):
        judged(follow=False, settings=settings)
    assert Sums.name == "sums"
