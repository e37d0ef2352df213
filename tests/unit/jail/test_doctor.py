"""`doctor` prints every layer with yes, no and why."""

from __future__ import annotations

import json

from click.testing import CliRunner

from w2s_harness.cli.commands.doctor import command
from w2s_harness.jail.levels import LAYERS


def test_doctor_names_every_layer_and_the_level():
    done = CliRunner().invoke(command, [])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    for name in LAYERS:
        (line,) = [x for x in lines if x.startswith(f"{name} ")]
        assert line.split()[1] in ("yes", "no")
    assert lines[-1].startswith("level L")


def test_doctor_json_and_policy():
    done = CliRunner().invoke(command, ["--json", "--policy"])
    found = json.loads(done.output)
    assert [x["name"] for x in found["layers"]] == list(LAYERS)
    assert found["level"] in ("L0", "L1", "L2")
    assert any(line.startswith("write  /dev/null") for line in found["policy"])
