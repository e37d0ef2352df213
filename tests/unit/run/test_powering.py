import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from w2s_harness.contract.errors import NothingSelectedError, UsageError
from w2s_harness.report.document import canonical, document
from w2s_harness.run.session.estimate import boards_of, items, names, pilots
from w2s_harness.scoring.comparisons.power import Assumed, components, minimum_detectable, seeds_needed
from w2s_harness.scoring.points import pack
from w2s_harness.scoring.spread.blocks import block
from w2s_studies.power.command import _counted, _seen, command
from w2s_studies.power.powering import Range

README = Path(__file__).parents[3] / "docs" / "readme-leaderboard.json"
SEEDS, QUESTIONS = 4, 50


def outcomes(rng, accuracy):
    return (rng.random((SEEDS, 2 * QUESTIONS)) < accuracy).astype(float)


def line(rows):
    return [
        document.SeedTransfer(
            seed=s, accuracy=float(r.mean()), pgr=None, error=None, outcomes=pack(r)[0], ties=msgspec.UNSET
        )
        for s, r in enumerate(rows)
    ]


@pytest.fixture
def rows():
    rng = np.random.default_rng(5)
    return {"vanilla": outcomes(rng, 0.7), "confident": outcomes(rng, 0.8), "logconf": outcomes(rng, 0.75)}


@pytest.fixture
def board(rows):
    """A leaderboard of `math` on `tiny` with outcomes that are known."""
    whole = document.read(README)
    setting = next(s for s in whole.settings if s.task == "math")
    clusters = [i // 2 for i in range(2 * QUESTIONS)]
    lines = {
        name: msgspec.structs.replace(
            base,
            per_seed=[
                document.SeedAccuracy(seed=s, accuracy=float(r.mean()), outcomes=pack(r)[0])
                for s, r in enumerate(outcomes(np.random.default_rng(i), base.mean))
            ],
        )
        for i, (name, base) in enumerate({"weak": setting.weak, "ceiling": setting.ceiling}.items())
    }
    setting = msgspec.structs.replace(setting, n_test=2 * QUESTIONS, clusters=clusters, gap=0.25, **lines)
    vanilla = next(r for r in whole.rows if r.method == "vanilla" and r.task == "math")
    made = [
        msgspec.structs.replace(
            vanilla, method=name, transfer=document.Transfer(mean=float(r.mean()), per_seed=line(r))
        )
        for name, r in rows.items()
    ]
    return msgspec.structs.replace(whole, settings=[setting], rows=made, claims=[])


@pytest.fixture
def store(board, tmp_path):
    folder = tmp_path / "store" / "runs" / "20260101-000000-aaaa"
    folder.mkdir(parents=True)
    canonical.write(board, folder / "leaderboard.json")
    return tmp_path / "store"


def asked(*arguments):
    # the group's `main` turns a HarnessError into its line and exit code; here it is raised
    done = CliRunner().invoke(command, [*map(str, arguments)], standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done.output


def test_variances_of_the_store_are_those_of_its_outcomes(board, rows):
    found = pilots([("new", board)], "math", "tiny", "vanilla")
    codes = [i // 2 for i in range(2 * QUESTIONS)]
    blocks = {name: block(range(SEEDS), r, codes) for name, r in rows.items()}
    assert [p.method for p in found.found] == ["confident", "logconf"]
    assert found.found[0].components == components(blocks["confident"], blocks["vanilla"])
    assert (found.found[0].seeds, found.gap, found.gap_run) == (SEEDS, 0.25, "new")
    for part in ("question", "cell"):
        low, middle, high = (getattr(getattr(found.found[0], e), part) for e in ("low", "components", "high"))
        assert low <= middle <= high


def test_the_newest_run_of_a_method_speaks(board):
    without = msgspec.structs.replace(board, rows=[r for r in board.rows if r.method != "logconf"])
    found = pilots([("new", without), ("old", board)], "math", "tiny", "vanilla")
    assert {p.method: p.run for p in found.found} == {"confident": "new", "logconf": "old"}


def test_predictions_that_are_the_references_tell_no_variance(board):
    vanilla = next(row for row in board.rows if row.method == "vanilla")
    twin = msgspec.structs.replace(vanilla, method="logconf")
    rows = [row for row in board.rows if row.method != "logconf"]
    same = msgspec.structs.replace(board, rows=[*rows, twin])
    assert [p.method for p in pilots([("new", same)], "math", "tiny", "vanilla").found] == ["confident"]


def test_runs_of_other_settings_and_without_the_reference_say_nothing(board):
    assert pilots([("new", board)], "math", "smollm2", "vanilla").found == ()
    assert pilots([("new", board)], "math", "tiny", "self-training").found == ()


def test_a_leaderboard_of_another_format_is_left_out(store):
    other = store / "runs" / "20260102-000000-bbbb"
    other.mkdir()
    (other / "leaderboard.json").write_text('{"schema": "w2s-leaderboard/9"}')
    assert [run for run, _ in boards_of(store)] == ["20260101-000000-aaaa"]


def test_methods_are_named_as_on_the_leaderboard():
    assert items("a, b[x=1,y=2],c*") == ["a", "b[x=1,y=2]", "c*"]
    assert names("confident", "confident[margin=0.3]")
    assert names("conf*", "confident")
    assert names("confident[margin=0.3]", "confident[margin=0.3]")
    assert not names("confident[margin=0.2]", "confident[margin=0.3]")


def test_assumed_variances_shrink_with_the_rows_of_a_question():
    one, four = Assumed().components(1.0), Assumed().components(4.0)
    assert one.seed == four.seed
    assert (four.question, four.cell) == (one.question / 4, one.cell / 4)


def test_answers_in_json_come_from_the_stores_variances(store, board):
    found = json.loads(
        asked("--tasks", "math", "--store", store, "--limit", 200, "--json", "--difference", 0.4)
    )
    pilot = pilots([("r", board)], "math", "tiny", "vanilla").found[0]
    first = found["answers"][0]
    assert (first["method"], first["source"]) == ("confident", "20260101-000000-aaaa")
    questions = first["holdout"]["questions"]
    assert first["holdout"]["rows"] == 200
    assert first["seeds"]["count"] == seeds_needed(pilot.components, 0.4 * 0.25, questions)
    least = minimum_detectable(pilot.components, 5, questions) / 0.25
    assert first["detectable"] == pytest.approx(least)


def test_what_is_given_goes_above_what_the_store_holds(store):
    text = asked("--tasks", "math", "--store", store, "--limit", 200, "--seed-sd", 0.02, "--gap", 0.3)
    assert "any method" in text
    assert "(assumed): 0.020 by seed" in text
    assert "gap 0.300 (--gap)" in text


def test_more_comparisons_need_more_seeds(tmp_path):
    base = ["--tasks", "math", "--store", tmp_path, "--gap", 0.3, "--json"]
    one, many = (
        json.loads(asked(*base, "--comparisons", m))["answers"][0]["seeds"]["count"] for m in (1, 15)
    )
    assert one < many


def test_sentences_say_what_no_number_reaches(store):
    text = asked("--tasks", "math", "--store", store, "--limit", 200, "--difference", 0.001)
    assert "out of reach of any number of seeds" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--tasks", "math"], "Give --gap"),
        (["--tasks", "math", "--gap", "0.3", "--methods", "vanila"], "did you mean 'vanilla'"),
        (["--tasks", "mth", "--gap", "0.3"], "did you mean 'math'"),
        (["--gap", "0.3", "--power", "0.04"], "chance alone"),
    ],
)
def test_bad_input_is_one_line(arguments, words, tmp_path):
    with pytest.raises(UsageError, match=words) as bad:
        asked(*arguments, "--store", tmp_path)
    assert "\n" not in str(bad.value)


@pytest.mark.parametrize(
    "arguments",
    [["--gap", "nan"], ["--alpha", "0"], ["--power", "1"], ["--seed-sd", "-1"], ["--difference", "0"]],
)
def test_numbers_out_of_bounds_are_refused(arguments):
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code != 0
    assert "Invalid value" in done.output


def test_nothing_beside_the_reference_is_nothing(tmp_path):
    with pytest.raises(NothingSelectedError):
        asked("--tasks", "math", "--gap", 0.3, "--methods", "vanilla", "--store", tmp_path)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Range(20), "needs 20 seeds"),
        (Range(20, 11, 72, True), "needs 20 seeds (11 to 72)"),
        (Range(20, 11, None, True), "needs 20 seeds (11 or more; with the highest none will do)"),
        (Range(None), "is out of reach of any number of seeds"),
        (Range(None, None, None, True), "is out of reach of any number of seeds"),
        (
            Range(None, 21, None, True),
            "is out of reach of any number of seeds; with the lowest variances of the range 21 would do",
        ),
    ],
)
def test_what_no_number_reaches_is_not_said_to_be_reached(found, said):
    assert _counted(found, "seeds") == said
    assert (_seen(0.5), _seen(4.85)) == ("0.50 PGR", "no difference under 1 PGR")
