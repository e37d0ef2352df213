"""What a module's methods say of themselves, through a worker."""

from __future__ import annotations

import pytest

from w2s_harness.contract.errors import PluginError, WorkerError
from w2s_harness.contract.worker.wire.messages import MethodInfo, Parameter, Source
from w2s_harness.jail.host.channel import describe

TEMPLATE = """
from dataclasses import dataclass, field
from w2s_harness import Method, hookimpl

@dataclass(frozen=True)
class One(Method):
    '''Keep some rows.

    More.'''
    name = "one"
    access = ("embeddings",)
    track = "elicitation"
    authors = ("Ada",)
    authored_by = "agent"
    reference = "arXiv"
    margin: float = 1
    soft: bool = False
    rounds: int = 3
    how: str = "x"

class Two(Method):
    name = "two"

@hookimpl
def w2s_methods():
    return [One, Two]
"""


def source(code: str) -> Source:
    return Source("w2s_method_mine", "mine.py", code.encode())


def test_fields_become_parameters_and_the_first_docstring_line_the_summary(zygote):
    one, two = describe(zygote, source(TEMPLATE), 10)
    assert one == MethodInfo(
        name="one",
        summary="Keep some rows.",
        parameters=(
            Parameter("margin", "float", 1.0),
            Parameter("soft", "bool", False),
            Parameter("rounds", "int", 3),
            Parameter("how", "str", "x"),
        ),
        access=("embeddings",),
        track="elicitation",
        authors=("Ada",),
        authored_by="agent",
        reference="arXiv",
    )
    assert (two.name, two.parameters, two.summary) == ("two", (), "")


def test_a_dataclass_without_docstring_has_no_summary(zygote):
    code = TEMPLATE.replace("'''Keep some rows.\n\n    More.'''", "")
    assert describe(zygote, source(code), 10)[0].summary == ""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "rounds: int = 3",
            "rounds: list = field(default_factory=list)",
            "mine.py: one: parameter 'rounds' must be",
        ),
        ("margin: float = 1", "margin: float", "one: parameter 'margin' has no default"),
        ("[One, Two]", "[One, One]", "two classes are called 'one': One and One"),
        ('name = "two"', 'name = "Tw o\\x1b"', r"'Tw o\\x1b' is no name for a method"),
        ('name = "two"', "pass", "Two has no name"),
        ('track = "elicitation"', 'track = "gold"', "mine.py: ValidationError: Invalid enum value 'gold'"),
        ("[One, Two]", "[One, Two", "mine.py: SyntaxError"),
        ("[One, Two]", "1 / 0", "mine.py: ZeroDivisionError: division by zero .mine.py:26 in w2s_methods"),
    ],
)
def test_what_breaks_the_contract_is_one_line(zygote, old, new, message):
    assert old in TEMPLATE
    with pytest.raises(PluginError, match=message):
        describe(zygote, source(TEMPLATE.replace(old, new)), 10)


def test_a_module_that_hangs_is_given_up(zygote):
    with pytest.raises(WorkerError, match=r"mine\.py took more than 0\.3 s to be imported"):
        describe(zygote, source("while True: pass"), 0.3)


def test_free_text_is_made_safe(zygote):
    code = TEMPLATE.replace("Keep some rows.", "Keep \x1b[2J rows.").replace('"arXiv"', "'y' * 9999")
    info = describe(zygote, source(code), 10)[0]
    assert info.summary == r"Keep \x1b[2J rows." and len(info.reference) == 500


def test_an_installed_module_is_described_by_name(zygote):
    (info,) = describe(zygote, Source("w2s_plugins.methods.confident"), 10)
    assert (info.name, [p.name for p in info.parameters]) == ("confident", ["margin", "soft"])


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("x: float = np.float32(0.5)", Parameter("x", "float", 0.5)),
        ("x: float = np.float64('inf')", Parameter("x", "float", "inf")),
        ("x: int = np.int64(3)", Parameter("x", "int", 3)),
        ("x: bool = np.bool_(True)", Parameter("x", "bool", True)),
        ("x: str = Mode.A", Parameter("x", "str", "a")),
    ],
)
def test_defaults_of_numpy_and_of_enumerations_are_plain(zygote, field, told):
    head = "import numpy as np\nfrom enum import Enum\nclass Mode(str, Enum):\n    A = 'a'\n"
    code = head + TEMPLATE.replace("rounds: int = 3", field)
    assert told in describe(zygote, source(code), 10)[0].parameters


@pytest.mark.parametrize("word", ["inf", "-inf", "nan"])
def test_a_default_without_limit_is_told_by_its_name(zygote, word):
    code = TEMPLATE.replace("margin: float = 1", f"margin: float = float('{word}')")
    assert describe(zygote, source(code), 10)[0].parameters[0] == Parameter("margin", "float", word)


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ("rounds: int = 2**63", "one: the default of 'rounds' is beyond 64 bits"),
        ("rounds: int = 10**400", "one: the default of 'rounds' is beyond 64 bits"),
        ("rounds: float = 10**400", "the default of 'rounds' is beyond what a float can hold"),
        ("rounds: int = 1.5", "the default of 'rounds' is of type float, not int"),
        ("rounds: int = True", "the default of 'rounds' is of type bool, not int"),
        ("rounds: float = None", "the default of 'rounds' is of type NoneType, not float"),
        ("rounds: float = (float('nan'), (float('nan'),))", "is of type tuple, not float"),
        ("rounds: str = 'x' * 10**7", "the default of 'rounds' is longer than 1,000 characters"),
        ("rounds: str = '\\udcff'", "the default of 'rounds' is no text"),
        ("rounds: int = 3; authored_hours = float('nan')", "mine.py: "),
        ("rounds: int = 3; authored_usd = float('inf')", "mine.py: "),
        ("rounds: int = 3; access = 7", "mine.py: TypeError"),
    ],
)
def test_a_default_that_json_cannot_hold_is_one_line(zygote, new, message):
    with pytest.raises(PluginError, match=message) as bad:
        describe(zygote, source(TEMPLATE.replace("rounds: int = 3", new)), 10)
    assert "\n" not in str(bad.value) and len(str(bad.value)) < 3000


FORGED = """
import msgspec, os
from w2s_harness.contract.worker.wire import frames, messages as wire
import socket
sock = socket.socket(fileno=os.dup(3))
info = wire.MethodInfo("one", parameters=(wire.Parameter("p", "float", {default}),))
frames.send(sock, wire.Described((info,)))
os._exit(0)
"""


@pytest.mark.parametrize("default", ["float('inf')", "float('nan')", "'x' * 2000", "7"])
def test_the_host_believes_no_default_that_a_worker_forges(zygote, default):
    with pytest.raises(PluginError, match=r"mine\.py: one: the default of 'p'"):
        describe(zygote, source(FORGED.format(default=default)), 10)
