"""What studies offer to plugins: attacks of a red team, language models that agents talk through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from w2s_harness.contract.errors import ModelError, PluginError

Aim = Literal["reach", "score", "claim"]
Lay = Literal["environment", "pythonpath"]
JailLevel = Literal["L1", "L2"]
Cells = Literal["one", "several", "worlds"]


@dataclass(frozen=True, kw_only=True)
class Attack:
    """A way to cheat, as a method that does nothing worse than show that it could.

    Give exactly one of `body`, `code` and `files`. Raises `PluginError` for anything else.
    """

    name: str
    """Unique in the suite; the method's own `name` as well, unless `poses_as` says otherwise."""
    family: str
    summary: str
    """What it tries, in one line."""
    aim: Aim = "reach"
    """`reach`: to get at something; it prints what came of it. `score`: to stand on the leaderboard. `claim`:
    to pass for weak supervision, by a claim or by standing above `vanilla*`."""
    body: str = ""
    """Statements run as a function of `problem`, `student` and `rng`. To raise is to be stopped. To end is to
    have got there; to return something makes it what `fit` returns, and getting through is to have got
    there. `redteam/suite.py` says which names they may use."""
    code: str = ""
    """A whole method file."""
    files: Mapping[str, str] = field(default_factory=dict)
    """A distribution: texts by path below a `site-packages` folder; `@LABELS@` stands for a place, as the
    constants in `suite.Places` do in bodies. Metadata that is not among them is written."""
    copies: Mapping[str, str] = field(default_factory=dict)
    """Beside `files`: installed files by path, as `package:path/in/it`."""
    compiled: Mapping[str, str] = field(default_factory=dict)
    """Beside `files`: sources that are laid as byte code, by path; `@TAG@` is what this interpreter marks its
    caches with. What lies in a cache is taken for that of any source."""
    lay: Lay = "environment"
    """Where `files` go: into an environment of its own, or into a folder on `PYTHONPATH`."""
    poses_as: str = ""
    """The method's name where it differs from the attack's."""
    access: tuple[str, ...] = ()
    """What the plan must grant for it to be tried."""
    cells: Cells = "one"
    """How much of a plan it needs: `one` cell; `several`, one for each seed; `worlds`, the counterfactual
    ones too, as the aims `score` and `claim` always do."""
    limits: tuple[int, ...] = ()
    """As `run --limit`, one plan after another in one store; the attack counts by the best that it gets.
    Empty: the suite's own limit."""
    task: str = ""
    """The shipped task that it needs; empty: any."""
    stops: tuple[str, ...] = ()
    """What ends it at full isolation, one of: an errno, an exception, words of the cell's error. Empty:
    whatever it is. The suite's own tests hold it to that."""
    level: JailLevel = "L1"
    """The lowest level of isolation that stops it."""

    def __post_init__(self) -> None:
        """Refuse an attack that says two things, or nothing."""
        if sum(map(bool, (self.body, self.code, self.files))) != 1:
            raise PluginError(f"attack '{self.name}': give exactly one of body, code and files")

    @property
    def needs_worlds(self) -> bool:
        """Whether counterfactual cells are run for it."""
        return self.aim != "reach" or self.cells == "worlds"

    @property
    def method(self) -> str:
        """The name of its method."""
        return self.poses_as or self.name


Block = dict[str, Any]
"""A content block: `{"type": "text", ...}`, `tool_use`, `tool_result`, ..."""
Message = dict[str, Any]
"""`{"role": "user" | "assistant", "content": [Block, ...]}`."""


class BrokenReplyError(ModelError):
    """A reply that broke off after the model had begun it: it may have cost money, and may be asked again."""


class ContextExceededError(ModelError):
    """What was sent is longer than the model's context window; it cost nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call by kind; the kinds do not overlap."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a model answered."""

    content: Sequence[Block]
    stop_reason: str
    """`end_turn`, `tool_use`, `max_tokens`, `refusal`, `pause_turn`, `model_context_window_exceeded`, ..."""
    usage: Usage
    model: str
    """As the provider names it, which may be longer than what was asked for."""


class AgentModel(Protocol):
    """A language model that agents talk through; plugins offer them by `w2s_agent_models`."""

    @property
    def name(self) -> str:
        """What `--model` names it, and the price table."""
        ...

    @property
    def context_tokens(self) -> int:
        """How many tokens a call may hold, its reply included."""
        ...

    def reply(
        self,
        *,
        system: str,
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, Any]],
        max_tokens: int,
    ) -> Reply:
        """One paid call, of `max_tokens` tokens at most in its answer; called from several threads.

        Retries what was refused at no cost. Raises `BrokenReplyError` for an answer that broke off,
        `ContextExceededError` for too long a conversation, `ModelError` with one line for the rest.
        """
        ...
