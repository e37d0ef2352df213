import json

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from w2s_harness.contract import plan
from w2s_harness.contract.errors import DataError
from w2s_harness.report.document.canonical import document_bytes, write
from w2s_harness.report.document.document import decode, label, read


def test_what_is_written_reads_back_equal(board, tmp_path):
    path = tmp_path / "leaderboard.json"
    write(board, path)
    assert read(path) == board


CHANGES = [
    (lambda d: d["rows"][0].update(rank="first"), r"\$.rows\[0\].rank"),
    (lambda d: d["rows"][3].update(pgr="0.5"), r"\$.rows\[3\].pgr"),
    (lambda d: d["rows"][1].pop("compute"), r"`compute` - at `\$.rows\[1\]`"),
    (lambda d: d["rows"][1].update(score=1), r"`score` - at `\$.rows\[1\]`"),
    (lambda d: d["rows"][1].update(status="won"), r"\$.rows\[1\].status"),
    (lambda d: d["settings"][0]["weak"].update(mean=1.5), r"\$.settings\[0\].weak.mean"),
    (lambda d: d["rows"][2]["verdicts"][0].update(level="bad"), r"verdicts\[0\].level"),
    (lambda d: d["settings"][0].update(gap_ci=[0.1]), r"\$.settings\[0\].gap_ci"),
    (lambda d: d["rows"][3].update(pgr_ci=None), r"reason does not say why - at `\$.rows\[3\]`"),
    (lambda d: d["settings"][0].update(gap_ci=None), r"reason does not say why - at `\$.settings\[0\]`"),
    (lambda d: d["rows"][3].update(status="skipped"), r"reason does not say why"),
    (lambda d: d.update(extra=1), r"`extra` - at `\$`"),
    (lambda d: d.update(schema="w2s-leaderboard/2"), r"'w2s-leaderboard/2' at `\$.schema`; .*reads"),
]


@pytest.mark.parametrize(("change", "says"), CHANGES)
def test_what_breaks_the_format_is_named_with_file_and_path(board, tmp_path, change, says):
    document = json.loads(document_bytes(board))
    change(document)
    path = tmp_path / "theirs.json"
    path.write_text(json.dumps(document))
    with pytest.raises(DataError, match=says) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.json: no such file"):
        read(tmp_path / "nowhere.json")


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"schema": NaN}', b"null", b"[]", b"3"]
)
def test_what_is_no_leaderboard_is_one_line(data):
    with pytest.raises(DataError, match=r"^x(:1)?: "):
        decode(data, "x")


def test_a_key_that_stands_twice_is_refused(board):
    text = document_bytes(board).decode().replace('"pgr":', '"pgr":0.9,\n"pgr":', 1)
    with pytest.raises(DataError, match=r"^x:2: the key 'pgr' stands twice"):
        decode(text.encode(), "x")


@given(st.binary(max_size=60))
def test_any_bytes_decode_or_are_a_data_error(data):
    with pytest.raises(DataError):
        decode(data, "x")


def test_outcomes_may_be_left_out_but_are_not_null(board):
    document = json.loads(document_bytes(board))
    entry = document["settings"][0]["weak"]["per_seed"][0]
    del entry["outcomes"]
    assert decode(json.dumps(document).encode(), "x").settings[0].weak.per_seed[0].outcomes is msgspec.UNSET
    entry["outcomes"] = None
    with pytest.raises(DataError, match="outcomes"):
        decode(json.dumps(document).encode(), "x")


def test_a_label_shows_parameters_sorted(board):
    labels = [label(row) for row in board.rows]
    assert "confident[margin=0.3,soft=true]" in labels
    assert "vanilla" in labels


@given(
    st.dictionaries(
        st.text("abxyz_", min_size=1, max_size=5),
        st.booleans()
        | st.integers(-9, 9)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=5),
        max_size=3,
    )
)
# no example changes the board
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_a_row_is_called_as_its_cells_are(board, changed):
    row = msgspec.structs.replace(board.rows[0], method="mine", parameters=changed)
    read_back = msgspec.convert(json.loads(json.dumps(msgspec.to_builtins(row))), type(row))
    assert label(row) == label(read_back) == plan.label("mine", changed)
