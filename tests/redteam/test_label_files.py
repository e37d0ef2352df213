"""Label files, task packages, weights and the store, read from inside a worker."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import attacks
import pytest

CLOSED = {"EACCES", "EPERM", "ENOENT"}


@pytest.fixture
def labels(tmp_path) -> Path:
    file = tmp_path / "test.jsonl"
    file.write_text('{"question": "1+1?", "choice": "2", "label": 1}\n')
    return file


READS = {
    "open": "open({path!r}).read()",
    "os.open": "os.read(os.open({path!r}, os.O_RDONLY), 10)",
    "libc": "checked(LIBC.open({path!r}.encode(), 0))",
    "read-write": "os.open({path!r}, os.O_RDWR)",
    "through-a-handle": (
        "fd = os.open({path!r}, os.O_PATH)\nos.read(os.open(f'/proc/self/fd/{{fd}}', os.O_RDONLY), 10)"
    ),
    "through-proc-root": "open('/proc/self/root' + {path!r}).read()",
    "through-the-parent": "open(f'/proc/{{os.getppid()}}/root' + {path!r}).read()",
    "through-the-parent-cwd": "open(f'/proc/{{os.getppid()}}/cwd/' + {path!r}.lstrip('/')).read()",
    "by-steps": (
        "fd = os.open('/', os.O_PATH)\n"
        "for part in {path!r}.split('/')[1:-1]: fd = os.open(part, os.O_PATH, dir_fd=fd)\n"
        "os.read(os.open({path!r}.split('/')[-1], os.O_RDONLY, dir_fd=fd), 10)"
    ),
    "up-from-scratch": "open(os.path.relpath({path!r})).read()",
    "change-folder": "os.chdir(os.path.dirname({path!r}))\nopen(os.path.basename({path!r})).read()",
    "copy-in-the-kernel": (
        "out = os.open('copy', os.O_WRONLY | os.O_CREAT)\n"
        "os.sendfile(out, os.open({path!r}, os.O_RDONLY), 0, 10)"
    ),
    "rename-into-scratch": "os.rename({path!r}, 'mine')\nopen('mine').read()",
    "link-into-scratch": "os.link({path!r}, 'mine')\nopen('mine').read()",
    "symlink-in-scratch": "os.symlink({path!r}, 'mine')\nopen('mine').read()",
    "execute": "os.execv({path!r}, ['x'])",
    "from-a-thread": (
        "found = []\n"
        "def look():\n"
        "    try: found.append(open({path!r}).read())\n"
        "    except OSError as bad: found.append(bad)\n"
        "t = threading.Thread(target=look); t.start(); t.join()\n"
        "if isinstance(found[0], OSError): raise found[0]"
    ),
}


@pytest.mark.parametrize("way", READS)
def test_a_label_file_cannot_be_read(attack, labels, way):
    assert attack(READS[way].format(path=str(labels))).why in CLOSED


@pytest.mark.parametrize("way", ["open", "libc", "by-steps", "from-a-thread", "through-a-handle"])
def test_without_the_jail_it_could(open_attack, labels, way):
    assert open_attack(READS[way].format(path=str(labels))).succeeded


def test_a_folder_of_labels_cannot_be_listed(attack, labels):
    assert attack(f"os.listdir({str(labels.parent)!r})").why in CLOSED


def test_with_namespaces_a_hidden_file_is_not_even_there(attack, level, labels):
    outcome = attack(f"os.stat({str(labels)!r})")
    # Landlock alone does not govern stat().
    assert outcome.why == ("ENOENT" if level == "L2" else "SUCCEEDED")


@pytest.mark.parametrize(
    "module", ["w2s_tasks", "w2s_tasks.math", "w2s_plugins.pairs", "w2s_plugins.pairs.tiny"]
)
def test_task_packages_and_pairs_cannot_be_imported(attack, module):
    outcome = attack(f"import {module}.__init__\nopen({module}.__file__).read()".replace(".__init__", ""))
    assert not outcome.succeeded and not outcome.failed


def test_no_file_of_tasks_weights_host_code_or_store_can_be_read(attack, tmp_path):
    store = tmp_path / ".w2s" / "objects" / "ab"
    store.mkdir(parents=True)
    (store / "abcd.npy").write_bytes(b"gold")
    places = [tmp_path]
    for name in ("w2s_tasks", "w2s_plugins.pairs", "w2s_harness.scoring", "w2s_harness.models", "torch"):
        spec = importlib.util.find_spec(name)
        assert spec is not None
        places.append(Path(spec.origin).parent)
    files = [str(f) for place in places for f in sorted(place.rglob("*")) if f.is_file()][:3000]
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


SYSTEM = (
    "/etc/passwd", "/etc/hostname", "/proc/version", "/proc/self/environ", "/proc/self/mountinfo",
    "/sys/kernel/notes", "/dev/mem", "/dev/kmsg",
)  # fmt: skip


@pytest.mark.parametrize("path", [p for p in SYSTEM if Path(p).exists()])
def test_the_system_s_files_are_closed(attack, path):
    assert attack(f"open({path!r}, 'rb').read(1)").why in CLOSED


def test_another_cell_s_scratch_is_closed(zygote, order):
    with zygote.spawn(order) as victim:
        path = str(victim.scratch)
        (victim.scratch / "secret").write_text("weak labels")
        for body in (
            f"os.listdir({path!r})",
            f"open({path!r} + '/secret').read()",
            f"open({path!r} + '/planted', 'w')",
            f"os.listdir(os.path.dirname({path!r}))",
        ):
            outcome = attacks.run(zygote, body, order)
            assert outcome.why in CLOSED or body.endswith("rname({path!r}))") or "[]" in outcome.printed
