"""The code behind a result: the rule finds the imports that Python's own parser finds; moves do not count."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys

import pytest

from w2s_harness.run.work.code_digest import ROOT, closure, code_of, whole

MODULES = sorted(
    ".".join(("w2s_harness", *file.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
    for file in ROOT.rglob("*.py")
)


def parsed(module: str) -> set[str]:
    """What a module imports of w2s-harness, by Python's own parser; imports for types alone left out."""
    path = ROOT.joinpath(*module.split(".")[1:])
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    tree = ast.parse(file.read_text(encoding="utf-8"))
    tree.body = [
        n for n in tree.body if not (isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING")
    ]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("w2s_harness"):
            found |= {f"{node.module}.{name.name}" for name in node.names} | {str(node.module)}
    return {name for name in found if name in MODULES and name != "w2s_harness"}


@pytest.mark.parametrize("module", MODULES)
def test_every_import_of_a_module_is_in_its_closure(module):
    assert parsed(module) <= closure(module)


def test_what_is_started_by_name_is_in_the_closure():
    assert "w2s_harness.students.service.service" in closure("w2s_harness.students.service.client")
    assert "w2s_harness.jail.inside.worker" in closure("w2s_harness.jail.host.launcher")


def test_public_names_are_the_closure_of_the_package():
    assert {"w2s_harness.contract.types", "w2s_harness.contract.guards.measures"} <= closure("w2s_harness")


def test_a_module_that_is_not_there():
    with pytest.raises(ValueError, match="no module"):
        code_of("w2s_harness.nowhere")


@pytest.fixture
def package(tmp_path):
    """The digest of `top` in a small package of the files given."""

    def digest(**files: str) -> str:
        root = tmp_path / str(len(list(tmp_path.iterdir())))
        for name, text in files.items():
            file = root.joinpath(*name.split("__")).with_suffix(".py")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return code_of("w2s_harness.top", root)

    return digest


TOP = "from w2s_harness.low import f\n\n\ndef g():\n    return f()\n"


def test_a_changed_line_anywhere_in_the_closure_changes_it(package):
    first = package(top=TOP, low="def f():\n    return 1\n")
    assert first != package(top=TOP, low="def f():\n    return 2\n")
    assert first == package(top=TOP, low="def f():\n    return 1\n", other="x = 1\n")


def test_a_module_may_move(package):
    first = package(top=TOP, low="def f():\n    return 1\n")
    moved = TOP.replace("w2s_harness.low", "w2s_harness.room.low")
    assert first == package(top=moved, room__low="def f():\n    return 1\n")


def test_imports_for_types_alone_are_no_code(package):
    guarded = "if TYPE_CHECKING:\n    from w2s_harness.other import T\n"
    typed = f"from typing import TYPE_CHECKING\n\n{guarded}\n\ndef g():\n    return 1\n"
    first = package(top=typed, other="T = int\n")
    assert first == package(top=typed, other="T = str\n")


def test_another_name_from_the_same_module_is_other_code(package):
    low = "def f():\n    return 1\n\n\ndef h():\n    return 2\n"
    assert package(top=TOP, low=low) != package(top=TOP.replace("import f", "import h as f"), low=low)


def test_the_whole_is_named_by_every_file():
    assert len(whole()) == 64 and whole() == whole()


def test_what_a_module_really_loads_is_in_its_closure():
    """Of a stage that trains on gold: nothing of ours that Python loads for it is missing."""
    module = "w2s_harness.run.stages.teachers"
    importlib.import_module(module)
    code = f"import sys, {module}; print(*[m for m in sys.modules if m.startswith('w2s_harness.')])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name for name in said.stdout.split() if name in MODULES}
    packages = {name for name in loaded if ROOT.joinpath(*name.split(".")[1:]).is_dir()}
    assert loaded - packages - {module} <= closure(module)
