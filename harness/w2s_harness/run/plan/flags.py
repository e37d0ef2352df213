"""How a flag of `run` is declared: once, as a field of a dataclass with all that is read off it elsewhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    from w2s_harness.contract.plan import Plan
    from w2s_harness.contract.types import Pair

T = TypeVar("T")
_METADATA = "flag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """What the command line, `w2s.yaml`, the environment, a run's fingerprint and `again` need of a flag."""

    name: str = ""
    """Of the field, and of the parameter in the command line."""
    spellings: tuple[str, ...]
    """As click takes them: `-o`, `--out`, `--controls/--no-controls`."""
    help: str
    default: Any = None
    """As it would be typed."""
    kind: Literal["text", "switch", "list", "count", "whole", "seconds"] = "text"
    choices: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    metavar: str | None = None
    shows_default: bool = True
    """Whether the help ends with the default, where there is one."""
    completes: str = ""
    """Of what a shell completes names: `tasks`, `methods`, ..."""
    key: str
    """In `w2s.yaml`, and with `W2S_` before it in the environment; empty where neither is read."""
    after: str = ""
    """In the help it stands behind the flag of this field, else behind the field before its own."""
    ad_hoc: bool = False
    """Whether it says something of the pair that `--weak` and `--strong` make, and of no other."""
    fingerprint: Literal["always", "given", "never"] = "never"
    """Of what changes no number of a cell: when it is part of what makes two commands the same run."""
    always: bool = False
    """Whether the command that runs a selection again names it at its default too."""
    of_row: Callable[[Plan, Pair], Any] | None = None
    """Its value in the command that shows a row again; None where that does without, or makes it itself."""
    read: Callable[[Any], Any] = dataclasses.field(default=lambda given: given)
    """The field's value, of what was typed."""

    @property
    def word(self) -> str:
        """Its longest spelling, without that which switches it off."""
        return _word(self.spellings)

    @property
    def plain_spellings(self) -> list[str]:
        """Its spellings as `w2s.yaml` may have them."""
        return [_plain(spelling) for spelling in self.spellings]

    @property
    def variable(self) -> str | None:
        """The environment variable that sets it."""
        return f"W2S_{self.key.upper()}" if self.key else None

    def words(self, value: Any) -> list[str]:
        """What gives it on a command line."""
        if isinstance(value, bool):
            return [self.word if value else self.word.replace("--", "--no-", 1)]
        return [self.word, str(value)]


def flag(*spellings: str, help: str, key: str | None = None, **more: Any) -> Any:
    """A field with its flag (`more` of the fields of `Flag`); the key is the longest spelling, or `key`."""
    key = _plain(_word(spellings)) if key is None else key
    more.setdefault("default", {"switch": False, "list": ()}.get(more.get("kind", "text")))
    made = Flag(spellings=spellings, help=help, key=key, **more)
    value = None if made.default is None else made.read(made.default)
    return dataclasses.field(default=value, metadata={_METADATA: made})


def flags_of(*kinds: type) -> dict[str, Flag]:
    """The flags that dataclasses declare, by their names, in the order of the help."""
    found: dict[str, Flag] = {}
    for kind in kinds:
        fields = [f for f in dataclasses.fields(kind) if _METADATA in f.metadata]
        found |= {f.name: dataclasses.replace(f.metadata[_METADATA], name=f.name) for f in fields}
    return {name: found[name] for name in _placed(found, "")}


def _placed(found: Mapping[str, Flag], after: str) -> Iterator[str]:
    """The names that stand behind the flag `after`, each with those behind it."""
    for name, declared in found.items():
        if (declared.after if declared.after in found else "") == after:
            yield name
            yield from _placed(found, name)


def made(kind: type[T], given: Mapping[str, Any], **own: Any) -> T:
    """A dataclass of what was `given` by the names of its flags; `own` fields win, the rest stays usual."""
    flags = {name: f for name, f in flags_of(kind).items() if name in given and name not in own}
    values = {n: None if given[n] is None else f.read(given[n]) for n, f in flags.items()}
    return kind(**values | own)


def _plain(spelling: str) -> str:
    return spelling.partition("/")[0].lstrip("-").replace("-", "_")


def _word(spellings: tuple[str, ...]) -> str:
    return max((s.partition("/")[0] for s in spellings), key=len)
