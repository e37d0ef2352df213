"""The pair of `--weak` and `--strong`: what the flags make of it, and how it is named again."""

from __future__ import annotations

import shlex

import pytest

from w2s_harness.contract.errors import UsageError
from w2s_harness.run.plan.choose_pairs import adhoc, adhoc_words, refuse_flags
from w2s_harness.run.plan.selection import Selection

COMMIT = "c" * 40


def test_without_flags_models_are_asked_what_they_can():
    pair = adhoc(Selection(weak="me/weak", strong="me/strong"))
    assert pair.name == "me.weak..me.strong" and list(pair.strong.templates) == ["sum"]
    for model in (pair.weak, pair.strong):
        assert (model.readout, model.dtype, model.device) == ("auto", "float32", "auto")
        assert model.chat_template == "auto" and model.max_tokens == 1024 and model.revision is None
    assert adhoc_words(pair) == ["--weak", "me/weak", "--strong", "me/strong"]


def test_flags_say_how_both_models_are_read_and_again_says_so_too(tmp_path):
    file = tmp_path / "ask.txt"
    file.write_text("{question} {candidate}? Answer:\n")
    given = Selection(
        weak="me/weak@v2", strong=f"me/strong@{COMMIT}", dtype="bfloat16", context=256, device="cpu",
        chat_template="none", weak_template="mean", strong_template=str(file),
    )  # fmt: skip
    pair = adhoc(given)
    assert pair.name == "me.weak@v2..me.strong"
    assert (pair.weak.revision, pair.strong.revision) == ("v2", COMMIT)
    assert (pair.strong.dtype, pair.strong.max_tokens, pair.strong.device) == ("bfloat16", 256, "cpu")
    assert pair.weak.templates == {"mean": {"kind": "likelihood", "statistic": "mean"}}
    asked = {"kind": "answer", "text": "{question} {candidate}? Answer:"}
    assert pair.strong.templates["asked"] == asked and list(pair.strong.templates) == ["asked", "sum"]
    said = iter(shlex.split(shlex.join(adhoc_words(pair))))
    flags = {word.lstrip("-").replace("-", "_"): next(said) for word in said}
    flags["context"] = int(flags["context"])
    assert adhoc(Selection(**flags)) == pair


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"weak": None}, "--weak is missing"),
        ({"device": "gpu7"}, "--device gpu7"),
        ({"strong_template": "no literal"}, "--strong-template"),
        ({"weak_template": "{question}"}, "--weak-template"),
    ],
)
def test_what_nobody_can_use_is_one_line(flags, said):
    with pytest.raises(UsageError, match=said) as bad:
        adhoc(Selection(**{"weak": "a/b", "strong": "c/d"} | flags))
    assert "\n" not in str(bad.value)


@pytest.mark.parametrize(
    "flags",
    [{"dtype": "float32"}, {"context": 64}, {"device": "cpu"}, {"chat_template": "none"},
     {"weak_template": "sum"}, {"strong_template": "sum"}],
)  # fmt: skip
def test_flags_of_an_ad_hoc_pair_are_refused_beside_a_named_one(flags):
    with pytest.raises(UsageError, match=f"--{next(iter(flags)).replace('_', '-')}"):
        refuse_flags(Selection(pairs="tiny", **flags))
    refuse_flags(Selection(pairs="tiny"))
