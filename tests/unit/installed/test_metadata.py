from __future__ import annotations

import subprocess
import sys

import pytest
from installed import METHOD, TASK, plant

from w2s_harness.contract.errors import PluginError
from w2s_harness.installed.distributions import metadata, modules
from w2s_harness.installed.trusted.plugins import Plugins

METHODS, TRUSTED = metadata.METHODS, metadata.TRUSTED


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site-packages"
    folder.mkdir()
    return folder


def test_entries_come_from_metadata_sorted_and_nothing_is_imported(site):
    plant(
        site,
        "W2S_Beta.pack",
        points={METHODS: {"beta": "w2s_beta", "alpha": "w2s_beta.sub:thing"}},
        files={"w2s_beta.py": "1 / 0\n"},
    )
    found = metadata.entries(METHODS, folders=[site])
    assert [(e.name, e.module, e.distribution, e.version) for e in found] == [
        ("alpha", "w2s_beta.sub", "w2s-beta-pack", "1.0"),
        ("beta", "w2s_beta", "w2s-beta-pack", "1.0"),
    ]
    assert not any(e.is_shipped for e in found) and "w2s_beta" not in sys.modules
    assert metadata.entries(TRUSTED, folders=[site]) == []


def test_a_name_offered_twice_names_both_distributions(site):
    plant(site, "one", points={METHODS: {"same": "one"}}, files={})
    plant(site, "two", version="2.0", points={METHODS: {"same": "two"}}, files={})
    with pytest.raises(PluginError, match=r"one 1\.0 \(same = one\) and two 2\.0 \(same = two\)\. Uninstall"):
        metadata.entries(METHODS, folders=[site])


def test_a_name_that_two_offer_is_nobodys_and_the_others_are_found(site):
    plant(site, "one", points={METHODS: {"same": "one", "mine": "one"}}, files={})
    plant(site, "two", version="2.0", points={METHODS: {"same": "two"}}, files={})
    plugins = Plugins(folders=[site])
    assert set(plugins.methods) == {"mine", "same"} and list(plugins.contested) == ["same"]
    assert "two distributions offer 'same'" in plugins.contested["same"]


def test_a_shipped_name_cannot_be_taken(site):
    plant(site, "w2s-harness", points={METHODS: {"vanilla": "w2s_plugins.methods.vanilla"}}, files={})
    plant(site, "a-thief", points={METHODS: {"vanilla": "thief"}}, files={})
    with pytest.raises(PluginError, match=r"w2s-harness 1\.0 .* and a-thief 1\.0"):
        metadata.entries(METHODS, folders=[site])


def test_the_first_folder_wins_where_one_distribution_is_installed_twice(site, tmp_path):
    plant(site, "one", version="2.0", points={METHODS: {"same": "new"}}, files={})
    plant(tmp_path / "lower", "one", version="1.0", points={METHODS: {"same": "old"}}, files={})
    (entry,) = metadata.entries(METHODS, folders=[site, tmp_path / "lower"])
    assert (entry.module, entry.version) == ("new", "2.0")


def test_half_removed_distributions_do_not_end_the_host(site):
    info = plant(site, "half", points={METHODS: {"half": "half"}}, files={})
    (info / "METADATA").unlink()
    broken = plant(site, "broken", points={METHODS: {"b": "b"}}, files={})
    (broken / "entry_points.txt").write_bytes(b"[w2s_harness.methods]\n\xff = x\n")
    (site / "empty-1.0.dist-info").mkdir()
    (entry,) = metadata.entries(METHODS, folders=[site])
    assert (entry.distribution, entry.version) == ("half", "1.0")
    assert modules.module_file(entry) is None


def test_modules_and_packages_are_found_without_import(site):
    plant(
        site,
        "p",
        points={METHODS: {"a": "pack.mod", "b": "pack", "c": "gone"}},
        files={"pack/__init__.py": "1 / 0", "pack/mod.py": ""},
    )
    files = {e.name: modules.module_file(e) for e in metadata.entries(METHODS, folders=[site])}
    assert files == {"a": site / "pack" / "mod.py", "b": site / "pack" / "__init__.py", "c": None}


def test_an_editable_install_leads_to_its_source(site, tmp_path):
    project = tmp_path / "project"
    info = plant(
        site,
        "ed",
        points={METHODS: {"ed": "ed_mod"}},
        files={"ed_mod.py": METHOD.format(name="ed")},
        editable=project,
    )
    (entry,) = metadata.entries(METHODS, folders=[site])
    assert modules.import_folders(info) == [site, project]
    assert modules.module_file(entry) == project / "ed_mod.py"


@pytest.mark.parametrize("name", ["ed", "w2s-harness"])
def test_an_editable_wheel_of_ours_alone_leads_to_its_source(site, tmp_path, name):
    project = tmp_path / "project"
    points = {METHODS: {"ed": "ed_mod"}}
    info = plant(site, name, points=points, files={"ed_mod.py": METHOD.format(name="ed")}, editable=project)
    (info / "direct_url.json").write_text('{"url": "file:///x.whl", "archive_info": {}}')
    (entry,) = metadata.entries(METHODS, folders=[site])
    is_ours = name == metadata.OURS
    assert modules.import_folders(info) == [site, *([project] if is_ours else [])]
    assert modules.module_file(entry) == (project / "ed_mod.py" if is_ours else None)


def test_a_trusted_plugin_is_found_wherever_the_interpreter_finds_it(site, tmp_path):
    project = tmp_path / "project"
    info = plant(
        site,
        "task",
        points={TRUSTED: {"t": "t_mod"}},
        files={"t_mod.py": TASK.format(name="t")},
        editable=project,
    )
    (info / "direct_url.json").write_text('{"url": "file:///x.whl", "archive_info": {}}')
    (entry,) = metadata.entries(TRUSTED, folders=[site])
    assert modules.module_file(entry) == project / "t_mod.py"


def test_an_ordinary_install_is_not_editable(site):
    info = plant(site, "p", points={}, files={})
    assert modules.import_folders(info) == [site]
    (info / "direct_url.json").write_text('{"url": "file:///x", "dir_info": {}}')
    assert modules.import_folders(info) == [site]


def test_pth_lines_are_relative_to_their_folder(site, tmp_path, monkeypatch):
    info = plant(
        site, "ed", points={METHODS: {"ed": "ed_mod"}}, files={"ed_mod.py": ""}, editable=tmp_path / "src"
    )
    (site / "_ed.pth").write_text("../src\n")
    monkeypatch.chdir("/")
    assert [f.resolve() for f in modules.import_folders(info)] == [site, tmp_path / "src"]


def test_requirements_are_followed_extras_aside_and_not_past_the_harness(site):
    info = plant(
        site,
        "top",
        points={},
        files={},
        requires=("Mid_dle>=1; python_version>'3'", "w2s-harness", "opt; extra == 'x'", "absent"),
    )
    plant(site, "mid-dle", points={}, files={}, requires=("deep",))
    plant(site, "deep", points={}, files={}, requires=("top",))
    plant(site, "opt", points={}, files={})
    plant(site, "w2s-harness", points={}, files={}, requires=("torch",))
    plant(site, "torch", points={}, files={})
    found = [metadata.distribution_name(p) for p in metadata.required(info)]
    assert set(found) - {"top"} == {"mid-dle", "deep"}


def test_neither_pythonpath_nor_the_working_directory_is_read(tmp_path):
    plant(
        tmp_path / "here",
        "smuggled",
        points={TRUSTED: {"smuggled": "m"}, METHODS: {"smuggled": "m"}},
        files={"m.py": TASK.format(name="m")},
    )
    code = (
        "import sys; sys.path.insert(0, '');"
        "from w2s_harness.installed.distributions import metadata as m;"
        "print([e.name for g in (m.TRUSTED, m.METHODS) for e in m.entries(g) if e.name == 'smuggled'])"
    )
    import os

    paths = os.pathsep.join([str(tmp_path / "here"), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "here", env={**os.environ, "PYTHONPATH": paths},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "[]\n"


def test_the_site_folders_are_this_interpreters_own():
    folders = metadata.site_folders()
    assert folders and len(set(folders)) == len(folders)
    assert all(str(f).startswith((sys.prefix, sys.base_prefix)) or "site-packages" in str(f) for f in folders)
