"""The one list of a method's files: what is odd among them fails that method, with a reason."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from installed import METHOD, plant

from w2s_harness.contract.errors import PluginError
from w2s_harness.contract.plan import MethodSource
from w2s_harness.installed import sources
from w2s_harness.installed.distributions import metadata, worker_files
from w2s_harness.installed.distributions.worker_files import Most

METHODS = metadata.METHODS
FILES = {"pack/__init__.py": METHOD.format(name="m"), "pack/data.csv": "1\n"}


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site-packages"
    folder.mkdir()
    return folder


def source(site) -> MethodSource:
    (entry,) = metadata.entries(METHODS, folders=[site])
    return sources.from_entry(entry)


def pack(site, **more):
    return plant(site, "dist", points={METHODS: {"m": "pack"}}, files=FILES, **more)


def record(info, *names: str) -> None:
    with (info / "RECORD").open("a") as file:
        file.writelines(f"{name},,\n" for name in names)


def test_what_is_hashed_is_what_is_shown_and_what_is_opened(site):
    pack(site)
    found = source(site)
    shown = {str(site / name) for name in sources.files(found)}
    assert shown == set(found.reads) and str(site / "pack" / "data.csv") in shown
    assert not {name for name in shown if name.endswith(("RECORD", "INSTALLER", "direct_url.json"))}
    assert sources.digest_now(found) == found.sha256


def test_the_hash_is_the_same_wherever_it_is_installed(tmp_path):
    digests = set()
    for place in ("one/site-packages", "two/site-packages"):
        site = tmp_path / place
        site.mkdir(parents=True)
        info = pack(site)
        (info / "INSTALLER").write_text(place)
        record(info, f"{info.name}/INSTALLER", "pack/__pycache__/__init__.cpython-311.pyc")
        (site / "pack" / "__pycache__").mkdir()
        (site / "pack" / "__pycache__" / "__init__.cpython-311.pyc").write_text(place)
        digests.add(source(site).sha256)
    assert len(digests) == 1


def test_a_change_is_seen_however_short_after(site):
    pack(site)
    seen = set()
    for i in range(10):
        (site / "pack" / "data.csv").write_text(f"{i}\n")
        seen.add(source(site).sha256)
    assert len(seen) == 10


def test_byte_code_is_never_opened_and_sourceless_byte_code_is_hashed_as_data(site):
    info = pack(site)
    before = source(site)
    record(info, "pack/hidden.pyc", "pack/__pycache__/evil.cpython-311.pyc")
    (site / "pack" / "hidden.pyc").write_bytes(b"1")
    (site / "pack" / "__pycache__").mkdir()
    (site / "pack" / "__pycache__" / "evil.cpython-311.pyc").write_bytes(b"2")
    after = source(site)
    assert after.sha256 != before.sha256 and "pack/hidden.pyc" in sources.files(after)
    assert not [path for path in after.reads if "__pycache__" in path]


def test_what_a_method_needs_is_hashed_too(site):
    pack(site, requires=("needed", "numpy", "w2s-harness"))
    plant(site, "needed", points={}, files={"needed.py": "x = 1\n"})
    plant(site, "numpy", points={}, files={"numpy.py": "x = 1\n"})
    before = source(site)
    assert set(before.beside) == {str(site / "needed.py"), str(site / "needed-1.0.dist-info" / "METADATA")}
    (site / "needed.py").write_text("x = 2\n")
    after = source(site)
    assert after.sha256 != before.sha256 and "needed.py" not in sources.files(after)
    (site / "numpy.py").write_text("x = 2\n")
    assert source(site).sha256 == after.sha256


def test_pipes_sockets_and_links_are_neither_waited_for_nor_followed(site, tmp_path):
    info = pack(site)
    plain = source(site)
    os.mkfifo(site / "pack" / "pipe.py")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(site / "pack" / "sock"))
        record(info, "pack/pipe.py", "pack/sock", "pack/loop", "pack/out.py", "pack/up/pack/data.csv")
        (site / "pack" / "loop").symlink_to("loop")
        (site / "pack" / "up").symlink_to("..")
        (site / "pack" / "out.py").symlink_to("/etc/passwd")
        found = source(site)
    assert set(found.reads) == set(plain.reads) and set(sources.files(found)) == set(sources.files(plain))
    assert found.sha256 != plain.sha256, "what a link says is part of the source"
    (site / "pack" / "out.py").unlink()
    (site / "pack" / "out.py").symlink_to("/etc/shadow")
    assert source(site).sha256 != found.sha256


def test_the_module_may_be_no_link_that_leads_out(site, tmp_path):
    pack(site)
    outside = tmp_path / "outside.py"
    outside.write_text("")
    (site / "pack" / "__init__.py").unlink()
    (site / "pack" / "__init__.py").symlink_to(outside)
    with pytest.raises(PluginError, match="ships no such file"):
        source(site)


def test_a_huge_sparse_file_is_one_line_at_once(site):
    info = pack(site)
    record(info, "pack/huge.bin")
    with (site / "pack" / "huge.bin").open("wb") as file:
        file.truncate(4 * 2**30)
    with pytest.raises(PluginError, match=r"dist 1\.0: with .*huge\.bin \(4,096 MiB\) it is too large"):
        source(site)


def test_a_huge_number_of_files_is_one_line(site, monkeypatch):
    monkeypatch.setattr(worker_files, "OWN", Most(50, 2**20))
    info = pack(site)
    for i in range(60):
        (site / "pack" / f"{i}.txt").touch()
        record(info, f"pack/{i}.txt")
    with pytest.raises(PluginError, match=r"dist 1\.0 holds over 50 files; at most 50 files and 1 MiB"):
        source(site)


def test_many_files_that_are_too_large_together_are_one_line(site, monkeypatch):
    monkeypatch.setattr(worker_files, "OWN", Most(50, 2**20))
    info = pack(site)
    for i in range(3):
        (site / "pack" / f"{i}.txt").write_bytes(bytes(2**19))
        record(info, f"pack/{i}.txt")
    with pytest.raises(PluginError, match="it is too large"):
        source(site)


@pytest.mark.parametrize("name", ["a\nb.py", "a\x1b[2Jb.py", "\u202etxt.py"])
def test_a_name_that_does_not_print_is_one_line(site, name):
    info = pack(site)
    (site / "pack" / name).touch()
    with (info / "RECORD").open("a") as file:
        file.write(f'"pack/{name}",,\n')
    with pytest.raises(PluginError, match=r"does not print\. Rename it") as bad:
        source(site)
    assert str(bad.value).isprintable()


def test_an_undecodable_name_is_one_line_or_passed_over(site, tmp_path):
    info = pack(site)
    body = os.fsencode(site / "pack") + b"/\xff.py"
    os.close(os.open(body, os.O_CREAT | os.O_WRONLY))
    assert sources.files(source(site)), "not in RECORD, so nobody's"
    (info / "RECORD").unlink()
    with pytest.raises(PluginError, match=r"xff.*does not print") as bad:
        source(site)
    assert str(bad.value).isprintable()


def test_names_cannot_pose_as_other_names_and_contents(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text("x")
    both = [worker_files.File(n, str(tmp_path / n)) for n in ("a", "b")]
    digest = worker_files.digest(both, "it", worker_files.OWN)
    inner = worker_files.digest([], "it", worker_files.OWN)
    assert len({digest, inner, worker_files.digest(both[:1], "it", worker_files.OWN)}) == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_folder_is_not_opened(site):
    pack(site)
    (site / "pack" / "shut").mkdir(mode=0)
    assert source(site).sha256


def test_odd_metadata_does_not_hang_or_end_the_host(site):
    good = pack(site)
    for name, spoil in {
        "pipe": lambda info: (os.mkfifo(info / "RECORD"), os.mkfifo(info / "METADATA")),
        "points": lambda info: os.mkfifo(info / "entry_points.txt"),
        "nul": lambda info: (info / "RECORD").write_bytes(b"a\0b,,\n\xff"),
        "words": lambda info: (info / "entry_points.txt").write_text(
            "[w2s_harness.methods]\nno equals\n= x\n"
        ),
        "lines": lambda info: (info / "METADATA").write_text("Name: a\n b\nVersion: 1\n"),
    }.items():
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        if name != "points":
            (info / "entry_points.txt").write_text(f"[w2s_harness.methods]\n{name} = pack_{name}\n")
        spoil(info)
    found = {e.name: e for e in metadata.entries(METHODS, folders=[site])}
    assert found["m"].info == good and {"m", "pipe", "nul"} <= set(found)
    for name in ("pipe", "nul"):
        with pytest.raises(PluginError, match="ships no such file"):
            sources.from_entry(found[name])


@pytest.mark.parametrize(
    "body", [b"pack/a\0b,,\n\xff", b"x" * 2000 + b",,\n", None], ids=["bytes", "long", "pipe"]
)
@pytest.mark.parametrize("whose", ["its own", "a needed one's"])
def test_a_record_that_cannot_be_read_hides_no_start_hook(site, monkeypatch, body, whose):
    monkeypatch.setattr(metadata, "MOST_RECORD", 1000)
    info = pack(site, requires=("needed",))
    needed = plant(site, "needed", points={}, files={})
    file = (info if whose == "its own" else needed) / "RECORD"
    file.unlink()
    if body is None:
        os.mkfifo(file)
    else:
        file.write_bytes(body)
    assert "RECORD" in source(site).refused


def test_a_method_file_whose_name_does_not_print_is_refused(tmp_path):
    for name in (b"a\nb.py", b"a\xffb.py"):
        path = os.fsencode(tmp_path) + b"/" + name
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        found = sources.from_file(Path(os.fsdecode(path)))
        assert "does not print" in found.refused and found.refused.isprintable()


@pytest.mark.parametrize(
    "module", ["", ".", "..", "../x", "/etc/passwd", "a" * 5000, "os", "pack.gone", "a b"]
)
def test_an_entry_point_that_names_nothing_is_one_line(site, module):
    info = pack(site)
    (info / "entry_points.txt").write_text(f"[w2s_harness.methods]\nm = {module}\n")
    for entry in metadata.entries(METHODS, folders=[site]):
        with pytest.raises(PluginError, match="ships no such file"):
            sources.from_entry(entry)


def test_a_store_inside_a_package_is_nobodys(site):
    info = pack(site)
    (site / "pack" / ".w2s").mkdir()
    (site / "pack" / ".w2s" / "log.jsonl").touch()
    record(info, "pack/.w2s/log.jsonl")
    assert not [path for path in source(site).reads if ".w2s" in path]
    (entry,) = metadata.entries(METHODS, folders=[site])
    assert not [f for f in worker_files.own_files(entry) if ".w2s" in f.path]
