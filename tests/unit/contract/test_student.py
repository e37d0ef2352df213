"""What a method may ask of its student, and what it is told when it asks wrongly."""

from __future__ import annotations

import numpy as np
import pytest

from w2s_harness import Handle, Rows, Student, StudentError
from w2s_harness.contract.worker.handles import Shown
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.contract.worker.wire.row_text import TextRow


class Connection:
    def __init__(self, reply: wire.Reply) -> None:
        self.reply = reply
        self.requests: list[wire.Request] = []

    def call(self, request):
        self.requests.append(request)
        return self.reply


def student(reply=None, *, kind="verify", features=2):
    connection = Connection(reply or wire.Handled(4))
    return Student(connection, kind=kind, layers=3, features=features, templates=("plain",)), connection


def rows(n=5, kind="verify", phase="train") -> Rows:
    return Rows.first(n, kind, phase)


def index(taken: Rows) -> list[int]:
    return wire.unpack(taken._ref().index).tolist()


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        (np.array([True, False, True, False, False]), [0, 2]),
        ([True, False, True, False, False], [0, 2]),
        (np.array([4, 4, -1]), [4, 4, 4]),
        ([], []),
        (slice(1, None, 2), [1, 3]),
        (2, [2]),
        (np.int64(-5), [0]),
    ],
)
def test_rows_are_taken_as_from_an_array(which, expected):
    assert index(rows()[which]) == expected


@pytest.mark.parametrize(
    ("which", "error", "message"),
    [
        ([True, False], IndexError, "mask of shape"),
        (5, IndexError, "row 5 is out of range for 5 rows"),
        ([-6], IndexError, "row -6"),
        ([0.5], TypeError, "mask, integers"),
        ("a", TypeError, "mask, integers"),
    ],
)
def test_rows_refuse_what_does_not_fit(which, error, message):
    with pytest.raises(error, match=message):
        rows()[which]


def test_rows_go_together_and_keep_their_swap():
    some = rows(3, "preference")
    both = some[:1] + some[1:].swap
    assert len(both) == 3 and index(both) == [0, 1, 2]
    assert wire.unpack(both._ref().swap).tolist() == [0, 1, 1]
    assert wire.unpack(both.swap._ref().swap).tolist() == [1, 0, 0]
    assert some._ref().swap is None and some.swap.swap._ref().swap is None


def test_rows_of_verify_have_no_swap_and_phases_do_not_mix():
    with pytest.raises(StudentError, match="no swap"):
        _ = rows().swap
    with pytest.raises(StudentError, match="put together"):
        rows() + rows(phase="test")


def test_rows_can_be_walked_through_but_show_no_position():
    assert [index(r) for r in rows(3)] == [[0], [1], [2]]
    assert repr(rows(3)[[2]]) == "<1 verify rows>"
    shown = {name for name in dir(rows()) if not name.startswith("_")}
    assert shown == {"first", "orders", "swap", "group", "conflicts", "text"}


SHOWN = Shown(
    ("groups", "text"),
    np.array([0, 1, 0, 1, 0]),
    np.array([[0, 2], [1, 3], [2, 4]]),
    tuple(TextRow(f"q{i % 2}", None, f"a{i}", f"b{i}") for i in range(5)),
)


def shown(kind="preference") -> Rows:
    return Rows.first(5, kind, "train", SHOWN)


def test_rows_show_their_questions_however_they_are_taken():
    assert shown().group.tolist() == [0, 1, 0, 1, 0]
    assert shown()[[3, 0]].swap.group.tolist() == [1, 0]
    assert (shown()[:1] + shown()[3:]).group.tolist() == [0, 1, 0]
    assert shown()[2]._shown is SHOWN


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        (slice(None), [[0, 2], [1, 3], [2, 4]]),
        ([3, 2, 1, 4], [[0, 2], [1, 3]]),
        ([2, 0, 2], [[0, 1], [1, 2]]),
        ([4, 2, 2, 4], [[0, 1], [0, 2], [1, 3], [2, 3]]),
        ([0, 1], []),
        ([], []),
    ],
)
def test_conflicts_are_positions_in_the_rows_that_were_taken(which, expected):
    found = shown()[which].conflicts
    assert found.tolist() == expected and found.shape == (len(expected), 2)


def test_no_conflicts_are_an_empty_array():
    rows = Rows.first(2, "verify", "train", Shown(("groups",), np.zeros(2, int), np.empty((0, 2), int)))
    assert rows.conflicts.shape == (0, 2)


def test_swapped_rows_show_their_responses_exchanged():
    both = shown()[:1] + shown()[1:2].swap
    assert [(t.prompt, t.first, t.second) for t in both.text] == [("q0", "a0", "b0"), ("q1", "b1", "a1")]
    assert shown().text[1].first == "a1"


@pytest.mark.parametrize(("name", "access"), [("group", "groups"), ("conflicts", "groups"), ("text", "text")])
def test_what_was_not_released_says_which_access_it_needs(name, access):
    with pytest.raises(StudentError) as caught:
        getattr(rows(), name)
    assert str(caught.value) == (
        f'rows.{name} needs the access {access}: put access = ("{access}",) into the method\'s class and run '
        f"with --grant {access}"
    )
    with pytest.raises(StudentError, match=f"rows.{name}: a guard of this run keeps it back"):
        getattr(Rows.first(5, "verify", "train", Shown((access,))), name)


def test_fit_sends_all_that_was_named():
    who, connection = student()
    start = Handle(connection, 9)
    handle = who.fit(
        rows()[:2],
        [0, 0.25],
        weight=[1, 2],
        loss=("product", {"alpha": 2, "beta": 0.5}),
        epochs=3,
        lr=0.01,
        init=start,
        seed=np.int64(7),
        trace=True,
    )
    (sent,) = connection.requests
    assert wire.unpack(sent.targets).tolist() == [0, 0.25] and wire.unpack(sent.weight).tolist() == [1, 2]
    assert (sent.loss, sent.options) == ("product", {"alpha": 2.0, "beta": 0.5})
    assert (sent.epochs, sent.lr, sent.init, sent.seed, sent.trace) == (3, 0.01, 9, 7, True)
    assert handle.trace is None


def test_fit_returns_the_losses_that_the_service_traced():
    who, _ = student(wire.Handled(1, wire.pack([[0.7, 0.6], [0.1, 0.2]])))
    assert who.fit(rows()[:2], [0, 1], trace=True).trace.tolist() == [[0.7, 0.6], [0.1, 0.2]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"targets": [0, 1]}, r"targets have shape \(2,\), expected \(5,\)"),
        ({"targets": [0, 1, np.nan, 1, np.inf]}, "targets hold 2 values that are NaN or infinite"),
        ({"targets": [0, 1, 2, 0, -1]}, r"targets reach from -1 to 2, expected \[0, 1\]"),
        ({"targets": ["a"] * 5}, "targets are not numbers"),
        ({"weight": [1, 1, 1, 1, -1]}, "weight reach from -1"),
        ({"weight": [0] * 5}, "weight is zero for every row"),
        ({"loss": "logcnf"}, r"did you mean 'logconf'\?"),
        ({"loss": ("logconf", {"a": float("nan")})}, "loss option a is nan"),
        ({"epochs": 0}, "epochs is 0.0, expected a positive number"),
        ({"lr": "fast"}, "lr is 'fast'"),
        ({"init": 3}, "init: expected what student.fit"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"rows": Rows.first(0, "verify", "train"), "targets": []}, "no rows to train on"),
        ({"rows": [1, 2, 3, 4, 5]}, "expected rows"),
    ],
)
def test_fit_says_what_is_wrong_before_anything_is_sent(arguments, message):
    who, connection = student()
    with pytest.raises(StudentError, match=message):
        who.fit(**{"rows": rows(), "targets": [0, 1, 0, 1, 0.5], **arguments})
    assert connection.requests == []


def test_a_refused_request_tells_the_reason():
    who, _ = student(wire.Refused("64 fits are spent"))
    with pytest.raises(StudentError, match="64 fits are spent"):
        who.fit(rows(), [0.5] * 5)


def test_an_answer_of_another_kind_is_an_error():
    who, _ = student(wire.Left(1, 2, 3.0))
    with pytest.raises(StudentError, match="answered Fit with Left"):
        who.fit(rows(), [0.5] * 5)


def test_a_handle_predicts_and_tells_losses():
    connection = Connection(wire.Values(wire.pack([0.25, 0.75])))
    handle = Handle(connection, 3)
    assert handle.predict(rows(2)).tolist() == [0.25, 0.75]
    handle.losses(rows(2), [0, 1])
    assert connection.requests[1].handle == 3
    with pytest.raises(StudentError, match="targets have shape"):
        handle.losses(rows(2), [0])


def test_zero_shot_shots_are_single_training_rows():
    who, connection = student(wire.Values(wire.pack([1.0])), kind="preference")
    pair = rows(4, "preference")
    assert who.zero_shot(pair[:1], shots=[(pair[3], 1)]).tolist() == [1.0]
    assert connection.requests[0].shots == ((3, 1.0),)
    for bad in (pair[:2], pair[3].swap, rows(4, "preference", "test")[0]):
        with pytest.raises(StudentError, match="a shot is one training row"):
            who.zero_shot(pair[:1], shots=[(bad, 1)])
    with pytest.raises(StudentError, match="a shot's label is 2"):
        who.zero_shot(pair[:1], shots=[(pair[3], 2)])


def test_embed_counts_layers_from_either_end():
    who, connection = student(wire.Values(wire.pack(np.ones((5, 2)), "f4")))
    assert who.embed(rows(), layer=-1, answer=1).dtype == np.float64
    assert (connection.requests[0].layer, connection.requests[0].answer) == (2, 1)
    for layer in (3, -4, "last"):
        with pytest.raises(StudentError, match="layer is"):
            who.embed(rows(), layer=layer)


def test_ensemble_and_head_check_their_arguments():
    who, connection = student()
    handles = [Handle(connection, 1), Handle(connection, 2)]
    assert isinstance(who.ensemble(handles, how="mean", trim=0.15, swap_average=True), Handle)
    assert connection.requests[0] == wire.EnsembleOf((1, 2), "mean", 0.15, True)
    for arguments in ({"handles": []}, {"handles": handles, "trim": 0.5}, {"handles": handles, "how": "max"}):
        with pytest.raises(StudentError):
            who.ensemble(**arguments)
    who.head([1.0, -2.0], bias=0.5)
    assert wire.unpack(connection.requests[1].weights).tolist() == [1.0, -2.0]
    with pytest.raises(StudentError, match="weights have shape"):
        who.head([1.0])
    with pytest.raises(StudentError, match="no feature vector"):
        student(features=0)[0].head([1.0])


def test_prior_and_budget():
    who, connection = student()
    who.prior(bias=1)
    assert connection.requests[0] == wire.Prior(None, 1.0)
    with pytest.raises(StudentError, match="bias is inf"):
        who.prior(bias=float("inf"))
    assert student(wire.Left(3, 4, 5.0))[0].budget.fits == 3


def chained(reply=None, abilities=("generate",)):
    connection = Connection(reply or wire.Handled(4))
    asked = Student(
        connection, kind="verify", layers=3, features=2, templates=("plain",), abilities=abilities,
        chain=[("small",), ("middle", "other")],
    )  # fmt: skip
    return asked, connection


def test_students_of_a_chain_name_themselves_in_every_request():
    whole, connection = chained()
    small, middle = whole.chain
    assert (whole.templates, small.templates, middle.templates) == (
        ("plain",),
        ("small",),
        ("middle", "other"),
    )
    assert small.chain == () and whole.abilities == ("generate",) and small.abilities == ()
    for asked in (whole, small, middle):
        asked.fit(rows(), [0.5] * 5)
        asked.prior()
    connection.reply = wire.Values(wire.pack([0.5] * 5))
    middle.zero_shot(rows())
    connection.reply = wire.Values(wire.pack(np.zeros((5, 2))))
    middle.embed(rows())
    assert [r.model for r in connection.requests] == [0, 0, 1, 1, 2, 2, 2, 2]


def test_how_large_a_chain_student_is_is_asked_once():
    whole, connection = chained(wire.StudentSize(7, 12))
    assert (whole.layers, whole.features) == (3, 2) and not connection.requests
    assert (whole.chain[1].layers, whole.chain[1].features) == (7, 12)
    assert connection.requests == [wire.Measure(2)]


def test_handles_of_different_models_do_not_meet():
    whole, connection = chained()
    small = whole.chain[0]
    one, other = whole.fit(rows(), [0.5] * 5), small.fit(rows(), [0.5] * 5)
    asked = len(connection.requests)
    for mixed in (
        lambda: whole.ensemble([one, other]), lambda: small.ensemble([one]),
        lambda: whole.fit(rows(), [0.5] * 5, init=other), lambda: small.fit(rows(), [0.5] * 5, init=one),
    ):  # fmt: skip
        with pytest.raises(StudentError, match="a student of another model cannot stand here"):
            mixed()
    small.ensemble([other, other])
    assert len(connection.requests) == asked + 1


def test_notes_go_back_by_number_to_the_rows_they_were_written_on():
    whole, connection = chained(wire.Noted(3))
    notes = whole.generate(rows(), "{choice}", 7)
    assert len(notes) == 5 and connection.requests[-1].max_tokens == 7
    connection.reply = wire.Values(wire.pack([0.5] * 5))
    whole.zero_shot(rows(), "{choice} {note}", notes=notes, reader="weak")
    assert (connection.requests[-1].notes, connection.requests[-1].reader) == (3, "weak")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.generate(rows(), "{choice}", 257), "max_tokens is 257, expected 1 to 256"),
        (lambda s: s.generate(rows(), "{choice}", 1.5), "max_tokens is 1.5, expected a whole number"),
        (lambda s: s.chain[0].generate(rows(), "{choice}"), "only the strong student writes notes"),
        (lambda s: s.zero_shot(rows(), reader="gold"), "reader is 'gold', expected one of strong, weak"),
        (lambda s: s.zero_shot(rows(), notes=["text"] * 5), "notes: expected what student.generate"),
        (lambda s: s.zero_shot(rows(3), notes=s.generate(rows(), "{choice}")), "5 notes for 3 rows"),
    ],
)
def test_notes_are_checked_before_they_are_asked_for(call, message):
    whole, _ = chained(wire.Noted(0))
    with pytest.raises(StudentError, match=message):
        call(whole)
