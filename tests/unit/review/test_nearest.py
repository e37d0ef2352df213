"""The nearest known method, and the diff from it."""

from pathlib import Path

from w2s_studies.review.measuring import nearest, text_of

METHODS = Path(__file__).parents[3] / "plugins" / "w2s_plugins" / "methods"
KNOWN = {
    name: (METHODS / f"{name}.py").read_text(encoding="utf-8") for name in ("vanilla", "confident", "logconf")
}


def test_a_renamed_copy_is_its_originals_twin():
    copy = KNOWN["confident"].replace("margin", "edge").replace("Confident", "Mine")
    found = nearest("mine", copy, KNOWN)
    assert found is not None
    assert found.name == "confident" and found.similarity == 1.0
    assert found.added == found.removed > 0
    assert "+" in found.diff and found.diff.startswith("--- confident\n+++ mine\n")


def test_a_method_is_not_nearest_to_itself():
    found = nearest("confident", KNOWN["confident"], KNOWN)
    assert found is not None and found.name != "confident" and found.similarity < 1


def test_without_others_there_is_none():
    assert nearest("vanilla", "x = 1\n", {"vanilla": KNOWN["vanilla"]}) is None


def test_the_methods_own_file_among_its_files():
    files = {"pkg/a.py": b"a = 1\n", "pkg/b.py": b"b = \xff\n"}
    assert text_of(files, "/somewhere/a.py") == "a = 1\n"
    assert text_of(files, "b.py") == "b = \N{REPLACEMENT CHARACTER}\n"
    assert text_of(files, "c.py") == ""
