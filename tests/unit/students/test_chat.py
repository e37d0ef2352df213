"""A chat model is asked through its own template: only the question is cut, and the text begins once."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from w2s_harness.contract.errors import ModelError
from w2s_harness.contract.kinds import VERIFY
from w2s_harness.contract.types import Model
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.students.lm.loading import load
from w2s_harness.students.lm.readout import extract
from w2s_harness.students.lm.text import chat_of, encode
from w2s_harness.students.lm.zero_shot import Template, generate, margins

PLAIN = "{{ bos_token }}{% for m in messages %}now {{ m.content }} left{% endfor %} answer is"


@pytest.fixture
def folder(build, tmp_path):
    def make(template: str | None):
        place = tmp_path / "chat"
        shutil.copytree(build("Llama"), place, dirs_exist_ok=True)
        file = place / "tokenizer_config.json"
        told = json.loads(file.read_text()) | {"bos_token": "<eos>"}
        file.write_text(json.dumps(told | ({"chat_template": template} if template else {})))
        return str(place)

    return make


def opened(source: str, **settings: object):
    return load(Model(source=source, readout="auto", chat_template="auto", **settings))


def test_the_question_stands_inside_the_template_and_the_text_begins_once(folder):
    model = opened(folder(PLAIN), max_tokens=96)
    assert model.chat.shown == "<eos>now {question} left answer is"
    (e,) = encode(model.tokenizer, [("Tom has\n", "apples")], 96, model.chat)
    told = [{"role": "user", "content": "Tom has"}]
    whole = model.tokenizer.apply_chat_template(told, tokenize=False, add_generation_prompt=True)
    assert model.tokenizer.decode(e.ids[: e.start]) == whole
    assert model.tokenizer.decode(e.ids[e.start : e.stop]) == "apples"
    assert list(e.ids).count(model.tokenizer.bos_token_id) == 1


def test_only_the_question_is_cut(folder):
    model = opened(folder(PLAIN), max_tokens=40)
    (e,) = encode(model.tokenizer, [("Tom has 3 apples " * 30, " yes")], model.context, model.chat)
    lead, tail = model.chat.lead, model.chat.tail
    assert e.is_cut and len(e.ids) == 40
    assert e.ids[: len(lead)] == lead and e.ids[e.start - len(tail) : e.start] == tail


def test_one_pass_and_two_give_the_same_margin(folder):
    model = opened(folder(PLAIN))
    rows = [TextRow("Tom has 3 apples", candidate="5"), TextRow("how many", candidate="no")]
    asked = Template("answer", text="{question} {candidate}", yes="yes", no="no")
    one, _ = margins(model, asked, rows, VERIFY, [])
    chat = model.chat
    expected = []
    for row in rows:
        ids = [*chat.lead, *model.tokenizer(f"{row.prompt} {row.candidate}")["input_ids"], *chat.tail]
        import torch

        with torch.no_grad():
            logits = model.network(input_ids=torch.tensor([ids])).logits[0, -1].double()
        words = [model.tokenizer(word)["input_ids"] for word in ("yes", "no")]
        assert all(len(word) == 1 for word in words)
        expected.append(float(logits[words[0][0]] - logits[words[1][0]]))
    assert one == pytest.approx(expected, abs=1e-3)


def test_notes_and_features_are_read_through_it_and_not_without(folder, verify_rows):
    source = folder(PLAIN)
    chat, plain = opened(source), load(Model(source=source, readout="auto"))
    assert plain.chat is None
    a, b = (extract(model, verify_rows, VERIFY).features for model in (chat, plain))
    assert a.shape == b.shape and not np.allclose(a, b)
    notes = generate(chat, ["Tom has"], 4, lambda _: None)
    assert len(notes) == 1


def test_a_model_without_a_template_is_read_as_it_is(folder):
    assert opened(folder(None)).chat is None


@pytest.mark.parametrize(
    "template", ["{{ raise_exception('no') }}", "hello", "{{ messages[0].content * 2 }}"]
)
def test_a_template_that_cannot_be_used_is_one_line(folder, template):
    with pytest.raises(ModelError, match="--chat-template none") as bad:
        opened(folder(template))
    assert "\n" not in str(bad.value)


def test_a_date_is_the_same_tomorrow(folder):
    template = (
        "{{ date_string if date_string is defined else strftime_now('%S%f') }} {{ messages[0].content }}"
    )
    tokenizer = opened(folder(template)).tokenizer
    assert chat_of(tokenizer, "x").shown.startswith("26 Jul 2024 {question}")
