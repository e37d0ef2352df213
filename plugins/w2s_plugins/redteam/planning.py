"""What a method says of itself: answers that would end the plan of all others."""

from __future__ import annotations

from w2s_harness import Attack

METHOD = """
{head}
from dataclasses import dataclass
from w2s_harness import Method, hookimpl

@dataclass(frozen=True)
class Hostile(Method):
    '''A method of the red team.'''
    name = "{name}"
    {field}

    def fit(self, problem, student, rng):
        print("SUCCEEDED", flush=True)
        return student.fit(problem.rows, problem.weak)

@hookimpl
def w2s_methods():
    return [Hostile]{tail}
"""
FORGED = """
import os, socket
from w2s_harness.contract.worker.wire import frames, messages as wire
told = wire.MethodInfo("{name}", parameters=(wire.Parameter("share", "float", float("nan")),))
frames.send(socket.socket(fileno=os.dup(3)), wire.Described((told,)))
os._exit(0)
"""
DEFAULTS = {
    "beyond-64-bits": ("share: int = 10**400", "beyond 64 bits"),
    "of-ten-megabytes": ("share: str = 'x' * 10**7", "longer than"),
    "of-nested-nan": ("share: float = ((float('nan'),),)", "is of type tuple"),
    "of-a-list": ("share: list = None", "must be a bool"),
    "that-is-no-text": ("share: str = '\\udcff'", "is no text"),
}


def _method(name: str, *, head: str = "", field: str = "share: float = 1.0", tail: str = "") -> str:
    return METHOD.format(name=name, head=head.format(name=name) if head else "", field=field, tail=tail)


ATTACKS = [
    *(
        Attack(
            name=f"default-{what}", family="planning", stops=(stop,),
            summary=f"has a default {what.replace('-', ' ')}", code=_method(f"default-{what}", field=field),
        )
        for what, (field, stop) in DEFAULTS.items()
    ),
    Attack(
        name="forged-description", family="planning", stops=("the default of 'share'",),
        summary="describes itself past the worker's code, with a default that JSON cannot hold",
        code=_method("forged-description", head=FORGED),
    ),
    Attack(
        name="description-that-allocates", family="planning", stops=("MemoryError",),
        summary="takes all memory while it is described",
        code=_method("description-that-allocates", head="HELD = bytes(2**40)"),
    ),
    Attack(
        name="thousands-of-methods", family="planning", stops=("ValidationError", "at most"),
        summary="offers more methods than a plan can hold",
        code=_method(
            "thousands-of-methods",
            tail=" + [type(f'A{i}', (Hostile,), {'name': f'a{i}'}) for i in range(5000)]",
        ),
    ),
    Attack(
        name="error-without-words", family="planning", stops=("cannot be shown",),
        summary="raises an error whose own words raise one",
        code=_method(
            "error-without-words",
            head="class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd",
        ),
    ),
]  # fmt: skip
