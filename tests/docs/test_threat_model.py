"""Whether docs/threat-model.md and SECURITY.md claim what tests show, and no more.

What says that something is prevented or detected is a bullet or a table row that ends in links of one form:
[test](PATH) `test_name`, or `test_name[beginning of a parameter's id]`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pages import ROOT

from w2s_studies.redteam import suite

PAGE, POLICY = ROOT / "docs" / "threat-model.md", ROOT / "SECURITY.md"
PAGES = [pytest.param(page, id=page.name) for page in (PAGE, POLICY)]
ALL_CLAIMS = ("Zones", "What each layer stops", "What each guard finds", "Known hacks")
"""Sections of the threat model in which every bullet and row is a claim, whatever its words."""
LAYERS = (
    "closed descriptors", "clean environment", "one thread", "Landlock", "seccomp", "namespaces",
    "no privileges", "rlimits", "watchdog", "wall clock", "strict decoder", "student service",
    "release policy", "loading of plugins", "guards",
)  # fmt: skip
HACKS = (
    "majority answer", "running the candidate", "label exfiltration by scoring", "seed picking",
    "source clustering", "open labels, an open oracle, self-reported scores",
)  # fmt: skip
LEFT = (
    "correlations between rows and gold", "groups and text", "timing and caches", "names at L1",
    "a hostile package at install time", "labels in a dependency", "a kernel exploit",
    "memorised labels as a head", "memorised public data", "attempts outside this store", "aarch64",
    "macOS and old kernels",
    "a muted audit hook", "no teacher needed", "a method that plays honest when watched", "GPU drivers",
    "a trusted plugin", "the user",
)  # fmt: skip
"""What `## What is left` must name, each as a bullet's first, bold words."""

_WORDS = re.compile(
    r"\b(prevent|detect|stop|refus|reject|kill|block|forbid|catch|caught|flag|disqualif|impossib|cannot|"
    r"can ?not|never|closed|safe|secure|protect|guarantee|notice)\w*", re.IGNORECASE,
)  # fmt: skip
_CODE = re.compile(r"`[^`]*`")
_ONE = r"\[test\]\(([^)\s]+)\) `(test_\w+)(?:\[([^\]`]+)\])?`"
_LINK = re.compile(_ONE)
_ENDS = re.compile(rf"{_ONE}(?:, {_ONE})*$")


@dataclass(frozen=True)
class Item:
    """A bullet, a table's body row, or a line of prose."""

    section: str
    line: int
    kind: str
    text: str

    @property
    def ends_in_a_test(self) -> bool:
        return self.kind != "prose" and _ENDS.search(self.text.rstrip(" |.")) is not None


def items(text: str) -> Iterator[Item]:
    """What a page holds beside headings, table heads and fenced blocks."""
    section, fenced, lines = "", False, text.splitlines()
    for at, line in enumerate(lines):
        rule = lines[at + 1] if at + 1 < len(lines) else ""
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or not line.strip() or re.match(r"\|[ |:-]+\|$", line) or re.match(r"\|[ |:-]+\|$", rule):
            continue
        elif line.startswith("#"):
            section = line.lstrip("# ") if line.startswith("## ") or line.startswith("# ") else section
        else:
            kind = {"-": "bullet", "|": "row"}.get(line.lstrip()[0], "prose")
            yield Item(section, at + 1, kind, line.strip())


def unlinked(text: str) -> list[str]:
    """The claims that no link to a test ends."""
    return [
        f"line {item.line}: {item.text}"
        for item in items(text)
        if not item.ends_in_a_test
        and (_WORDS.search(_plain(item.text)) or (item.kind != "prose" and item.section in ALL_CLAIMS))
    ]


def _plain(text: str) -> str:
    return _CODE.sub("", _LINK.sub("", text))


def dead(text: str, folder: Path) -> list[str]:
    """The links to tests that are not there."""
    return [link[0] for link in _LINK.finditer(text) if not is_there(folder / link[1], link[2], link[3])]


def is_there(file: Path, function: str, prefix: str | None) -> bool:
    """Whether `file` has the test, and it a parameter whose id begins with `prefix`."""
    if not file.is_file():
        return False
    tree = ast.parse(file.read_bytes())
    found = [d for d in tree.body if isinstance(d, ast.FunctionDef) and d.name == function]
    return bool(found) and (prefix is None or any(i.startswith(prefix) for i in ids(tree, found[0])))


def ids(tree: ast.Module, function: ast.FunctionDef) -> set[str]:
    """The texts in a test's parameters and in the module's names that they use; names of shipped attacks."""
    used: dict[str, ast.AST] = {part.name: part for part in tree.body if isinstance(part, ast.FunctionDef)}
    for part in tree.body:
        if isinstance(part, ast.Assign):
            used |= {target.id: part.value for target in part.targets if isinstance(target, ast.Name)}
    todo: list[ast.AST] = [d for d in function.decorator_list if "parametrize" in ast.unparse(d)]
    found: set[str] = set()
    has_attacks = False
    while todo:
        for node in ast.walk(todo.pop()):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
            elif isinstance(node, ast.Name) and node.id in used:
                todo.append(used.pop(node.id))
            has_attacks |= isinstance(node, ast.Attribute) and node.attr == "shipped"
    return found | _attacks(found) if has_attacks else found


def _attacks(named: set[str]) -> set[str]:
    """Shipped attacks that a test picks by its words: by family, or by how their names begin."""
    return {
        a.name for a in suite.shipped() if a.family in named or a.name.startswith(tuple(filter(None, named)))
    }


def firsts(section: str) -> list[str]:
    """The first, bold words of a section's bullets, or the first cells of its rows."""
    found = [i for i in items(PAGE.read_text(encoding="utf-8")) if i.section == section and i.kind != "prose"]
    heads = [re.match(r"- \*\*(.+?)\*\*|\| (.+?) \|", item.text) for item in found]
    assert all(heads), f"{section}: a bullet without its bold first words"
    return [head[1] or head[2] for head in heads if head]


# -- the pages ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_every_claim_ends_in_a_link_to_a_test(page: Path) -> None:
    assert unlinked(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", PAGES)
def test_every_linked_test_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert _LINK.search(text)
    assert dead(text, page.parent) == []


@pytest.mark.parametrize("page", PAGES)
def test_no_link_to_a_test_has_another_form(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert len(re.findall(r"\]\([^)]*tests/[^)]*\.py\)", text)) == len(_LINK.findall(text))


@pytest.mark.parametrize(
    ("section", "names"),
    [("What each layer stops", LAYERS), ("Known hacks", HACKS), ("What is left", LEFT)],
    ids=["layers", "hacks", "left"],
)
def test_a_section_names_all_of_its_list(section: str, names: tuple[str, ...]) -> None:
    assert firsts(section) == list(names)


def test_every_shipped_guard_has_a_row() -> None:
    files = (ROOT / "plugins" / "w2s_plugins" / "guards").glob("[!_]*.py")
    guards = {f.stem.replace("_", "-") for f in files if "hookimpl" in f.read_text(encoding="utf-8")}
    assert {name.strip("`") for name in firsts("What each guard finds")} == guards


# -- the check itself -----------------------------------------------------------------------------------

HERE = "[test](test_threat_model.py) `test_every_shipped_guard_has_a_row`"


@pytest.mark.parametrize(
    "text",
    [
        "- Sockets are refused.",
        f"- Sockets are refused {HERE}, and forks.",
        "Sockets cannot be made.",
        f"Prose is no place for a claim that flags something: {HERE}.",
        "| a | b |\n| --- | --- |\n| sockets | prevented |",
        "## Known hacks\n- **seed picking**: five of them.",
        "- Stops it. [test](test_threat_model.py) test_without_its_marks",
    ],
)
def test_a_claim_without_its_link_is_found(text: str) -> None:
    assert len(unlinked(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        f"- Sockets are refused: {HERE}.",
        f"| a | stops |\n| --- | --- |\n| sockets | prevented | {HERE}, {HERE} |",
        "The host holds the labels.",
        "```\nrefused\n```",
    ],
)
def test_what_has_its_link_or_claims_nothing_passes(text: str) -> None:
    assert unlinked(text) == []


@pytest.mark.parametrize(
    ("link", "gone"),
    [
        ("test_threat_model.py) `test_a_section_names_all_of_its_list`", False),
        ("test_threat_model.py) `test_a_section_names_all_of_its_list[hack]`", False),
        ("test_threat_model.py) `test_a_section_names_all_of_its_list[nothing]`", True),
        ("test_threat_model.py) `test_that_was_renamed`", True),
        ("test_threat_model.py) `test_every_shipped_guard_has_a_row[x]`", True),
        ("test_moved.py) `test_every_shipped_guard_has_a_row`", True),
        ("../redteam/test_suite.py) `test_it_is_stopped_by_what_it_says[labels-]`", False),
        ("../redteam/test_suite.py) `test_it_is_stopped_by_what_it_says[no-such-attack]`", True),
        ("../redteam/test_suite.py) `test_it_is_stopped_by_what_it_says[clusters-of-]`", True),
    ],
)
def test_a_link_to_what_is_gone_is_found(link: str, gone: bool) -> None:
    assert len(dead(f"- It stops. [test]({link}", Path(__file__).parent)) == gone
