"""Pretraining of the shipped models sees plain correct documents, and no prompt that a task could draw."""

import importlib
from pathlib import Path

import pytest

from w2s_tasks.draws import is_held_out

SCRIPTS = Path(__file__).parents[3] / "scripts" / "tiny_pair"


@pytest.fixture
def corpus(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("corpus")


@pytest.mark.parametrize("family", ["math", "code", "chat"])
def test_no_document_has_a_prompt_of_the_tasks_half(corpus, family):
    documents = list(corpus.documents(family, 300, seed=0))
    assert len(documents) == 300
    assert not any(is_held_out(prompt) for prompt, _ in documents)


@pytest.mark.parametrize("family", ["math", "code", "chat"])
def test_a_corpus_depends_on_its_seed_alone(corpus, family):
    assert list(corpus.documents(family, 50, 0)) == list(corpus.documents(family, 50, 0))
    assert list(corpus.documents(family, 50, 0)) != list(corpus.documents(family, 50, 1))
