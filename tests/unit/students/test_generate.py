"""Notes: what the student writes, who reads it, and what it costs."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
import pytest

from w2s_harness.contract.errors import ModelError
from w2s_harness.contract.kinds import VERIFY
from w2s_harness.contract.types import Model
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.students import control
from w2s_harness.students.lm.loading import load
from w2s_harness.students.lm.zero_shot import Template, generate, margins, render
from w2s_harness.students.session.serving import CellSession
from w2s_harness.students.shelf import Shelf

from .asking import ints, refused, values

N = 12
ASK = "{question} {candidate} ?"
READ = "{question} {candidate} : {note} so correct ?"
PROMPTS = ["Tom has 1 2 3", "apples left now", "Tom has"]


def nothing(tokens: int) -> None:
    pass


@pytest.fixture(scope="module")
def shelf():
    return Shelf()


@pytest.fixture(scope="module")
def weak(build) -> Model:
    return Model(source=build("Qwen2"), max_tokens=96)


@pytest.fixture
def open_cell(shelf, llama, weak, verify_rows):
    def make(**changes) -> CellSession:
        order = control.OpenCell(
            model=llama, mode="probe", kind="verify",
            train=control.SplitRef(rows=verify_rows[:N]), train_order=ints(range(N)),
            test=control.SplitRef(rows=verify_rows[N:]), test_order=ints(range(len(verify_rows) - N)),
            shape=shelf.shape(llama), access=("generate",), weak=weak,
        )  # fmt: skip
        return CellSession(msgspec.structs.replace(order, **changes), shelf)

    return make


def rows(values=range(N), phase="train") -> wire.RowsRef:
    return wire.RowsRef(phase, ints(values))


def noted(reply):
    assert isinstance(reply, wire.Noted), reply
    return reply.notes


def test_decoding_takes_the_likeliest_token_as_a_whole_pass_over_the_text_would(loaded):
    import torch

    (note,) = generate(loaded, PROMPTS[:1], 6, nothing)
    ids = list(loaded.tokenizer(PROMPTS[0])["input_ids"])
    written = []
    for _ in range(6):
        with torch.inference_mode():
            token = int(loaded.network(torch.tensor([ids + written])).logits[0, -1].argmax())
        if token == loaded.tokenizer.eos_token_id:
            break
        written.append(token)
    assert note == loaded.tokenizer.decode(written) and written


def test_a_note_depends_on_its_own_prompt_only(loaded):
    together = generate(loaded, PROMPTS, 20, nothing)
    assert together == [generate(loaded, [p], 20, nothing)[0] for p in PROMPTS]
    assert generate(loaded, PROMPTS[::-1], 20, nothing) == together[::-1]
    assert len(set(together)) > 1


def test_a_note_ends_where_the_model_ends_it(loaded):
    import torch

    ids = torch.tensor([list(loaded.tokenizer(PROMPTS[0])["input_ids"])])
    first = int(loaded.network(ids).logits[0, -1].argmax())
    assert generate(loaded, PROMPTS[:1], 20, nothing) != [""]
    network = loaded.network
    before = network.config.eos_token_id
    network.config.eos_token_id = [first]
    try:
        assert generate(loaded, PROMPTS[:1], 20, nothing) == [""]
    finally:
        network.config.eos_token_id = before


def test_a_long_prompt_loses_its_start_and_the_note_fits(loaded):
    (short,) = generate(loaded, ["now " * 300], 40, nothing)
    assert short == generate(loaded, ["Tom " + "now " * 300], 40, nothing)[0]
    with pytest.raises(ModelError, match="96 tokens"):
        generate(dataclasses.replace(loaded, context=96), PROMPTS, 95, nothing)


def test_an_encoder_writes_nothing(build):
    encoder = load(Model(source=build("Bert"), readout="mean", max_tokens=96))
    with pytest.raises(ModelError, match="encoder and writes no text"):
        generate(encoder, PROMPTS, 5, nothing)


def test_notes_stand_where_the_template_says(open_cell, shelf, weak, verify_rows, loaded):
    cell = open_cell()
    notes = noted(cell.serve(wire.Generate(rows(), ASK, 8)))
    written = generate(loaded, [render(Template("answer", text=ASK), r) for r in verify_rows[:N]], 8, nothing)
    for reader, model in (("strong", loaded), ("weak", shelf.model(weak))):
        got = values(cell.serve(wire.ZeroShotMargins(rows(), READ, notes=notes, reader=reader)))
        by_hand = [
            TextTemplate(READ.replace("{question}", r.prompt).replace("{candidate}", r.candidate), note)
            for r, note in zip(verify_rows[:N], written, strict=True)
        ]
        expected = [margin(model, t.text.replace("{note}", t.note)) for t in by_hand]
        assert got == pytest.approx(np.array(expected), abs=1e-4)
    assert abs(got - values(cell.serve(wire.ZeroShotMargins(rows(), ASK, reader="weak")))).max() > 1e-3


@dataclasses.dataclass
class TextTemplate:
    text: str
    note: str


def margin(model, text):
    from w2s_harness.contract.worker.wire.row_text import TextRow

    # The row's own text is not read: all of it stands in the template.
    got, _ = margins(model, Template("answer", text=text), [TextRow("", "")], VERIFY, ())
    return float(got[0])


def test_a_note_that_holds_literals_is_not_filled_in():
    from w2s_harness.contract.worker.wire.row_text import TextRow

    template = Template("answer", text="{note} {question}")
    assert render(template, TextRow("Q {note}", "C"), "see {candidate}") == "see {candidate} Q {note}"
    assert render(template, TextRow("Q", "C")) == "{note} Q"


def test_generation_and_the_weak_reader_need_the_access(open_cell):
    cell = open_cell(access=())
    refused(cell.serve(wire.Generate(rows(), ASK)), "does not let this method generate")
    refused(cell.serve(wire.ZeroShotMargins(rows(), ASK, reader="weak")), "ask the weak model")
    refused(
        open_cell(weak=None).serve(wire.ZeroShotMargins(rows(), ASK, reader="weak")), "ask the weak model"
    )


def test_bad_requests_are_refused(open_cell):
    cell = open_cell(limits=control.CellBudget(handles=2))
    refused(cell.serve(wire.Generate(rows(), ASK, 257)), "max_tokens must be within 1 and 256")
    refused(cell.serve(wire.Generate(rows(), ASK, 0)), "max_tokens")
    refused(cell.serve(wire.Generate(rows(), "sum", 5)), "not a likelihood template")
    refused(cell.serve(wire.Generate(rows(), "no literal", 5)), "unknown template")
    refused(cell.serve(wire.Generate(rows(phase="test", values=[0]), ASK, 5)), "test rows")
    refused(cell.serve(wire.ZeroShotMargins(rows(), READ, notes=0)), "there are no notes 0")
    notes = noted(cell.serve(wire.Generate(rows([3, 4]), ASK, 2)))
    refused(cell.serve(wire.ZeroShotMargins(rows(), READ, notes=notes)), "2 notes for 12 rows")
    refused(cell.serve(wire.ZeroShotMargins(rows([3, 4]), ASK, notes=notes)), "literal {note}")
    refused(cell.serve(wire.ZeroShotMargins(rows([3, 4]), "sum", notes=notes)), "literal {note}")
    noted(cell.serve(wire.Generate(rows([0]), ASK, 2)))
    refused(cell.serve(wire.Generate(rows([0]), ASK, 2)), "more than 2 sets of notes", fatal=True)


def test_writing_is_charged_token_by_token_and_the_weak_readers_by_its_size(open_cell, shelf, llama, weak):
    cell = open_cell()
    read = []
    prompts = [render(Template("answer", text=ASK), r) for r in cell._order.train.rows]
    generate(shelf.model(llama), prompts, 8, read.append)
    noted(cell.serve(wire.Generate(rows(), ASK, 8)))
    written = cell.close()
    assert written.tokens == sum(read) > N * 8
    assert written.flops == 2 * shelf.shape(llama).parameters * sum(read)
    cell.serve(wire.ZeroShotMargins(rows(), ASK, reader="weak"))
    both = cell.close()
    assert both.flops - written.flops == 2 * shelf.shape(weak).parameters * (both.tokens - written.tokens)
    small = open_cell(limits=control.CellBudget(vanillas=0.05))
    refused(small.serve(wire.Generate(rows(), ASK, 8)), "FLOPs", fatal=True)


@pytest.mark.parametrize("name", ["Rwkv", "Mamba"])
def test_a_network_whose_memory_has_another_name_writes_the_same(tokenizer, tmp_path, name):
    import torch
    import transformers

    torch.manual_seed(1)
    config = getattr(transformers, f"{name}Config")(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2
    )
    getattr(transformers, f"{name}ForCausalLM")(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    model = load(Model(source=str(tmp_path), readout="auto", max_tokens=64))
    ids = list(model.tokenizer(PROMPTS[0])["input_ids"])
    expected: list[int] = []
    with torch.no_grad():
        for _ in range(5):
            logits = model.network(input_ids=torch.tensor([ids + expected]), use_cache=False).logits
            expected.append(int(logits[0, -1].argmax()))
    if model.tokenizer.eos_token_id in expected:
        expected = expected[: expected.index(model.tokenizer.eos_token_id)]
    assert expected and generate(model, [PROMPTS[0]], 5, nothing) == [model.tokenizer.decode(expected)]
