import json
from pathlib import Path

import pytest

from w2s_harness.contract.errors import DataError
from w2s_harness.report.document.document import decode
from w2s_harness.report.sentences.rescoring import check

BOARD = Path(__file__).parents[3] / "docs" / "readme-leaderboard.json"


def changed(change):
    body = json.loads(BOARD.read_text(encoding="utf-8"))
    change(body)
    return decode(json.dumps(body).encode(), "b.json")


def scored(body):
    return next(row for row in body["rows"] if row["pgr"] is not None)


def test_a_leaderboard_of_a_run_holds():
    assert check(changed(lambda body: None), "b.json") > 100


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda b: scored(b).update(pgr=0.97), r" on .*'s PGR as an accuracy is .* \(\$\.rows\[\d+\]\.pgr\)"),
        (
            lambda b: scored(b)["transfer"].update(mean=0.9),
            r"y, the mean, is 0\.9.*transfer\.mean\)",
        ),
        (
            lambda b: scored(b)["transfer"]["per_seed"][1].update(accuracy=0.9),
            r"'s transfer accuracy of seed \d+ is 0\.9.*per_seed\[1\]\.accuracy\)",
        ),
        (lambda b: b["settings"][0].update(gap=0.5), r"the gap is 0\.5.* \(\$\.settings\[0\]\.gap\)"),
        (
            lambda b: b["settings"][0]["weak"].update(mean=0.1),
            r"the mean, is 0\.1.*\.weak\.mean\)",
        ),
        (lambda b: scored(b).update(final=0.01), r"final PGR is 0\.01.*\.final\)"),
        (
            lambda b: scored(b).update(feedback=0.5, final=scored(b)["pgr"], optimism=2.0),
            r"optimism is 2.*\.optimism\)",
        ),
        (lambda b: scored(b).update(task="else"), r"there is no setting else"),
        (lambda b: scored(b)["transfer"]["per_seed"][0].update(outcomes="////"), "outcomes holds 3 bytes"),
    ],
)
def test_what_does_not_follow_is_named(change, said):
    with pytest.raises(DataError, match=rf"b\.json: .*{said}"):
        check(changed(change), "b.json")
