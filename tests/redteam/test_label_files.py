"""Label files, task packages, weights and the store, read from inside a worker."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import attacks
import pytest

from w2s_harness.jail.policy import Order
from w2s_studies.redteam import suite

CLOSED = {"EACCES", "EPERM", "ENOENT"}
READING = ("open", "libc-open", "folder-by-folder", "from-a-thread", "by-a-path-descriptor")


@pytest.mark.parametrize("way", READING)
def test_without_the_jail_it_could(zygote, places, way):
    # It only reads, and a file of the test's own.
    (shipped,) = [a for a in suite.shipped() if a.name == f"labels-{way}"]
    assert attacks.run(zygote, shipped, Order(mode="off"), places).succeeded


def test_without_namespaces_stat_tells_that_it_is_there(attack, level):
    # Landlock alone does not govern stat().
    assert attack("os.stat(LABELS)").why == ("ENOENT" if level == "L2" else "SUCCEEDED")


def test_no_file_of_tasks_weights_host_code_or_store_can_be_read(attack, tmp_path, places):
    found = [tmp_path]
    for name in ("w2s_tasks", "w2s_plugins.pairs", "w2s_harness.scoring", "w2s_harness.students", "torch"):
        spec = importlib.util.find_spec(name)
        assert spec is not None
        found.append(Path(spec.origin).parent)
    files = [str(f) for place in found for f in sorted(place.rglob("*")) if f.is_file()][:3000]
    assert len(files) > 100
    outcome = attack(f"""
        found = []
        for path in {files!r}:
            try: open(path, "rb").read(1); found.append(path)
            except OSError: pass
        print("READ", found)
        if not found: raise PermissionError(13, "none")
    """)
    assert outcome.why == "EACCES", outcome.printed


def test_another_cell_s_scratch_is_closed(zygote, order, places):
    with zygote.spawn(order) as victim:
        path = str(victim.scratch)
        (victim.scratch / "secret").write_text("weak labels")
        for body in (
            f"os.listdir({path!r})",
            f"open({path!r} + '/secret').read()",
            f"open({path!r} + '/planted', 'w')",
            f"os.listdir(os.path.dirname({path!r}))",
        ):
            outcome = attacks.run(zygote, attacks.own(body), order, places)
            assert outcome.why in CLOSED or body.endswith("rname({path!r}))") or "[]" in outcome.printed
