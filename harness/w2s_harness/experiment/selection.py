"""What a user asks for, as text: the flags of `run` that decide its numbers."""

from __future__ import annotations

from dataclasses import dataclass

from w2s_harness.types import HoldoutPart

_DEFAULT_TASKS = ("math", "code", "chat", "kinds")
DEFAULT_PAIR = "tiny"
_DEFAULT_METHODS = ("vanilla", "vanilla-hard", "confident", "logconf", "self-training", "zero-shot")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What the command line, the environment and `w2s.yaml` ask for, as text."""

    tasks: str = ",".join(_DEFAULT_TASKS)
    pairs: str | None = None
    """None: each task runs on the pair that it is made for, and on `DEFAULT_PAIR` where it names none."""
    methods: str = ",".join(_DEFAULT_METHODS)
    seeds: str = "5"
    baseline_seeds: str | None = None
    weak: str | None = None
    strong: str | None = None
    mode: str | None = None
    adapter: str | None = None
    dtype: str | None = None
    """With `weak` and `strong` only, as the five that follow."""
    context: int | None = None
    device: str | None = None
    weak_template: str | None = None
    strong_template: str | None = None
    chat_template: str | None = None
    grant: str = ""
    limit: int | None = None
    root_seed: int = 0
    fresh: bool = False
    cell_timeout_s: float = 60.0
    counterfactuals: str = "auto"
    own_draws: int = 1
    holdout: HoldoutPart = "whole"
    """Which part of the holdouts of `tasks` is scored; agents get feedback on one half."""
    held_out: str = ""
    """More tasks, whose whole holdout is scored."""
    controls: bool = True
    against: str = ""
    guards: str = "default"
    """`default`, `all`, `none`, or names and files; see `Plugins.use_guards`."""
