"""What modules declare, read without running them."""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path

import pytest

from w2s_harness.installed.distributions import metadata, modules
from w2s_harness.installed.parsed import declared
from w2s_harness.installed.trusted.plugins import Plugins

MODULE = """
from dataclasses import dataclass
from typing import ClassVar, Literal
raise RuntimeError("this module is never run")

SHARE = 0.3
How = Literal["soft", "hard"]

@dataclass(frozen=True)
class Base:
    shared: int = 3
    'Of both.'

@dataclass
class One(Base):
    '''Does one thing.'''
    name, version = "one", 2
    access = ("inference",)
    kept: ClassVar[int] = 1
    share: float = SHARE
    how: How = "soft"
    odd: int = 2 ** 8
    needed: str

class Two(One):
    name = "two"
    plain: int = 1

class NoName:
    x: int = 1
"""


def test_names_settings_and_marks(tmp_path):
    (tmp_path / "m.py").write_text(MODULE)
    one, two = declared.classes(tmp_path / "m.py")
    said = {key: one[key] for key in ("name", "about", "version", "access")}
    assert said == {"name": "one", "about": "Does one thing.", "version": 2, "access": ["inference"]}
    assert one["parameters"] == {
        "shared": {"type": "int", "default": 3, "about": "Of both."},
        "share": {"type": "float", "default": 0.3, "about": ""},
        "how": {"type": "soft | hard", "default": "soft", "about": ""},
        "odd": {"type": "int", "default": "2 ** 8", "about": ""},
        "needed": {"type": "str", "about": ""},
    }
    assert two["name"] == "two" and two["parameters"] == one["parameters"], "it is no dataclass itself"


@pytest.mark.parametrize("text", ["def (", "\0", "x = " + "(" * 100_000])
def test_what_cannot_be_read_declares_nothing(tmp_path, text):
    (tmp_path / "m.py").write_text(text)
    assert declared.classes(tmp_path / "m.py") == [] == declared.classes(tmp_path / "gone.py")


def test_a_default_that_is_nested_deeply_is_shown_as_such(tmp_path):
    deep = "-" * 2000 + "1"
    (tmp_path / "m.py").write_text(f"@dataclass\nclass M:\n    name = 'm'\n    x: int = {deep}\n")
    (found,) = declared.classes(tmp_path / "m.py")
    assert found["parameters"]["x"]["default"] == "(nested too deeply to be shown)"


def shipped() -> list[metadata.Entry]:
    tasks = [e for e in metadata.entries(metadata.TRUSTED) if e.name in Plugins().shipped("w2s_tasks")]
    return [*(e for e in metadata.entries(metadata.METHODS) if e.is_shipped), *tasks]


@pytest.mark.parametrize("entry", shipped(), ids=lambda e: e.name)
def test_what_is_read_of_shipped_ones_is_what_they_are(entry):
    (found,) = [c for c in declared.classes(Path(str(modules.module_file(entry)))) if c["name"] == entry.name]
    classes = vars(importlib.import_module(entry.module)).values()
    (cls,) = {c for c in classes if isinstance(c, type) and getattr(c, "name", "") == entry.name}
    fields = dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ()
    assert {n: p["default"] for n, p in found["parameters"].items()} == {f.name: f.default for f in fields}
