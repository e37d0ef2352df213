from __future__ import annotations

import pytest
import torch

from w2s_harness.contract.errors import ModelError, WorkerError
from w2s_harness.contract.kinds import PREFERENCE, VERIFY
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.students.lm.readout import extract
from w2s_harness.students.lm.zero_shot import Template, margins, parse_templates, render, resolve


def test_likelihood_margins_are_those_of_the_feature_pass(loaded, verify_rows, preference_rows):
    for kind, rows in ((VERIFY, verify_rows), (PREFERENCE, preference_rows)):
        for statistic in ("sum", "mean", "min"):
            template = Template("likelihood", statistic)
            got, tokens = margins(loaded, template, rows, kind, ())
            expected = extract(loaded, rows, kind)
            assert got == pytest.approx(expected.likelihoods[:, template.column], abs=1e-4)
            assert tokens.tolist() == expected.tokens.tolist()


def test_an_answer_margin_is_the_next_tokens_log_odds(loaded, verify_rows):
    template = Template("answer", text="{question} {choice}?", yes=" yes", no=" no")
    got, _ = margins(loaded, template, verify_rows, VERIFY, ())
    yes, no = (loaded.tokenizer(w)["input_ids"] for w in (" yes", " no"))
    ids = loaded.tokenizer(render(template, verify_rows[4]))["input_ids"]
    with torch.no_grad():
        logits = loaded.network(input_ids=torch.tensor([ids])).logits[0, -1]
    assert len(yes) == len(no) == 1
    assert got[4] == pytest.approx(float(logits[yes[0]] - logits[no[0]]), abs=1e-4)


def test_answers_of_several_tokens_are_scored_whole(loaded, verify_rows):
    short = Template("answer", text="{question} {candidate}?", yes=" yes", no=" no")
    long = Template("answer", text="{question} {candidate}?", yes=" yes yes", no=" no no")
    a, b = (
        margins(loaded, short, verify_rows, VERIFY, ())[0],
        margins(loaded, long, verify_rows, VERIFY, ())[0],
    )
    assert abs(a - b).max() > 0.1


def test_a_literal_inside_a_row_stays_what_it_is():
    template = Template("answer", text="{question} | {candidate}")
    row = TextRow("what is {candidate} {0.__class__}?", candidate="{question}")
    assert render(template, row) == "what is {candidate} {0.__class__}? | {question}"


def test_shots_stand_before_the_question(loaded, verify_rows):
    template = Template("answer", text="{question} {candidate}?", yes=" yes", no=" no")
    shots = [(verify_rows[0], 1.0), (verify_rows[1], 0.0)]
    plain, n = margins(loaded, template, verify_rows[5:8], VERIFY, ())
    shot, m = margins(loaded, template, verify_rows[5:8], VERIFY, shots)
    before = f"{render(template, verify_rows[0])} yes\n\n{render(template, verify_rows[1])} no\n\n"
    extra = len(loaded.tokenizer(before)["input_ids"])
    assert (m >= n).all() and m.max() <= 96 and (abs(m - n - extra) <= 3).all()
    assert abs(shot - plain).max() > 1e-3


def test_shots_of_a_likelihood_show_right_responses_only(loaded, verify_rows):
    template = Template("likelihood")
    wrong, _ = margins(loaded, template, verify_rows[5:8], VERIFY, [(verify_rows[0], 0.0)])
    right, _ = margins(loaded, template, verify_rows[5:8], VERIFY, [(verify_rows[0], 1.0)])
    plain, _ = margins(loaded, template, verify_rows[5:8], VERIFY, ())
    assert wrong == pytest.approx(plain) and abs(right - plain).max() > 1e-3


def test_names_texts_and_neither(llama):
    templates = parse_templates(llama.templates, VERIFY)
    assert list(templates) == ["sum", "ask"]
    assert list(parse_templates(llama.templates, PREFERENCE)) == ["sum", "compare"]
    assert resolve(templates, None, VERIFY).kind == "likelihood"
    assert resolve(templates, "is {choice} right?", VERIFY).text == "is {choice} right?"
    for bad, why in (
        ("aks", "did you mean 'ask'"),
        ("{first}", "must hold"),
        ("{choice}" * 300, "over the 2000"),
    ):
        with pytest.raises(WorkerError, match=why):
            resolve(templates, bad, VERIFY)


def test_a_broken_template_of_a_pair_is_named():
    with pytest.raises(ModelError, match="template 'odd'"):
        parse_templates({"odd": {"kind": "likelihood", "statistic": "median"}}, VERIFY)
    with pytest.raises(ModelError, match="template 'odd'"):
        parse_templates({"odd": {"sort": "likelihood"}}, VERIFY)
