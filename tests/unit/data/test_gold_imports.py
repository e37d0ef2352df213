"""Whether lint turns red where gold is imported by a module that has no business with it."""

from __future__ import annotations

import re
from configparser import ConfigParser
from pathlib import Path

import grimp
import pytest
from importlinter import configuration
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.protected import ProtectedContract

import w2s_harness

ROOT = Path(__file__).parents[3]
GOLD = "w2s_harness.data.rows.gold"
configuration.configure()
TYPES = {"protected": ProtectedContract, "forbidden": ForbiddenContract}


def contract(name: str):
    """A contract as `lint-imports` reads it."""
    file = ConfigParser(inline_comment_prefixes=None)
    file.read(ROOT / ".importlinter")
    options = {k: v.split() if "\n" in v else v for k, v in file[f"importlinter:contract:{name}"].items()}
    session = {"root_packages": ["w2s_harness"], "include_external_packages": True}
    return TYPES[options["type"]](options["name"], session, options)


@pytest.fixture
def graph():
    return grimp.build_graph("w2s_harness", include_external_packages=True)


def kept(name: str, graph: grimp.ImportGraph) -> bool:
    return bool(contract(name).check(graph, verbose=False).kept)


@pytest.mark.parametrize("name", ["gold", "release"])
def test_it_is_kept_today(graph, name):
    assert kept(name, graph)


@pytest.mark.parametrize(
    "importer",
    ["run.cell.worker.releasing", "run.stages.worlds.worlds", "run.cell.one_cell", "jail.inside.worker",
     "students.session.serving", "data.rows.texts", "scoring.comparisons.own_part", "cli.commands.run",
     "a_new_module"],
)  # fmt: skip
def test_an_import_elsewhere_breaks_it(graph, importer):
    graph.add_module(f"w2s_harness.{importer}")
    graph.add_import(
        importer=f"w2s_harness.{importer}", imported=GOLD, line_number=1, line_contents="import gold"
    )
    assert not kept("gold", graph)


@pytest.mark.parametrize("on_the_way", ["run.work.setting.setting", "data.rows.prepared"])
def test_what_builds_a_release_may_not_get_at_it_by_a_third_module_either(graph, on_the_way):
    graph.add_import(
        importer="w2s_harness.run.cell.worker.releasing", imported=f"w2s_harness.{on_the_way}",
        line_number=1, line_contents="import it",
    )  # fmt: skip
    assert kept("gold", graph) and not kept("release", graph)


def test_nobody_goes_round_the_accessor():
    folder, private = Path(w2s_harness.__file__).parent, re.compile(r"(?<!self)\._gold\b")
    found = [f for f in folder.rglob("*.py") if private.search(f.read_text("utf-8"))]
    assert found == [folder / "data" / "rows" / "gold.py"]
