"""Methods of another environment; and what a distribution may claim to need."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from w2s_harness.contract.errors import PluginError, UsageError
from w2s_harness.installed import sources
from w2s_harness.installed.distributions import metadata, site_folders, worker_files
from w2s_harness.installed.trusted.plugins import Plugins

HERE = f"python{sys.version_info.major}.{sys.version_info.minor}"


def install(site: Path, name: str, methods: dict[str, str], record: str = "", requires: str = "") -> Path:
    """A distribution as pip leaves it."""
    info = site / f"{name.replace('-', '_')}-0.1.dist-info"
    info.mkdir(parents=True)
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n{needs}")
    lines = "\n".join(f"{key} = {module}" for key, module in methods.items())
    (info / "entry_points.txt").write_text(f"[w2s_harness.methods]\n{lines}\n")
    (info / "RECORD").write_text(record)
    for module in methods.values():
        (site / module).mkdir(exist_ok=True)
        (site / module / "__init__.py").touch()
    return info


@pytest.fixture
def environment(tmp_path) -> Path:
    (tmp_path / "env" / "lib" / HERE / "site-packages").mkdir(parents=True)
    return tmp_path / "env"


def test_its_methods_can_be_named_and_say_where_they_are_read(environment, tmp_path):
    site = environment / "lib" / HERE / "site-packages"
    install(site, "w2s-third", {"third": "third"}, "third/__init__.py,,\n../../../bin/third,,\n")
    plugins = Plugins(folders=[tmp_path], methods_env=environment)
    source = plugins.method("third")
    assert source.folders == (str(site),)
    assert source.reads == (str(site / "third" / "__init__.py"),)
    assert not source.is_shipped


def test_it_cannot_pose_as_the_harness_nor_take_a_name(environment, tmp_path):
    site = environment / "lib" / HERE / "site-packages"
    install(site, "w2s-harness", {"evil": "evil"})
    assert "evil" not in Plugins(folders=[tmp_path], methods_env=environment).methods
    install(site, "w2s-third", {"vanilla": "third"})
    with pytest.raises(PluginError, match="two distributions offer the method 'vanilla'"):
        Plugins(methods_env=environment)


def test_another_python_is_refused(tmp_path):
    (tmp_path / "lib" / "python3.8" / "site-packages").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"is of python3\.8"):
        site_folders.environment_folder(tmp_path)
    with pytest.raises(UsageError, match="no virtual environment"):
        site_folders.environment_folder(tmp_path / "nowhere")


def opened(site: Path, name: str) -> set[str]:
    (entry,) = [e for e in metadata.entries(metadata.METHODS, folders=[site]) if e.name == name]
    return {file.path for file in worker_files.own_files(entry)}


def test_a_record_opens_files_that_are_there_and_its_own_and_no_more(tmp_path):
    site = tmp_path / "site"
    paths = (
        "good/__init__.py", "good", "../secret", "/etc/passwd", "__pycache__/x.pyc", "good/__pycache__/x.py",
        "evil.pth", "gone/x", "link/passwd", "hard/../../secret", "theirs/a.py", "theirs",
    )  # fmt: skip
    install(site, "w2s-other", {"other": "theirs"}, "theirs/a.py,,\n")
    install(site, "w2s-third", {"third": "good"}, "".join(f"{path},,\n" for path in paths))
    for name in ("../secret", "evil.pth", "theirs/a.py", "theirs/labels", "good/unlisted"):
        (site / name).touch()
    (site / "link").symlink_to("/etc")
    assert opened(site, "third") == {str(site / "good" / "__init__.py")}


def test_without_a_record_the_module_is_open(tmp_path):
    site = tmp_path / "site"
    install(site, "w2s-third", {"third": "good"})
    (site / "good" / "more.py").touch()
    assert opened(site, "third") == {str(site / "good" / "__init__.py"), str(site / "good" / "more.py")}


def test_what_a_distribution_needs_is_open_too(tmp_path):
    site = tmp_path / "site"
    install(site, "helper-lib", {"other": "helper"}, "helper/__init__.py,,\n")
    info = install(site, "w2s-third", {"third": "third"}, "third/__init__.py,,\n", requires="helper_lib>=0.1")
    (entry,) = [e for e in metadata.entries(metadata.METHODS, folders=[site]) if e.info == info]
    source = sources.from_entry(entry)
    assert source.beside == (str(site / "helper" / "__init__.py"),) and source.beside[0] in source.reads


@pytest.mark.parametrize(("line", "is_open"), [("{root}/src", True), ("/", False), ("{root}/..", False)])
def test_an_editable_install_opens_its_own_project_only(tmp_path, line, is_open):
    site, root = tmp_path / "site", tmp_path / "project"
    (root / "src").mkdir(parents=True)
    (root / "src" / "third.py").touch()
    (root / "pyproject.toml").write_text('[project]\nname = "w2s.third"\n')
    info = install(site, "w2s-third", {"gone": "nowhere"}, "third.pth,,\n")
    (info / "entry_points.txt").write_text("[w2s_harness.methods]\nthird = third\n")
    (info / "direct_url.json").write_text(f'{{"url": "file://{root}", "dir_info": {{"editable": true}}}}')
    (site / "third.pth").write_text(line.format(root=root) + "\n")
    own = {str(info / "METADATA"), str(info / "entry_points.txt")}
    assert opened(site, "third") == (own | {str(root / "src" / "third.py")} if is_open else own)


def test_our_own_packages_are_closed_to_every_claim():
    names = {Path(p).name for p in worker_files.own_packages()}
    assert names == {"w2s_harness", "w2s_plugins", "w2s_tasks"}
