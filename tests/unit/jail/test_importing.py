"""What a worker imports is source: byte code, cached or alone, is never run."""

from __future__ import annotations

import importlib.util
import os
import py_compile
import zipfile
from pathlib import Path

import pytest

from w2s_harness.contract.errors import PluginError
from w2s_harness.contract.worker.wire.messages import Source
from w2s_harness.jail.host.channel import describe
from w2s_harness.jail.policy import Folders, Order

CODE = """
from w2s_harness import Method, hookimpl
{more}
class One(Method):
    '''{words}'''
    name = "one"

@hookimpl
def w2s_methods():
    return [One]
"""


@pytest.fixture
def site(tmp_path):
    (tmp_path / "pack").mkdir()
    return tmp_path


def write(path: Path, words: str, more: str = "") -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(CODE.format(words=words, more=more))
    return path


def compiled(path: Path, to: Path, words: str) -> None:
    """Byte code that says `words`, to be taken for that of the source at `path`."""
    other = write(path.with_name("other.py"), words)
    if path.exists():
        other.write_text(other.read_text().ljust(path.stat().st_size, "\n"))
        assert other.stat().st_size == path.stat().st_size
        os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    to.parent.mkdir(exist_ok=True)
    py_compile.compile(str(other), str(to), doraise=True)
    other.unlink()


def said(zygote, site: Path, module: str = "pack", *, mode="best") -> str:
    files = [str(p) for p in site.rglob("*") if p.is_file()]
    order = Order(mode=mode, folders=Folders(read=tuple(files), names=(str(site),), shown=(str(site),)))
    return describe(zygote, Source(module), 10, order=order)[0].summary


@pytest.mark.parametrize("mode", ["best", "off"])
def test_cached_byte_code_is_passed_over(zygote, site, mode):
    source = write(site / "pack" / "__init__.py", "From the source, which is longer.")
    compiled(source, Path(importlib.util.cache_from_source(str(source))), "From the cache.")
    assert said(zygote, site, mode=mode) == "From the source, which is longer."


def test_cached_byte_code_of_an_inner_module_is_passed_over(zygote, site):
    inner = write(site / "pack" / "inner.py", "From the source, which is longer.")
    compiled(inner, Path(importlib.util.cache_from_source(str(inner))), "From the cache.")
    (site / "pack" / "__init__.py").write_text("from pack.inner import One, w2s_methods\n")
    assert said(zygote, site) == "From the source, which is longer."


@pytest.mark.parametrize("name", ["mod.pyc", "mod/__init__.pyc"])
def test_byte_code_without_source_is_refused(zygote, site, name):
    compiled(site / "gone.py", site / name, "From nowhere.")
    with pytest.raises(PluginError, match=r"ImportError: .*mod.* is byte code without source"):
        said(zygote, site, "mod")


def test_byte_code_without_source_inside_a_package_is_refused(zygote, site):
    compiled(site / "gone.py", site / "pack" / "inner.pyc", "From nowhere.")
    (site / "pack" / "__init__.py").write_text("from pack.inner import One, w2s_methods\n")
    with pytest.raises(PluginError, match=r"inner\.pyc is byte code without source"):
        said(zygote, site)


@pytest.mark.parametrize("suffix", ["py", "pyc"])
def test_an_archive_is_no_package(zygote, site, suffix):
    compiled(site / "gone.py", site / "inner.pyc", "From an archive.")
    source = write(site / "inner.py", "From an archive.")
    with zipfile.ZipFile(site / "pack" / "inner.zip", "w") as archive:
        archive.write(source if suffix == "py" else site / "inner.pyc", f"zipped.{suffix}")
    (site / "inner.pyc").unlink()
    source.unlink()
    (site / "pack" / "__init__.py").write_text(
        "import sys; sys.path.insert(0, __path__[0] + '/inner.zip'); from zipped import One, w2s_methods\n"
    )
    with pytest.raises(PluginError, match="No module named 'zipped'"):
        said(zygote, site)


def test_libraries_keep_their_caches(zygote, site):
    more = (
        "import numpy.polynomial, json.tool\n"
        "assert numpy.polynomial.__cached__ and json.tool.__cached__\n"
        "assert type(__loader__).__name__ == 'FreshLoader'\n"
    )
    write(site / "pack" / "__init__.py", "Fine.", more)
    assert said(zygote, site) == "Fine."
