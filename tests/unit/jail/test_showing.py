"""Untrusted text, as it is shown."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from w2s_harness.contract.worker.wire.messages import Raised
from w2s_harness.jail.showing import LIMIT, raised, visible


@settings(deadline=None, database=None)
@given(st.text(), st.integers(3, 50))
def test_what_is_shown_prints_and_fits(text, limit):
    shown = visible(text, limit=limit)
    assert shown.isprintable() and len(shown) <= limit


@settings(deadline=None, database=None)
@given(st.text(), st.text(), st.lists(st.text()))
def test_an_error_prints_and_fits(kind, message, frames):
    shown = raised(Raised(kind, message, tuple(frames)))
    assert shown.isprintable() and len(shown) <= LIMIT


def test_escapes_have_the_shortest_form():
    assert visible("a\x1b\x85\u202e\U000e0001é") == r"a\x1b\x85\u202e\U000e0001é"
    assert visible("a\nb", keep="\n") == "a\nb"
    assert visible("abcdef", limit=5) == "ab..."


def test_a_breach_of_the_contract_shows_no_kind():
    assert raised(Raised("", "m: no")) == "m: no"
    assert raised(Raised("E", "no", ("f.py:1 in g: x",))) == "E: no (f.py:1 in g: x)"


def test_a_module_that_no_worker_has_says_what_to_do():
    def shown(name: str, kind: str = "ModuleNotFoundError") -> str:
        return raised(Raised(kind, f"No module named '{name}'", ("m.py:1 in <module>: import x",)))

    assert shown("torch.nn").endswith("a method trains and reads the model through `student`.")
    assert "hypothesis is installed here, but a worker sees only what" in shown("hypothesis.strategies")
    assert ". Install not_there, and put it into the dependencies" in shown("not_there")
    assert shown("torch", "ValueError").endswith("import x)")
    assert shown("os.path; rm").endswith("import x)")
