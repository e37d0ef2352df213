"""What a user asks `run` for. Each of its flags is declared here, once: see `Flag`."""

# ruff: noqa: RUF009 (`flag` makes a field)

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from w2s_harness.contract.access import BEYOND_DEFAULT, DEFAULT_GRANTS

if TYPE_CHECKING:
    from w2s_harness.contract.plan import Plan
    from w2s_harness.contract.types import HoldoutPart, Pair
    from w2s_harness.installed.trusted.plugins import Plugins
    from w2s_harness.jail.host.jail import Choice

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


DEFAULT_PAIR = "tiny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What decides the numbers of a run, as text."""

    tasks: str = flag(
        "--tasks", metavar="NAMES", default="math,code,chat,kinds", completes="tasks", always=True,
        help="Tasks by name, glob, directory or YAML file; settings ride on the name (math:data_seed=7).",
    )  # fmt: skip
    pairs: str | None = flag(
        "--pairs", metavar="NAMES", completes="pairs",
        help="Pairs by name or glob, for every task. Default: each task's own, tiny where it names none.",
    )  # fmt: skip
    """None: each task runs on the pair that it is made for, and on `DEFAULT_PAIR` where it names none."""
    methods: str = flag(
        "--methods", metavar="NAMES", completes="methods", always=True,
        default="vanilla,vanilla-hard,confident,logconf,self-training,zero-shot",
        help="Methods by name, glob, file (./mine.py) or predictions (preds.jsonl); parameters ride on the "
        "name (confident:margin=.3).",
    )  # fmt: skip
    seeds: str = flag("--seeds", default="5", always=True, help="A count (5) or a list (0,1,7).")
    baseline_seeds: str | None = flag(
        "--baseline-seeds", metavar="SEEDS", help="Seeds of weak and ceiling; default: the plan's seeds."
    )
    weak: str | None = flag(
        "--weak", metavar="MODEL", after="pairs",
        help="With --strong: an ad hoc pair of hub ids or local paths.",
    )  # fmt: skip
    strong: str | None = flag(
        "--strong", metavar="MODEL", after="weak", help="With --weak: the strong student."
    )
    mode: str | None = flag(
        "--mode", choices=("probe", "finetune"), help="Train a head on frozen features, or the model."
    )
    adapter: str | None = flag("--adapter", choices=("full", "lora"), help="What finetune mode trains.")
    dtype: str | None = flag(
        "--dtype", choices=("float32", "bfloat16", "float16"), ad_hoc=True,
        help="With --weak and --strong: the number type of both models' weights.  [default: float32]",
    )  # fmt: skip
    context: int | None = flag(
        "--context", kind="whole", least=8, metavar="TOKENS", ad_hoc=True,
        help="With --weak and --strong: tokens of a text at most.  [default: 1024, or what a model takes]",
    )  # fmt: skip
    device: str | None = flag(
        "--device", metavar="DEVICE", ad_hoc=True,
        help="With --weak and --strong: auto, cpu, cuda, cuda:1, mps.  [default: auto]",
    )  # fmt: skip
    weak_template: str | None = flag(
        "--weak-template", metavar="TEXT", ad_hoc=True,
        help="With --weak and --strong: how the untrained weak model is asked; as --strong-template.",
    )  # fmt: skip
    strong_template: str | None = flag(
        "--strong-template", metavar="TEXT", ad_hoc=True,
        help="With --weak and --strong: how the untrained student is asked: sum, mean, min, a text with "
        "{question} and {candidate}, or its file.  [default: sum]",
    )  # fmt: skip
    chat_template: str | None = flag(
        "--chat-template", choices=("auto", "none"), ad_hoc=True,
        help="With --weak and --strong: read texts inside a chat model's own template.  [default: auto]",
    )  # fmt: skip
    grant: str = flag(
        "--grant", default="", shows_default=False, metavar="ACCESS", of_row=lambda plan, _: _granted(plan),
        help=f"Access beyond the default: {BEYOND_DEFAULT}.",
    )  # fmt: skip
    limit: int | None = flag(
        "--limit", kind="whole", least=1, metavar="N", after="root_seed", of_row=lambda plan, _: plan.limit,
        help="At most N rows in each split.",
    )  # fmt: skip
    root_seed: int = flag(
        "--seed", kind="whole", least=0, most=2**63 - 1, default=0, after="baseline_seeds",
        of_row=lambda plan, _: plan.root_seed, help="The root of every random draw.",
    )  # fmt: skip
    fresh: bool = flag(
        "--fresh", kind="switch", after="limit", help="Draw a new 128-bit data seed for every generated task."
    )
    cell_timeout_s: float = flag(
        "--cell-timeout", kind="seconds", default=60.0, metavar="SECONDS",
        of_row=lambda plan, _: plan.limits.timeout_s,
        help="A worker's own time; the student service may work 20 times as long (large models: 200).",
    )  # fmt: skip
    counterfactuals: str = flag(
        "--counterfactuals", choices=("auto", "all", "one", "none"), default="auto",
        of_row=lambda plan, pair: _counterfactuals(plan, pair),
        help="How much of the guards' re-runs to do; auto: all for probes, one draw of each for fine-tuning.",
    )  # fmt: skip
    own_draws: int = flag(
        "--own-draws", kind="whole", least=1, most=100, default=1, metavar="N",
        of_row=lambda plan, _: plan.own_draws,
        help="Echoes and pairs of decoys of each row and seed, which tell how much is the teacher's own.",
    )  # fmt: skip
    holdout: HoldoutPart = "whole"
    """Which part of the holdouts of `tasks` is scored; agents get feedback on one half."""
    held_out: str = ""
    """More tasks, whose whole holdout is scored."""
    controls: bool = flag(
        "--controls/--no-controls", kind="switch", default=True, shows_default=False,
        help="Run the sanity controls (default): shuffled labels, a random teacher, weak = strong.",
    )  # fmt: skip
    against: str = flag(
        "--against", default="", shows_default=False, metavar="NAMES",
        help="Compare every row with these methods of the plan too, beside vanilla and zero-shot.",
    )  # fmt: skip
    guards: str = flag(
        "--guards", metavar="NAMES", default="default", completes="guards", after="plugin",
        help="default (every shipped one), all (every installed one), none, or NAME,FILE.py,...",
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a run is worked off; none of it changes a number."""

    expression: str | None = flag(
        "-k", metavar="EXPR", fingerprint="always",
        help="Only cells whose id matches: 'math and not zero-shot'.",
    )  # fmt: skip
    stop_first: bool = flag("-x", kind="switch", help="Stop at the first failed cell.")
    last_failed: bool = flag(
        "--lf", kind="switch", fingerprint="always", help="Only cells that failed in the last run."
    )
    reviewed_only: bool = flag(
        "--reviewed-only", kind="switch", fingerprint="given",
        help="Leave out third-party methods whose source nobody accepted.",
    )  # fmt: skip
    slots: str = flag("-n", default="auto", help="Job slots: a number, or auto.")
    reverse: bool = flag(
        "--order", choices=("plan", "reverse"), default="plan", shows_default=False,
        read=lambda order: order == "reverse", help="Order in which cells are worked off.",
    )  # fmt: skip
    isolation: Choice = flag(
        "--isolation", choices=("auto", "require", "best", "off"), default="auto",
        help="How workers are locked down; auto: require with third-party methods, else best.",
    )  # fmt: skip
    store: Path = flag("--store", default=".w2s", read=Path, help="Where results and runs are kept.")
    out: Path | None = flag(
        "-o", "--out", metavar="PATH", read=lambda given: _file(given),
        help="Also write the leaderboard JSON here.",
    )  # fmt: skip
    plan_only: bool = flag(
        "--plan", kind="switch", key="", help="Print stages, cells and estimated cost; run nothing."
    )
    cancel: threading.Event = field(default_factory=threading.Event)
    """Set by another thread to interrupt the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """What is there beside what w2s-harness ships, and whether the hub is asked."""

    methods_env: Path | None = flag(
        "--methods-env", metavar="DIR", after="methods", read=lambda given: Path(given) if given else None,
        help="A virtual environment whose methods may be named too; only workers read it.",
    )  # fmt: skip
    offline: bool = flag(
        "--offline", kind="switch", after="chat_template",
        help="Never ask the hub: models come from its cache.",
    )  # fmt: skip
    plugin: tuple[str, ...] = flag(
        "-p", kind="list", metavar="NAME", key="plugins", after="slots",
        help="Load a trusted plugin (NAME or FILE.py), or switch one off (no:NAME).",
    )  # fmt: skip
    no_guard: tuple[str, ...] = flag(
        "--no-guard", kind="list", metavar="NAME", after="guards", help="The same as -p no:NAME."
    )

    def plugins(self, **listeners: object) -> Plugins:
        """The plugins of a run, made anew; `listeners` are registered by their names before others load."""
        from w2s_harness.installed.trusted.plugins import Plugins

        found = Plugins(methods_env=self.methods_env)
        for name, listener in listeners.items():
            found.register(name, listener)
        for spec in (*self.plugin, *(f"no:{name}" for name in self.no_guard)):
            found.switch(spec)
        return found


def deciding(selection: Selection, options: Options) -> dict[str, Any]:
    """What makes two commands the same run: all that decides its numbers, and which cells were asked for."""
    found = asdict(selection)
    for name, declared in flags_of(Options).items():
        value = getattr(options, name)
        if declared.fingerprint == "always" or (declared.fingerprint == "given" and value):
            found[declared.key] = value
    return found


def _granted(plan: Plan) -> str:
    refused = (f"no:{name}" for name in sorted(DEFAULT_GRANTS - plan.grants))
    return ",".join([*sorted(plan.grants - DEFAULT_GRANTS), *refused])


def _counterfactuals(plan: Plan, pair: Pair) -> str:
    """`auto` where that comes to what the plan does."""
    return (
        "auto" if plan.counterfactuals == ("all" if pair.mode == "probe" else "one") else plan.counterfactuals
    )


def _file(given: str) -> Path:
    from w2s_harness.data.destination import file_for

    return file_for(given, "--out")
