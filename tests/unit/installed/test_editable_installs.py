"""Which editable installs are honoured, what of them is opened, and what only looks like one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from installed import METHOD, plant

from w2s_harness.contract.errors import PluginError
from w2s_harness.installed import sources
from w2s_harness.installed.distributions import metadata, modules

METHODS = metadata.METHODS
CODE = METHOD.format(name="m")
SETUPTOOLS = """from __future__ import annotations
import sys
from pathlib import Path

MAPPING: dict[str, str] = {mapping!r}
NAMESPACES: dict[str, list[str]] = {{}}

class _EditableFinder:
    @classmethod
    def find_spec(cls, fullname: str, path=None, target=None):
        return cls._find_spec(fullname, Path(MAPPING[fullname])) if fullname in MAPPING else None

def install():
    sys.meta_path.append(_EditableFinder)
"""
EDITABLES = """from editables.redirector import RedirectingFinder as F
F.install()
F.map_module({name!r}, {path!r})"""


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "env" / "lib" / "python3.11" / "site-packages"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def project(tmp_path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[project]\nname = "Ed_It"\n')
    return folder


def install(site, project, module="mod", *, pth="", name="ed-it", url=None, **files) -> metadata.Entry:
    """As pip leaves an editable install; files of site-packages by name."""
    info = plant(site, name, points={METHODS: {"m": module}}, files={})
    record = {"url": project.as_uri() if url is None else url, "dir_info": {"editable": True}}
    (info / "direct_url.json").write_text(json.dumps(record))
    files = {"_ed.pth": pth, **{k.replace("__dot__", "."): v for k, v in files.items()}}
    with (info / "RECORD").open("a") as out:
        for file, text in files.items():
            (site / file).write_text(text)
            out.write(f"{file},,\n")
    (entry,) = metadata.entries(METHODS, folders=[site])
    return entry


def put(project: Path, *names: str) -> None:
    for name in names:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(CODE if name.endswith(".py") else "1\n")


def opened(entry) -> set[str]:
    """What the worker reads of the project, relative to it."""
    source = sources.from_entry(entry)
    root = modules.of(entry.info).root
    return {str(Path(p).relative_to(root)) for p in source.reads if p.startswith(f"{root}/")}


def test_a_flat_module_that_setuptools_maps(site, project):
    put(project, "mod.py", "other.py", "labels.jsonl", ".w2s/log.jsonl")
    finder = SETUPTOOLS.format(mapping={"mod": str(project / "mod")})
    pth = "import __editable___ed_finder; __editable___ed_finder.install()"
    entry = install(site, project, pth=pth, __editable___ed_finder__dot__py=finder)
    assert opened(entry) == {"mod.py"}
    source = sources.from_entry(entry)
    assert source.editable and not source.refused and source.opened == (str(project / "mod.py"),)
    assert source.folders == (str(site), str(project)) and set(sources.files(source)) > {"mod.py"}


def test_a_package_that_setuptools_or_hatchling_maps(site, project):
    put(
        project, "mod/__init__.py", "mod/data.csv", "mod/__pycache__/x.pyc", "mod/.git/config", "mod/.w2s/log"
    )
    finder = EDITABLES.format(name="mod", path=str(project / "mod" / "__init__.py"))
    entry = install(site, project, pth="import _impl\n", _impl__dot__py=finder)
    assert opened(entry) == {"mod/__init__.py", "mod/data.csv"} and not sources.from_entry(entry).refused


@pytest.mark.parametrize("inner", ["src", "lib/python"])
def test_a_folder_of_source(site, project, inner):
    put(project, f"{inner}/mod/__init__.py", f"{inner}/more.py", f"{inner}/ns/deep.py", f"{inner}/rows.jsonl")
    put(project, f"{inner}/x.egg-info/PKG-INFO", "secret.py")
    entry = install(site, project, pth=f"{project}/{inner}\n")
    assert opened(entry) == {f"{inner}/mod/__init__.py", f"{inner}/more.py", f"{inner}/ns/deep.py"}


def test_a_project_s_own_folder_opens_its_modules_and_packages_alone(site, project):
    put(
        project, "mod.py", "help.py", "pack/__init__.py", "pack/rows.csv", "data/rows.csv", "rows.csv", ".env"
    )
    put(
        project,
        ".venv/pyvenv.cfg",
        "venv/pyvenv.cfg",
        "venv/__init__.py",
        "build/lib/mod.py",
        ".w2s/log.jsonl",
    )
    entry = install(site, project, pth=f"{project}\n")
    assert opened(entry) == {"mod.py", "help.py", "pack/__init__.py", "pack/rows.csv"}


def test_a_package_without_init_is_open_where_an_entry_point_names_it(site, project):
    put(project, "mod/method.py", "data/rows.csv")
    assert opened(install(site, project, "mod.method", pth=f"{project}\n")) == {"mod/method.py"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", '[tool.poetry]\nname = "ed.it"\n'),
        ("setup.cfg", "[metadata]\nname = ed_it\n"),
        ("setup.py", "from setuptools import setup\nsetup(version='1', name='ed-it')\n"),
        ("ed_it.egg-info/PKG-INFO", "Metadata-Version: 2.1\nName: ed-it\n"),
    ],
)
def test_any_kind_of_metadata_names_the_project(site, project, name, text):
    (project / "pyproject.toml").unlink()
    put(project, "src/mod.py", name)
    (project / name).write_text(text)
    assert opened(install(site, project, pth=f"{project}/src\n")) == {"src/mod.py"}


@pytest.mark.parametrize("spoil", ["other", "none", "torn", "pipe"])
def test_a_folder_of_another_project_is_not_opened(site, project, spoil):
    put(project, "src/mod.py")
    file = project / "pyproject.toml"
    file.unlink()
    if spoil == "pipe":
        import os

        os.mkfifo(file)
    elif spoil != "none":
        file.write_text({"other": '[project]\nname = "another"\n', "torn": "[project\nname="}[spoil])
    entry = install(site, project, pth=f"{project}/src\n")
    assert modules.of(entry.info) is None
    with pytest.raises(PluginError, match=r"holds no metadata of the project 'ed-it'.*Install it without -e"):
        sources.from_entry(entry)


@pytest.mark.parametrize("line", ["/", "/tmp", "/proc", "../../../..", "~", ".", "\0"])
def test_a_wheel_s_pth_opens_nothing(site, project, line):
    """Also where it brings a `direct_url.json` of its own: its project is not there."""
    put(project, "mod.py")
    for url in (None, "file:///", "file:///tmp", "https://x.org/a.git", 7):
        for old in site.glob("ed_it*"):
            for file in old.iterdir():
                file.unlink()
            old.rmdir()
        entry = install(site, project / "nowhere", pth=f"{line}\n", url=url)
        assert modules.of(entry.info) is None and modules.import_folders(entry.info) == [site]
        with pytest.raises(PluginError):
            sources.from_entry(entry)


def test_a_pth_beyond_the_project_opens_nothing(site, project, tmp_path):
    put(project, "mod.py")
    put(tmp_path / "other", "labels.py")
    (project / "out").symlink_to(tmp_path / "other")
    lines = [
        "/",
        "/etc",
        str(tmp_path),
        str(tmp_path / "other"),
        f"{project}/..",
        f"{project}/out",
        str(project),
    ]
    entry = install(site, project, pth="\n".join(map(str, lines)))
    assert modules.of(entry.info).imported_from == (project,) and opened(entry) == {"mod.py"}


def test_the_environment_is_no_project_even_with_metadata_in_it(site, tmp_path):
    """A wheel can put a file into the environment's folder."""
    env = tmp_path / "env"
    (env / "pyvenv.cfg").touch()
    (env / "pyproject.toml").write_text('[project]\nname = "ed-it"\n')
    put(site, "labels/__init__.py")
    assert modules.of(install(site, env, pth=f"{site}\n").info) is None
    (env / "pyvenv.cfg").unlink()
    for file in site.glob("ed_it*/*"):
        file.unlink()
    next(site.glob("ed_it*")).rmdir()
    assert modules.of(install(site, env, pth=f"{site}\n").info).tops == ()


@pytest.mark.parametrize("root", ["/", "/tmp", "/usr", "/etc", "/proc", "/var/lib", "~"])
def test_system_folders_are_no_project(root, monkeypatch):
    monkeypatch.setattr(modules, "_names", lambda root: {"ed-it"})
    assert modules._is_forbidden(Path(root).expanduser().resolve())


@pytest.mark.parametrize(
    "more",
    [
        "import os\n",
        "open('/tmp/x', 'w')\n",
        "exec('1')\n",
        "def install():\n    sys.modules.clear()\n",
        "from subprocess import run\n",
        "getattr(sys, 'exit')()\n",
    ],
)
def test_a_finder_that_does_more_is_a_start_hook(site, project, more):
    put(project, "mod.py")
    finder = SETUPTOOLS.format(mapping={"mod": str(project / "mod")}) + more
    pth = "import ed_finder; ed_finder.install()"
    entry = install(site, project, pth=f"{pth}\n{project}\n", ed_finder__dot__py=finder)
    assert "runs code at interpreter start (_ed.pth)" in sources.from_entry(entry).refused


@pytest.mark.parametrize(
    "line",
    [
        "import os",
        "import\tos",
        "  import os",
        "\ufeffimport os",
        "import ed_finder; import os",
        "import x;x()",
    ],
)
def test_other_code_beside_the_finder_is_a_start_hook(site, project, line):
    put(project, "mod.py")
    finder = SETUPTOOLS.format(mapping={"mod": str(project / "mod")})
    pth = f"import ed_finder; ed_finder.install()\n{project}\n{line}\n"
    entry = install(site, project, pth=pth, ed_finder__dot__py=finder)
    assert "runs code at interpreter start (_ed.pth)" in sources.from_entry(entry).refused


def test_a_mapping_to_another_name_or_place_opens_nothing(site, project, tmp_path):
    put(project, "lib/mod.py")
    put(tmp_path / "other", "mod.py")
    table = {"mod": str(tmp_path / "other" / "mod"), "numpy": str(project / "lib"), "os": "/etc"}
    pth = "import ed_finder; ed_finder.install()"
    entry = install(site, project, pth=pth, ed_finder__dot__py=SETUPTOOLS.format(mapping=table))
    assert modules.of(entry.info).tops == ()
    with pytest.raises(PluginError, match="ships no such file"):
        sources.from_entry(entry)
