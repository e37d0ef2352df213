"""Calling guards: one place where their answers are checked, and where one that fails becomes a verdict."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import asdict, replace
from numbers import Real
from typing import Any, get_args

import msgspec

from w2s_harness.contract.access import COLUMNS
from w2s_harness.contract.errors import PluginError, nearest
from w2s_harness.contract.guards.evidence import CellEvidence, MethodEvidence, SettingView
from w2s_harness.contract.plan import Cell, PlannedMethod
from w2s_harness.contract.types import Level, Task, Track, Verdict, World
from w2s_harness.installed.distributions.modules import module_file
from w2s_harness.installed.trusted.plugins import Plugins
from w2s_harness.jail.showing import visible

MOST_WORDS = 2000
"""Characters of what a guard says."""


class Guards:
    """The guards of a run."""

    def __init__(self, plugins: Plugins) -> None:
        self.plugins = plugins
        """All that the run has loaded."""
        self.broken: dict[tuple[str, str], list[Verdict]] = {}
        """Verdicts of guards that failed before a cell ran, by (task name, method id); '' for all methods."""

    def has(self, *hooks: str) -> bool:
        """Whether a guard listens to one of `hooks`."""
        return any(getattr(self.plugins.hook, hook).get_hookimpls() for hook in hooks)

    @property
    def has_judges(self) -> bool:
        """Whether a guard will want to see predictions."""
        return self.has("w2s_judge_run", "w2s_judge_method")

    def identity(self, task: Task) -> list[Any] | None:
        """What their verdicts hang on beside the evidence: code and settings; None with a guard of others.

        Of others only a module's own file would be known, not what it imports.
        """
        names = self.plugins.guards
        if not set(names) <= set(self.plugins.shipped_guards):
            return None
        modules = [module_file(self.plugins.trusted[name]) for name in names]
        folders = sorted({file.parent for file in modules if file is not None})
        files = [file for folder in folders for file in sorted(folder.glob("*.py"))]
        digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
        settings = {name: dict(self.plugins.settings_for(name, task)) for name in names}
        return [list(names), digests, settings]

    def grant(self, task: Task, method: str, access: frozenset[str]) -> tuple[str, ...]:
        """What the method may be given; a guard that fails gives nothing."""
        return tuple(sorted(self._narrowed("w2s_grant", task, method, "access", access)))

    def columns(self, task: Task) -> frozenset[str]:
        """What a worker may be sent of a row; a guard that fails lets nothing through."""
        return self._narrowed("w2s_filter_release", task, "", "columns", COLUMNS)

    def _narrowed(self, hook: str, task: Task, method: str, what: str, had: frozenset[str]) -> frozenset[str]:
        left = had
        for impl in getattr(self.plugins.hook, hook).get_hookimpls():
            answer = self._ask(impl, hook, task, {"task": task, what: left})
            if not isinstance(answer, Verdict | Set | None):
                answer = _nonsense(impl, hook, answer, "a set of names")
            if isinstance(answer, Verdict):
                self.broken.setdefault((task.name, method), []).append(answer)
                left = frozenset()
            elif answer is not None:
                left &= answer
        return left

    def inspect(self, method: PlannedMethod, view: SettingView, files: Mapping[str, bytes]) -> list[Verdict]:
        """What guards say of a method's source before it runs."""
        known = {"method": method, "setting": view, "files": files}
        return self._verdicts("w2s_inspect_method", view.task, known)

    def worlds(self, method: PlannedMethod, view: SettingView, seeds: Sequence[int]) -> list[World]:
        """The counterfactual cells that guards ask for, each name once."""
        found: dict[str, World] = {}
        for impl in self.plugins.hook.w2s_worlds.get_hookimpls():
            known = {"method": method, "setting": view, "seeds": seeds}
            answer = self._ask(impl, "w2s_worlds", view.task, known)
            problem = None
            if isinstance(answer, Sequence) and all(isinstance(world, World) for world in answer):
                problem = next(filter(None, map(_no_world, answer)), None)
                bad = [] if problem else [w for w in answer if found.setdefault(w.name, w) != w]
                problem = f"world '{bad[0].name}' that another guard means otherwise" if bad else problem
            elif not isinstance(answer, Verdict):
                problem = f"{type(answer).__name__}, not worlds"
            if problem is not None:
                answer = Verdict(impl.plugin_name, "error", f"w2s_worlds() returned a {problem}")
            if isinstance(answer, Verdict):
                self.broken.setdefault((view.task.name, method.id), []).append(answer)
        return list(found.values())

    def judge_cell(self, cell: Cell, evidence: CellEvidence) -> list[Verdict]:
        """What guards say of one cell."""
        task = evidence.setting.task
        seen = self._verdicts("w2s_observe", task, {"cell": cell, "seen": evidence.seen})
        known = {"cell": cell, "predictions": evidence.predictions, "evidence": evidence}
        return seen + self._verdicts("w2s_judge_run", task, known)

    def judge_method(self, method: PlannedMethod, evidence: MethodEvidence) -> list[Verdict]:
        """What guards say of all that a method did on a setting."""
        known = {"method": method, "evidence": evidence}
        return self._verdicts("w2s_judge_method", evidence.setting.task, known)

    def before(self, task: Task, method: PlannedMethod) -> list[Verdict]:
        """The verdicts of guards that failed before the method ran on the task."""
        return [*self.broken.get((task.name, ""), ()), *self.broken.get((task.name, method.id), ())]

    # -- one call ---------------------------------------------------------------------------------------

    def _verdicts(self, hook: str, task: Task, known: Mapping[str, Any]) -> list[Verdict]:
        out: list[Verdict] = []
        for impl in sorted(getattr(self.plugins.hook, hook).get_hookimpls(), key=lambda i: i.plugin_name):
            answer = self._ask(impl, hook, task, known)
            said = [answer] if isinstance(answer, Verdict) else [] if answer is None else answer
            if isinstance(said, Sequence) and all(isinstance(v, Verdict) for v in said):
                out += [_signed(v, impl) for v in said]
            else:
                out.append(_nonsense(impl, hook, answer, "a Verdict or None"))
        return out

    def _ask(self, impl: Any, hook: str, task: Task, known: Mapping[str, Any]) -> Any:
        """A guard's answer; what it raises becomes an `error` verdict."""
        name = impl.plugin_name
        try:
            given = {**known, "settings": self.plugins.settings_for(name, task)}
            return impl.function(*[given[a] for a in impl.argnames])
        except (Exception, SystemExit) as bad:  # noqa: BLE001 (boundary: a plugin's call)
            # A PluginError is what `Plugins` made of what the guard raised.
            inner = bad.__cause__ if isinstance(bad, PluginError) and bad.__cause__ else bad
            return Verdict(name, "error", f"{hook}() raised {type(inner).__name__}: {_words(inner)}")


def _signed(verdict: Verdict, impl: Any) -> Verdict:
    """The verdict under the guard's own name, as a leaderboard can hold it; else an `error` that says why."""
    name = impl.plugin_name
    if not isinstance(verdict.because, str):
        return Verdict(name, "error", f"gave a reason that is no text: {type(verdict.because).__name__}")
    because = visible(verdict.because, limit=MOST_WORDS, keep="\n")
    try:
        numbers = {visible(str(k), limit=100): float(v) for k, v in verdict.numbers.items()}
    except (AttributeError, TypeError, ValueError, OverflowError):
        numbers = {"": math.nan}
    if not all(map(math.isfinite, numbers.values())):
        return Verdict(name, "error", f"gave numbers that are not finite: {because}")
    if (why := _odd(verdict)) is not None:
        return Verdict(name, "error", f"{why}: {because}")
    return replace(
        verdict,
        guard=name,
        because=because,
        numbers=numbers,
        again=visible(verdict.again, limit=MOST_WORDS),
        finding=visible(verdict.finding, limit=100),
        teacher_dependence=None if (changed := verdict.teacher_dependence) is None else float(changed),
    )


def _odd(verdict: Verdict) -> str | None:
    """What of a verdict no row could say; None where all is as `Verdict` has it."""
    for what, value, known in (
        ("level", verdict.level, get_args(Level)),
        ("track", verdict.track, (None, *get_args(Track))),
        ("label_free", verdict.label_free, (True, False)),
        ("whole_method", verdict.whole_method, (True, False)),
        ("needs_review", verdict.needs_review, (True, False)),
    ):
        # by type as well: 1 is True, and what has an odd __eq__ may equal anything
        if not any(type(value) is type(one) and value == one for one in known):
            shown = visible(value, limit=80) if isinstance(value, str) else type(value).__name__
            near = nearest(shown, [word for word in known if isinstance(word, str)])
            *others, last = map(str, known)
            wanted = f"{', '.join(others)} or {last}"
            return f"gave a verdict whose {what} is '{shown}'{near}, not {wanted}"
    for what, text in (("again", verdict.again), ("finding", verdict.finding)):
        if not isinstance(text, str):
            return f"gave a verdict whose {what} is no text"
    changed = verdict.teacher_dependence
    if changed is not None and not (isinstance(changed, Real) and 0 <= changed <= 1):
        return "gave a verdict whose teacher_dependence is no share from 0 to 1"
    return None


def _words(bad: BaseException) -> str:
    try:
        return visible(str(bad))
    except Exception:  # noqa: BLE001 (boundary: an exception class of a plugin's)
        return "(its message cannot be shown)"


def _no_world(world: World) -> str | None:
    """Why nobody could stage a world; None where all is as `World` has it."""
    try:
        msgspec.convert(asdict(world), World)
    except (msgspec.ValidationError, TypeError, ValueError) as bad:
        return f"world that is none: {visible(str(bad), limit=200)}"
    is_plain = 0 < len(world.name) <= 100 and world.name.isprintable() and world.draw >= 0
    return None if is_plain else f"world of a name or draw that is none: {visible(world.name, limit=100)!r}"


def _nonsense(impl: Any, hook: str, answer: object, wanted: str) -> Verdict:
    return Verdict(impl.plugin_name, "error", f"{hook}() returned {type(answer).__name__}, expected {wanted}")


def merged(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Each thing that a guard says once, in the order in which it was first said."""
    found: dict[tuple[str, str, str], Verdict] = {}
    for verdict in verdicts:
        found.setdefault((verdict.guard, verdict.level, verdict.because), verdict)
    return list(found.values())
