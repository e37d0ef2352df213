"""Work is charged before it is done: no request is a gift, however it is written."""

from __future__ import annotations

import time
import tracemalloc

import msgspec
import numpy as np
import pytest

from w2s_harness.contract.kinds import KINDS, VERIFY
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.students import control
from w2s_harness.students.lm.text import encode, texts
from w2s_harness.students.lm.zero_shot import PER_TOKEN, Prompts, Template, margins, render
from w2s_harness.students.session import reading
from w2s_harness.students.session.serving import MAX_READINGS, CellSession
from w2s_harness.students.shelf import Shelf

from .asking import handle, ints, refused, values

N, M = 30, 10
CONTEXT = 96
ASK = "{question} {candidate} ?"


@pytest.fixture(scope="module")
def shelf():
    return Shelf()


@pytest.fixture
def open_cell(shelf, llama, verify_rows, preference_rows):
    def make(kind="verify", **changes) -> CellSession:
        rows = verify_rows if kind == "verify" else preference_rows
        order = control.OpenCell(
            model=llama, mode="probe", kind=kind,
            train=control.SplitRef(rows=rows[:N]), train_order=ints(range(N)),
            test=control.SplitRef(rows=rows[N:]), test_order=ints(range(M)),
            shape=shelf.shape(llama), access=("embeddings", "generate", "transductive"),
        )  # fmt: skip
        return CellSession(msgspec.structs.replace(order, **changes), shelf)

    return make


def rows(values=range(N), phase="train") -> wire.RowsRef:
    return wire.RowsRef(phase, ints(values))


def spent(cell, request):
    """Tokens that a request was charged, and its reply."""
    before = cell.close().tokens
    reply = cell.serve(request)
    return cell.close().tokens - before, reply


# -- ensembles ------------------------------------------------------------------------------------------


def test_nested_ensembles_end_where_a_row_would_be_read_too_often(open_cell):
    cell, began = open_cell(), time.monotonic()
    made = [handle(cell.serve(wire.Prior()))]
    while isinstance(reply := cell.serve(wire.EnsembleOf((made[-1],) * 4)), wire.Handled):
        made.append(reply.handle)
    refused(reply, f"reads each row 1024 times is over the {MAX_READINGS} allowed")
    assert len(made) == 5
    cell.serve(wire.Predict(made[-1], rows([])))
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("wide", [False, True])
def test_a_swap_counts_twice_unless_a_member_is_odd(open_cell, wide):
    cell = open_cell("preference")
    member = handle(cell.serve(wire.Prior("compare"))) if wide else handle(cell.serve(fit()))
    half = handle(cell.serve(wire.EnsembleOf((member,) * 16)))
    reply = cell.serve(wire.EnsembleOf((half,) * 16, swap_average=True))
    refused(reply, "512 times") if wide else handle(reply)


def test_no_rows_are_charged_one_token_for_each_student(open_cell):
    cell = open_cell()
    ensemble = handle(cell.serve(wire.EnsembleOf(tuple(handle(cell.serve(fit(seed=s))) for s in range(5)))))
    assert spent(cell, wire.Predict(ensemble, rows([])))[0] == 5
    assert spent(cell, wire.ZeroShotMargins(rows([]), ASK, shots=((0, 1.0),)))[0] == 1
    for request in (
        wire.Embed(rows([])), wire.Embed(rows([]), answer=1), wire.Embed(rows([]), layer=1, template=ASK),
        wire.Predict(handle(cell.serve(wire.Prior("sum"))), rows([])),
    ):  # fmt: skip
        charged, reply = spent(cell, request)
        assert charged >= 1 and len(values(reply)) == 0
    assert isinstance(cell.serve(wire.Generate(rows([]), ASK, 8)), wire.Noted)


def fit(seed=0) -> wire.Fit:
    return wire.Fit(rows(), wire.pack(np.random.default_rng(seed).uniform(size=N)))


# -- prompts --------------------------------------------------------------------------------------------

LONG = "{question}" * 190 + "{candidate}"
FLOODS = {
    "a template that repeats the question": wire.ZeroShotMargins(rows(), LONG),
    "shots by the thousand": wire.ZeroShotMargins(rows(), ASK, shots=((0, 1.0),) * 4000),
    "shots by the thousand for no row": wire.ZeroShotMargins(rows([]), ASK, shots=((0, 1.0),) * 4000),
    "shots before likelihoods": wire.ZeroShotMargins(rows(), "sum", shots=((0, 1.0),) * 4000),
    "long shots by the thousand": wire.ZeroShotMargins(rows([]), LONG, shots=((0, 1.0),) * 4000),
    "a note that repeats the question": wire.Generate(rows(), LONG),
    "states under a long template": wire.Embed(rows(), layer=1, template=LONG),
}


@pytest.mark.parametrize("what", FLOODS)
def test_prompts_over_what_a_context_can_hold_are_refused_before_one_is_built(open_cell, what, monkeypatch):
    cell = open_cell()
    for name in ("zero_shot.render", "zero_shot.encode"):
        monkeypatch.setattr(f"w2s_harness.students.lm.{name}", lambda *_: pytest.fail("a prompt was built"))
    tracemalloc.start()
    refused(cell.serve(FLOODS[what]), f"over the {PER_TOKEN * CONTEXT} for a context of {CONTEXT} tokens")
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


def test_a_prior_with_too_many_shots_fails_where_it_is_read(open_cell):
    cell = open_cell()
    prior = handle(cell.serve(wire.Prior(ASK, shots=((0, 1.0),) * 4000)))
    refused(cell.serve(wire.Predict(prior, rows())), "shots and notes add")


def test_notes_count_for_a_prompts_length(open_cell):
    cell = open_cell()
    reply = cell.serve(wire.Generate(rows(), ASK, 40))
    assert isinstance(reply, wire.Noted)
    read = "{note}" * 300 + ASK
    refused(cell.serve(wire.ZeroShotMargins(rows(), read, notes=reply.notes)), "shots and notes add")
    values(cell.serve(wire.ZeroShotMargins(rows(), "{note}" + ASK, notes=reply.notes)))


def test_the_whole_of_a_requests_prompts_is_bounded(open_cell, monkeypatch):
    monkeypatch.setattr("w2s_harness.students.lm.zero_shot.MOST_ADDED", 1000)
    refused(open_cell().serve(wire.ZeroShotMargins(rows(), "{question}" * 9 + ASK)), "prompts of one request")


def test_what_is_left_has_to_suffice_for_the_length_of_the_prompts(open_cell, monkeypatch):
    cell = open_cell(limits=control.CellBudget(vanillas=0.4))
    monkeypatch.setattr(
        "w2s_harness.students.lm.zero_shot.encode", lambda *_: pytest.fail("it was tokenised")
    )
    refused(cell.serve(wire.ZeroShotMargins(rows(), "{question}" * 9 + ASK)), "FLOPs", fatal=True)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("name", ["sum", "ask", "compare", "{note} is {note} of {question}"])
def test_lengths_are_those_of_the_prompts(llama, verify_rows, preference_rows, kind, name):
    given = (verify_rows if kind is VERIFY else preference_rows)[:6]
    known = llama.templates.get(name)
    template = Template(**known) if known else Template("answer", text=name)
    prompts = Prompts(template, given, kind, notes=["a note"] * 6 if "note" in name else None)
    asked = [render(template, row, "a note") + " yes" for row in given]
    if template.kind == "answer":
        assert list(prompts._lengths()) == [len(text) for text in asked]
    shots = [(given[0], 1.0), (given[1], 0.0)]
    before = Prompts(template, given, kind, shots)._before()
    told = render(template, given[0]) + " yes\n\n" + render(template, given[1]) + " no\n\n"
    if template.kind == "answer":
        assert before == len(told)
    else:
        pairs = texts([given[0]], kind)
        assert before >= max(len(question) + len(response) for question, response in pairs) + 2


def test_what_was_read_is_charged_in_place_of_the_length(open_cell, loaded, verify_rows):
    template = Template("answer", text=ASK)
    _, tokens = margins(loaded, template, verify_rows[:N], "verify", ())
    charged, _ = spent(open_cell(), wire.ZeroShotMargins(rows(), ASK))
    assert charged == tokens.sum()


def test_states_under_a_template_are_charged_what_they_read(open_cell, loaded, verify_rows):
    asked = "{question}" * 5 + "{candidate}"
    charged, _ = spent(open_cell(), wire.Embed(rows([3]), layer=1, template=asked))
    text = render(Template("answer", text=asked), verify_rows[3])
    assert charged == len(encode(loaded.tokenizer, [("", text)], CONTEXT)[0].ids)


def test_texts_are_tokenised_by_parts_to_the_same_ids(loaded, monkeypatch):
    pairs = [(f"Tom has {i} apples\n", f"the answer is {i}") for i in range(50)]
    whole = encode(loaded.tokenizer, pairs, CONTEXT)
    monkeypatch.setattr("w2s_harness.students.lm.text._PART", 100)
    assert encode(loaded.tokenizer, pairs, CONTEXT) == whole


# -- rows -----------------------------------------------------------------------------------------------


def test_a_row_that_a_request_repeats_is_read_once(open_cell):
    cell = open_cell()
    often = [*range(N), *([5] * 1000), 2]
    h = handle(cell.serve(fit()))
    for request in (wire.Predict(h, rows()), wire.ZeroShotMargins(rows(), ASK), wire.Embed(rows())):
        once, one = spent(cell, request)
        many, all_of_them = spent(cell, msgspec.structs.replace(request, rows=rows(often)))
        assert many == once
        assert values(all_of_them).tobytes() == values(one)[often].tobytes()


def test_notes_are_written_once_for_a_repeated_row_and_stand_for_each(open_cell):
    cell = open_cell()
    once, _ = spent(cell, wire.Generate(rows([5, 7]), ASK, 8))
    often, _ = spent(cell, wire.Generate(rows([7, 5, 7, 7, 7]), ASK, 8))
    assert often == once
    two = values(cell.serve(wire.ZeroShotMargins(rows([5, 7]), "{note}" + ASK, notes=0)))
    five = values(cell.serve(wire.ZeroShotMargins(rows([7, 5, 7, 7, 7]), "{note}" + ASK, notes=1)))
    assert five == pytest.approx(two[[1, 0, 1, 1, 1]], abs=1e-5)


def test_an_embedding_too_large_to_send_is_refused_before_it_is_read(open_cell, monkeypatch):
    monkeypatch.setattr(reading, "MAX_REPLY", 100)
    cell = open_cell()
    for request in (wire.Embed(rows()), wire.Embed(rows(), layer=1), wire.Embed(rows(), answer=1)):
        charged, reply = spent(cell, request)
        refused(reply, "bytes of embeddings are over the 100 allowed")
        assert charged == 0


def test_a_pass_over_the_whole_split_is_paid_by_who_asks_for_one_row(open_cell):
    cell = open_cell()
    row, _ = spent(cell, wire.Embed(rows([0])))
    whole, _ = spent(cell, wire.Embed(rows()))
    assert row < whole
    for request in (wire.Embed(rows([0]), layer=1), wire.Embed(rows([0]), answer=1)):
        assert [spent(cell, request)[0] for _ in range(3)] == [whole, row, row]
    # as many passes as the shelf keeps none of when the first is asked for again
    for phase, answer in (("test", None), ("test", 0), ("test", 1), ("train", 0), ("train", 1)):
        cell.serve(wire.Embed(rows([0], phase), layer=1, answer=answer))
    assert spent(cell, wire.Embed(rows([0]), layer=1))[0] == whole
