import json

import jsonschema
import pytest
from click.testing import CliRunner

from w2s_harness.cli.commands.schema import command
from w2s_harness.report.document.canonical import descriptions, document_bytes, schema, schema_text


def test_the_command_prints_what_the_types_give():
    done = CliRunner().invoke(command, ["leaderboard"])
    assert done.exit_code == 0 and done.stdout == schema_text()
    assert json.loads(done.stdout) == schema()


def test_it_is_a_schema_and_a_document_validates(board):
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.Draft202012Validator(schema()).validate(json.loads(document_bytes(board)))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("rows", 0, "status"), "won"),
        (("rows", 0, "rank"), "1"),
        (("settings", 0, "weak", "mean"), 1.5),
        (("schema",), "w2s-leaderboard/2"),
        (("rows", 0, "new"), 1),
    ],
)
def test_what_the_reader_refuses_the_schema_refuses(board, path, value):
    document = json.loads(document_bytes(board))
    inner = document
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema()).validate(document)


def test_every_field_is_described():
    described = descriptions()
    for name, part in schema()["$defs"].items():
        assert part["description"]
        for field in part.get("properties", {}):
            assert described[name][field], f"{name}.{field} has no docstring"


FIXED = {
    "Leaderboard": "schema harness plan settings rows controls claims timing machine",
    "SettingRecord": "task pair mode solver n_test weak ceiling weak_label_acc gap gap_ci",
    "Row": "method task pair status track rank pgr pgr_ci pgr_ci_pool pgr_sem reason transfer access "
    "attempts isolation verdicts compute source",
    "Baseline": "mean per_seed",
    "SeedAccuracy": "seed accuracy",
    "Transfer": "mean per_seed",
    "SeedTransfer": "seed accuracy pgr error",
    "VerdictRecord": "guard level because numbers again",
    "Compute": "fits tokens flops",
    "SourceRecord": "distribution version sha256",
}


@pytest.mark.parametrize("name", FIXED)
def test_the_fixed_names_are_required(name):
    assert set(FIXED[name].split()) <= set(schema()["$defs"][name]["required"])
