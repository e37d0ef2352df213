import itertools
import threading
from pathlib import Path

import pytest

from w2s_harness.installed.parsed.normal_form import alike, normal_form, runs
from w2s_studies.agents.books.journal import Journal
from w2s_studies.agents.tools.evaluating import ALIKE, Lineages

METHODS = Path(__file__).parents[3] / "plugins" / "w2s_plugins" / "methods"
CONFIDENT = (METHODS / "confident.py").read_text(encoding="utf-8")
ENSEMBLE = (METHODS / "ensemble.py").read_text(encoding="utf-8")

FIRST = '''
"""Keep what the teacher is sure of."""
import numpy as np
from w2s_harness import Method, hookimpl

LEAST = 0.1  # share

def kept(weak: np.ndarray, margin: float) -> np.ndarray:
    """Rows that pass."""
    distance = np.abs(weak - 0.5)
    return distance > margin

class Sure(Method):
    name = "sure"
    margin: float = 0.25

    def fit(self, problem, student, rng):
        keep = kept(problem.weak, self.margin)
        return student.fit(problem.rows[keep], problem.weak[keep])

@hookimpl
def w2s_methods():
    return [Sure]
'''
RENAMED = '''
from numpy import abs as absolute
import w2s_harness

@w2s_harness.hookimpl
def w2s_methods():
    """Mine."""
    return [Bold]

class Bold(w2s_harness.Method):
    """Entirely new."""
    name = "bold"
    edge: int = -(3 * 7)

    def fit(self, task, pupil, source):
        # what is left
        rows = chosen(task.weak, self.edge)
        return pupil.fit(task.rows[rows], task.weak[rows])

def chosen(label, edge):
    far = absolute(label - 1e-3)
    pass
    return far > edge

FEWEST = 99
'''


def similarity(a, b):
    return alike(runs(normal_form(a)), runs(normal_form(b)))


def test_what_a_copyist_changes_is_gone():
    assert normal_form(FIRST) == normal_form(RENAMED)
    assert similarity(FIRST, RENAMED) == 1.0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("distance > margin", "distance < margin"),
        ("np.abs", "np.exp"),
        ("weak - 0.5", "weak * 0.5"),
        ("problem.weak[keep])", "problem.weak[keep] * 2)"),
        ("distance > margin", "margin > distance"),
    ],
)
def test_another_computation_is_another_form(old, new):
    assert old in FIRST
    assert normal_form(FIRST) != normal_form(FIRST.replace(old, new))


@pytest.mark.parametrize("source", ["def (", "\x00", "x = " + "(" * 500, ""])
def test_source_that_does_not_parse_has_a_form_too(source):
    assert normal_form(source) == normal_form(source + "  # and a comment")
    assert similarity(source, source) == 1.0


def test_similarity_is_symmetric_and_between_0_and_1():
    assert similarity(CONFIDENT, ENSEMBLE) == similarity(ENSEMBLE, CONFIDENT)
    assert 0 < similarity(CONFIDENT, ENSEMBLE) < 0.8
    assert similarity(CONFIDENT, CONFIDENT) == 1.0
    assert similarity("import os\nos.sync()", "for i in range(3): pass") < 0.1


def test_no_two_shipped_methods_are_copies():
    sources = [p.read_text(encoding="utf-8") for p in sorted(METHODS.glob("*.py")) if p.stem != "__init__"]
    assert len(sources) > 20
    assert max(similarity(a, b) for a, b in itertools.combinations(sources, 2)) < ALIKE - 0.1


def test_a_copy_inherits_its_lineage_whoever_made_it():
    lineages = Lineages()
    assert lineages.of(FIRST, "agent-1") == "agent-1/1"
    assert lineages.of(CONFIDENT, "agent-1") == "agent-1/2"
    assert lineages.of(RENAMED, "agent-2") == "agent-1/1"
    assert lineages.of(ENSEMBLE, "agent-2") == "agent-2/1"
    assert lineages.of(FIRST.replace("0.25", "0.3"), "agent-3") == "agent-1/1"


def test_a_copy_with_a_line_more_inherits_its_lineage():
    lineages = Lineages()
    lineages.of(ENSEMBLE, "agent-1")
    first = lineages.of(CONFIDENT, "agent-1")
    changed = CONFIDENT.replace("        kept = ", "        rng.random()\n        kept = ")
    assert normal_form(changed) != normal_form(CONFIDENT)
    assert lineages.of(changed, "agent-2") == first
    other = CONFIDENT.replace("keep.sum() < least", "rng.random() < 0.5 and np.sort(distance)[least] > least")
    assert similarity(CONFIDENT, other) < ALIKE
    assert lineages.of(other, "agent-2") == "agent-2/1"


def test_the_same_predictions_inherit_a_lineage_for_that_query():
    lineages = Lineages()
    assert lineages.of(FIRST, "agent-1", "aa") == "agent-1/1"
    assert lineages.of(ENSEMBLE, "agent-2", "aa") == "agent-1/1"
    assert lineages.of(ENSEMBLE, "agent-2", "bb") == "agent-2/1"
    assert lineages.of(CONFIDENT, "agent-3", "bb") == "agent-2/1"


def test_lineages_are_known_again_after_a_kill(tmp_path):
    asked = [
        (FIRST, "agent-1", None), (FIRST, "agent-1", "aa"), (ENSEMBLE, "agent-2", "aa"),
        (RENAMED, "agent-2", "cc"), (CONFIDENT, "agent-2", "bb"), (FIRST, "agent-3", "bb"),
    ]  # fmt: skip
    whole = Lineages(Journal(tmp_path / "whole.jsonl"))
    expected = [whole.of(*a) for a in asked]
    found = [Lineages(Journal(tmp_path / "killed.jsonl")).of(*a) for a in asked]
    assert found == expected
    before = (tmp_path / "killed.jsonl").read_bytes()
    assert [Lineages(Journal(tmp_path / "killed.jsonl")).of(*a) for a in asked] == expected
    assert (tmp_path / "killed.jsonl").read_bytes() == before == (tmp_path / "whole.jsonl").read_bytes()


def test_threads_get_one_lineage_for_one_source():
    lineages, found = Lineages(), []
    threads = [
        threading.Thread(target=lambda k=k: found.append(lineages.of(CONFIDENT, f"agent-{k}")))
        for k in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
