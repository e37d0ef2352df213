from __future__ import annotations

import gzip
import hashlib
import os

import pytest
from installed import METHOD, TASK, plant

from w2s_harness.contract.errors import PluginError, UsageError
from w2s_harness.contract.plan import MethodSource
from w2s_harness.installed import sources
from w2s_harness.installed.distributions import metadata
from w2s_harness.installed.parsed import declared

METHODS, TRUSTED = metadata.METHODS, metadata.TRUSTED
MODULE = {"mod.py": METHOD.format(name="m")}


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site-packages"
    folder.mkdir()
    return folder


def source(site, name: str = "m") -> MethodSource:
    (entry,) = [e for e in metadata.entries(METHODS, folders=[site]) if e.name == name]
    return sources.from_entry(entry)


def test_a_file_is_read_and_hashed_once(tmp_path):
    path = tmp_path / "my-method.py"
    path.write_bytes(b"x = 1\n")
    found = sources.from_file(path)
    path.write_bytes(b"x = 2\n")
    assert found.code == b"x = 1\n" and found.sha256 == hashlib.sha256(b"x = 1\n").hexdigest()
    assert found.module == "w2s_method_my_method" and found.filename == str(path)
    assert not found.is_shipped and found.distribution is None and not found.refused


def test_a_file_that_cannot_be_read_says_so(tmp_path):
    for path in (tmp_path / "gone.py", tmp_path):
        with pytest.raises(UsageError, match="cannot read the method file"):
            sources.from_file(path)


def test_an_installed_method_carries_its_distribution(site):
    plant(site, "dist", points={METHODS: {"m": "mod"}}, files=MODULE)
    found = source(site)
    assert (found.name, found.module, found.distribution, found.version) == ("m", "mod", "dist", "1.0")
    assert found.folders == (str(site),) and found.code is None and not found.editable and not found.refused


def test_any_file_of_the_distribution_changes_the_hash(site):
    plant(site, "dist", points={METHODS: {"m": "mod"}}, files={**MODULE, "table.csv": "1"})
    before = source(site).sha256
    assert source(site).sha256 == before
    (site / "table.csv").write_text("2")
    assert source(site).sha256 != before


def test_the_module_is_hashed_even_where_record_is_missing(site):
    info = plant(site, "dist", points={METHODS: {"m": "mod"}}, files=MODULE)
    (info / "RECORD").unlink()
    before = source(site).sha256
    (site / "mod.py").write_text("# other\n")
    assert source(site).sha256 != before


def test_an_editable_install_is_hashed_over_its_source_tree_and_says_so(site, tmp_path):
    project = tmp_path / "project"
    plant(site, "ed", points={METHODS: {"m": "mod"}}, files={**MODULE, "beside.py": "1"}, editable=project)
    found = source(site)
    assert found.editable and str(project) in found.folders and not found.refused
    (project / "beside.py").write_text("2")
    assert source(site).sha256 != found.sha256


def test_a_missing_module_is_an_error_that_names_it(site):
    plant(site, "dist", points={METHODS: {"m": "nowhere.mod"}}, files={})
    with pytest.raises(PluginError, match=r"dist 1\.0 names the module nowhere\.mod .* ships no such file"):
        source(site)


@pytest.mark.parametrize(
    ("points", "files", "why"),
    [
        ({TRUSTED: {"guard": "mod"}}, {}, "offers methods and a trusted plugin"),
        (
            {},
            {"start.pth": "import os; os.system('true')\n"},
            r"runs code at interpreter start \(start\.pth\)",
        ),
        ({}, {"start.pth": "# harmless\n\timport\tos\n"}, r"runs code at interpreter start \(start\.pth\)"),
        ({}, {"sitecustomize.py": ""}, r"\(sitecustomize\.py\)"),
        ({}, {"usercustomize.py": ""}, r"\(usercustomize\.py\)"),
    ],
    ids=["trusted", "pth", "pth-tab", "sitecustomize", "usercustomize"],
)
def test_a_distribution_that_could_run_in_the_host_is_refused(site, points, files, why):
    plant(site, "sly", points={METHODS: {"m": "mod"}, **points}, files={**MODULE, **files})
    import re

    assert re.search(why, source(site).refused)


def test_the_rule_covers_what_a_distribution_needs(site):
    plant(site, "front", points={METHODS: {"m": "mod"}}, files=MODULE, requires=("middle",))
    plant(site, "middle", points={}, files={}, requires=("sly",))
    plant(site, "sly", points={}, files={"go.pth": "import x\n"})
    assert source(site).refused == (
        "front offers methods and needs sly, which runs code at interpreter start (go.pth)"
    )


def test_a_pth_of_folders_alone_is_allowed(site):
    plant(
        site, "dist", points={METHODS: {"m": "mod"}}, files={**MODULE, "add.pth": "some/folder\n# import x\n"}
    )
    assert source(site).refused == ""


def test_documentation_is_the_classs_own(tmp_path):
    path = tmp_path / "m.py"
    path.write_text(METHOD.format(name="m"))
    assert declared.summary(path) == "What M does." and "More of it." in declared.documentation(path)
    path.write_text(TASK.format(name="t"))
    assert declared.summary(path) == "What T asks."
    path.write_text('"""Only the module."""\n')
    assert declared.summary(path) == "Only the module."
    path.write_text("def (:\n")
    assert declared.summary(path) == "" == declared.summary(tmp_path / "gone.py")


def test_offered_hooks_are_read_without_import(tmp_path):
    path = tmp_path / "m.py"
    path.write_text("1 / 0\ndef w2s_tasks(): ...\ndef other(): ...\nclass A:\n    def w2s_pairs(self): ...\n")
    assert declared.offered_hooks(path) == {"w2s_tasks"}


def test_what_the_compiler_thinks_of_others_code_is_not_said(tmp_path, recwarn):
    file = tmp_path / "m.py"
    file.write_text('"""A \\d method."""\n\ndef w2s_methods():\n    return 1 is 1\n')
    assert declared.documentation(file) == "A \\d method."
    assert declared.offered_hooks(file) == {"w2s_methods"}
    assert not recwarn.list


def test_source_that_is_nested_too_deeply_is_unreadable(tmp_path):
    file = tmp_path / "m.py"
    file.write_text("x = " + "(" * 100_000)
    assert declared.documentation(file) == ""


def test_a_method_file_that_is_none_is_named_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "gone.py").symlink_to("nowhere.py")
    (tmp_path / "packed.py").write_bytes(gzip.compress(b"x = 1"))
    (tmp_path / "wide.py").write_bytes("x = 1".encode("utf-16"))
    for name, said in (
        ("pipe.py", "not a regular file but a pipe"),
        ("folder.py", "not a regular file but a folder"),
        ("gone.py", "the link leads nowhere"),
        ("packed.py", r"is compressed \(gzip\)"),
        ("wide.py", "is UTF-16"),
    ):
        with pytest.raises(UsageError, match=rf"{name}: cannot read the method file: {said}"):
            sources.from_file(tmp_path / name)
