"""Bad input: one line that names the mend, exit 4 (5 for an empty selection), and nothing lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import Place

BAD_METHODS = '''"""Methods that break the contract, one by one."""

import numpy as np

from w2s_harness import Method, hookimpl


class Nothing(Method):
    name = "returns-none"

    def fit(self, problem, student, rng):
        return None


class Raises(Method):
    name = "raises"

    def fit(self, problem, student, rng):
        raise ValueError("no idea\\n\\x1b[31mred")


class Own(Method):
    access = ("inference",)

    def fit(self, problem, student, rng):
        return self


class Short(Own):
    name = "short"

    def predict(self, rows):
        return np.zeros(len(rows) - 1)


class Nan(Own):
    name = "nan"

    def predict(self, rows):
        return np.full(len(rows), np.nan)


class Outside(Own):
    name = "outside"

    def predict(self, rows):
        return np.full(len(rows), 1.5)


@hookimpl
def w2s_methods():
    return [Nothing, Raises, Short, Nan, Outside]
'''


def refused(place: Place, *arguments: str, code: int = 4) -> str:
    """The one line that a command is refused with."""
    done = place("run", *arguments)
    assert done.code == code, done.err
    assert "Traceback" not in done.err and done.out == ""
    lines = [line for line in done.err.splitlines() if line.startswith("error:")]
    assert len(lines) == 1 and done.err.splitlines()[-1] == lines[0], done.err
    return lines[0]


NAMES = {
    "task": (["--tasks", "maths"], "unknown task 'maths' (did you mean 'math'?)"),
    "method": (["--methods", "vanila"], "unknown method 'vanila' (did you mean 'vanilla'?)"),
    "parameter": (
        ["--methods", "confident:margn=.3"],
        "no such parameter (did you mean 'margin'?). It has: margin",
    ),
    "parameter value": (["--methods", "confident:margin=lots"], "'lots' is not a number"),
    "parameter form": (["--methods", "confident:margin"], "a parameter is written NAME:KEY=VALUE"),
    "task setting": (["--tasks", "math:data_sed=3"], "no such setting (did you mean 'data_seed'?)"),
    "method file": (["--methods", "./nowhere.py"], "nowhere.py: cannot read the method file"),
    "method of a file": (["--methods", "./mine.py::halfs"], "no method 'halfs' (did you mean 'halves'?)"),
    "task folder": (["--tasks", "./nowhere"], "no such file or folder"),
    "a glob beside a name": (["--methods", "vanilla,nope*"], "--methods nope*: the pattern matches nothing"),
    "grant": (["--grant", "inferense"], "cannot give that access (did you mean 'inference'?)"),
    "seeds": (["--seeds", "many"], "give a count (5) or a list (0,1,7)"),
    "expression": (["-k", "math and"], "-k 'math and': a name is missing"),
    "slots": (["-n", "0"], "-n 0: give a number of job slots from 1 up, or auto"),
    "plugin": (["-p", "nothere"], "-p nothere: no such plugin"),
    "plugin file": (["-p", "nothere.py"], "-p nothere.py: no such file"),
    "flag": (["--method", "vanilla"], "No such option"),
    "out": (["-o", "nowhere/board.json"], "there is no folder nowhere"),
    "timeout": (["--cell-timeout", "-1"], "Invalid value for '--cell-timeout'"),
    "config": (["-c", "nowhere.yaml"], "nowhere.yaml: cannot read the configuration"),
    "weak alone": (["--strong", ""], "--weak and --strong come together: --strong is missing"),
    "model path": (["--strong", "./nowhere"], "'./nowhere' is no model: there is no such file or folder"),
    "model folder": (["--strong", "."], "'.' is no model: the folder holds no config.json"),
}


@pytest.mark.parametrize("case", NAMES)
def test_a_name_that_is_not_there(place, case):
    arguments, said = NAMES[case]
    assert said in refused(place, *arguments)


def test_an_unknown_pair(place):
    line = refused(Place(place.folder), "--pairs", "tinny", "--tasks", "math")
    assert "unknown pair 'tinny' (did you mean 'tiny'?)" in line


@pytest.mark.parametrize(
    "arguments", [["-k", "nothing-like-it"], ["--methods", "zzz*"], ["--lf"]], ids=["k", "glob", "lf"]
)
def test_an_empty_selection_has_an_exit_code_of_its_own(place, arguments):
    refused(place, *arguments, code=5)


# -- data -----------------------------------------------------------------------------------------------


def _line(row: dict) -> Callable[[list[str]], list[str]]:
    return lambda lines: [*lines[:2], json.dumps(row), *lines[3:]]


ROW = {"question": "item 3 is good ?", "choice": "ban", "label": True}
DATA: dict[str, tuple[str, Callable[[list[str]], list[str]] | None, tuple[str, ...]]] = {
    "a file is missing": ("test.jsonl", None, ("test.jsonl",)),
    "broken JSON": ("test.jsonl", lambda lines: [*lines[:2], '{"question": ', *lines[3:]], ("test.jsonl:3",)),
    "a column is missing": (
        "test.jsonl", _line({"question": "q", "label": True}), ("test.jsonl:3", "choice"),
    ),
    "a column of another type": (
        "train_label.jsonl", _line({**ROW, "question": 7}), ("train_label.jsonl:3", "question"),
    ),
    "a label outside its domain": (
        "train_unlabel.jsonl", _line({**ROW, "label": 2}), ("train_unlabel.jsonl:3", "label"),
    ),
    "an empty split": ("train_unlabel.jsonl", lambda lines: [], ("train_unlabel",)),
    "one class": (
        "test.jsonl", lambda lines: [line.replace("false", "true") for line in lines], ("test",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DATA)
def test_a_folder_that_breaks_the_format(place, words, case):
    file, change, said = DATA[case]
    folder = Path(shutil.copytree(words, place.folder / "broken"))
    if change is None:
        (folder / file).unlink()
    else:
        lines = (folder / file).read_text().splitlines()
        (folder / file).write_text("".join(f"{line}\n" for line in change(lines)))
    line = refused(place, "--tasks", "./broken")
    assert all(part in line for part in said), line
    assert not list((place.folder / ".w2s" / "runs").iterdir()), "no run is left behind"


def test_broken_utf8_names_file_and_line(place, words):
    folder = Path(shutil.copytree(words, place.folder / "broken"))
    data = (folder / "test.jsonl").read_bytes().split(b"\n")
    (folder / "test.jsonl").write_bytes(b"\n".join([*data[:4], b'{"question": "\xff"}', *data[5:]]))
    line = refused(place, "--tasks", "./broken")
    assert "test.jsonl:5" in line and "UTF-8" in line


def test_the_same_row_in_two_splits(place, words):
    folder = Path(shutil.copytree(words, place.folder / "broken"))
    row = (folder / "test.jsonl").read_text().splitlines()[7]
    with (folder / "train_label.jsonl").open("a") as file:
        file.write(f"{row}\n")
    line = refused(place, "--tasks", "./broken")
    assert "train_label" in line and "test" in line


@pytest.mark.parametrize(
    ("name", "text"), [("w2s.yaml", "- a\n"), ("w2s.yaml", "tasks: [a\n"), ("task.yaml", "- a\n")]
)
def test_yaml_that_is_no_mapping(place, name, text):
    (place.folder / name).write_text(text)
    line = refused(place, *(["--tasks", "./task.yaml"] if name == "task.yaml" else []))
    assert name in line


def test_an_unknown_key_of_the_configuration(place):
    (place.folder / "w2s.yaml").write_text("method: vanilla\n")
    assert "w2s.yaml:1: unknown key 'method' (did you mean 'methods'?)" in refused(place)


# -- methods --------------------------------------------------------------------------------------------


def test_what_a_method_breaks_fails_its_cells_and_the_rest_runs(warm):
    (warm.folder / "bad.py").write_text(BAD_METHODS)
    (warm.folder / "torn.py").write_text("from w2s_harness import (\n")
    (warm.folder / "needs.py").write_text("import not_a_module_at_all\n")
    (warm.folder / "empty.py").write_text("x = 1\n")
    methods = "vanilla,vanilla-hard,./bad.py,./torn.py,./needs.py,./empty.py"
    done = warm("run", "--methods", methods, "--grant", "inference", "--seeds", "1", "--baseline-seeds", "2")
    assert done.code == 1 and "Traceback" not in done.err, done.err
    rows = {r["method"]: r for r in warm.board()["rows"]}
    said = {
        "returns-none": "fit() returned None, expected a student",
        "raises": r"ValueError: no idea\x0a\x1b[31mred",
        "short": "shape (149,) for 150 rows",
        "nan": "150 values that are NaN or infinite",
        "outside": "values from 1.5 to 1.5",
        "torn": "torn.py",
        "needs": "No module named 'not_a_module_at_all'",
        "empty": "the module has no w2s_methods()",
    }
    assert set(rows) == {*said, "vanilla", "vanilla-hard"}
    for name, part in said.items():
        assert rows[name]["status"] == "failed" and rows[name]["pgr"] is None
        assert part in rows[name]["transfer"]["per_seed"][0]["error"], (name, rows[name]["transfer"])
        assert f"words/narrow..wide/{name}/s0" in done.err
    assert rows["vanilla"]["status"] == rows["vanilla-hard"]["status"] == "ok"
    assert "bad.py:" in rows["raises"]["transfer"]["per_seed"][0]["error"]


def failed(place, name) -> str:
    """Why the row of `mine.py` failed, where the one beside it did not."""
    done = place("run", "--methods", "vanilla,./mine.py", "--seeds", "1")
    assert done.code == 1, done.err
    rows = {row["method"]: row for row in place.board()["rows"]}
    assert rows["vanilla"]["status"] == "ok" and rows[name]["status"] == "failed"
    return rows[name]["reason"]


def test_a_name_that_is_taken(place):
    text = (place.folder / "mine.py").read_text().replace('name = "shrunk"', 'name = "vanilla"')
    (place.folder / "mine.py").write_text(text)
    line = failed(place, "mine")
    assert "the name 'vanilla' is taken by w2s-harness" in line and "another `name`" in line


def test_an_access_that_cannot_be_given(place):
    text = (place.folder / "mine.py").read_text()
    (place.folder / "mine.py").write_text(
        text.replace('name = "shrunk"', 'name = "shrunk"\n    access = ("weights",)')
    )
    line = failed(place, "mine")
    assert (
        "asks for the access 'weights'" in line and "It can give: embeddings, inference, transductive" in line
    )


# -- store ----------------------------------------------------------------------------------------------


def test_a_store_of_a_newer_version(place):
    store = place.folder / ".w2s"
    store.mkdir()
    (store / "store.json").write_text('{"format": 99}')
    assert "format 99" in refused(place) and not (store / "log.jsonl").exists()


def test_a_store_that_is_a_file(place):
    (place.folder / ".w2s").write_text("")
    assert "not a store of w2s-harness" in refused(place)


def test_debug_shows_the_traceback(place):
    done = place("run", "--tasks", "maths", "--debug")
    assert (
        done.code == 4
        and "Traceback" in done.err
        and done.err.splitlines()[-1].startswith("error: unknown task")
    )
