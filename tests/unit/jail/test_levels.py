"""What a worker reports on machines that can do less, and what `require`, `best` and `off` make of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from w2s_harness.jail.levels import BASE, LAYERS, NAMESPACES, Layer, lowest, refusal, report

HERE = Path(__file__).parent
SPAWN = """
import json, sys
from w2s_harness.contract.errors import HarnessError
from w2s_harness.jail.host.launcher import Zygote
from w2s_harness.jail.host.readable import worker_path
from w2s_harness.jail.policy import Order
with Zygote(worker_path()) as zygote:
    try:
        with zygote.spawn(Order(mode=sys.argv[1])) as worker:
            print(json.dumps([worker.report.level, worker.report.on]))
    except HarnessError as bad:
        print(json.dumps([type(bad).__name__, int(bad.exit_code), str(bad)]))
"""


def spawned(mode: str, *lacking: str) -> list:
    """What a worker reports, or the error, on a machine that lacks some layers."""
    path = os.pathsep.join(p for p in sys.path if p)
    command = [sys.executable, str(HERE / "without.py"), ",".join(lacking), sys.executable, "-c", SPAWN, mode]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_level_is_what_its_layers_make():
    on = [Layer(name, True) for name in LAYERS]
    assert report(on).level == "L2"
    assert report([x for x in on if x.name != NAMESPACES[1]]).level == "L1"
    for name in (*BASE, "single-thread"):
        assert report([x for x in on if x.name != name]).level == "L0"
    assert [x.name for x in report([]).layers] == list(LAYERS)
    assert not any(x.is_on for x in report([]).layers)


def test_the_lowest_level_counts():
    assert lowest(["L2", "L1", "L2"]) == "L1" and lowest([]) == "L0"


def test_a_refusal_names_what_is_missing_and_what_best_would_give():
    text = refusal(report([Layer("seccomp", True), Layer("landlock", False, "no Landlock in this kernel")]))
    assert "landlock (no Landlock in this kernel)" in text and "`--isolation best` would run at L0" in text


def test_without_namespaces_there_is_l1():
    level, on = spawned("require", "namespaces")
    assert level == "L1" and not set(on) & set(NAMESPACES) and set(BASE) <= set(on)
    assert "not-dumpable" not in on, "the watchdog could not see deleted files of a worker on disk"


@pytest.mark.parametrize(("lacking", "layer"), [("landlock", "landlock"), ("seccomp", "seccomp")])
def test_without_a_layer_of_the_base_require_is_refused_and_best_says_l0(lacking, layer):
    kind, code, text = spawned("require", lacking)
    assert (kind, code) == ("IsolationError", 4)
    assert f"it lacks {layer} (" in text and "--isolation best" in text
    level, on = spawned("best", lacking)
    assert level == "L0" and layer not in on and "limits" in on


def test_off_sets_limits_only():
    level, on = spawned("off")
    assert level == "L0" and not {"landlock", "seccomp", *NAMESPACES} & set(on)
    assert {"limits", "no-new-privileges"} <= set(on)
