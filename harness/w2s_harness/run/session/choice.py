"""Which cells of a plan are run (`-k`, `--lf`, `--reviewed-only`), and which of these cannot."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from w2s_harness.contract.errors import NothingSelectedError, PluginError, UsageError
from w2s_harness.contract.plan import Plan, PlannedMethod
from w2s_harness.run.kept import runs
from w2s_harness.run.kept.sign_offs import SignOffs
from w2s_harness.run.kept.store import Store
from w2s_harness.run.plan.planning import keep, without_vanilla
from w2s_harness.run.plan.selection import Options
from w2s_harness.run.plan.specs import cut

_MAX_LEVELS = 50
_MAX_WORDS = 10_000


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user chose of a plan."""

    options: Options
    store: Store
    sign_offs: SignOffs
    say: Callable[[str], None]

    def check(self) -> None:
        """Raise `UsageError` for an expression that is none, before anything is planned."""
        if self.options.expression is not None:
            matches_expression(self.options.expression)

    def selected(self, plan: Plan, unfinished: runs.Run | None) -> Plan:
        """The plan with the cells that were chosen. Raises `NothingSelectedError`."""
        if self.options.reviewed_only:
            plan = self._reviewed(plan)
        if self.options.expression is not None:
            plan = keep(plan, matches_expression(self.options.expression))
        if self.options.last_failed:
            before = unfinished.plan()["selected"] if unfinished else None
            failed = self._failed_last() if before is None else frozenset(before)
            plan = keep(plan, failed.__contains__)
        if bare := without_vanilla(plan):
            self.say(
                f"note: no cell of vanilla is selected on {', '.join(bare)}: no row there is compared with it"
            )
        return plan

    def _reviewed(self, plan: Plan) -> Plan:
        left_out = {m.id for m in plan.methods if not self.sign_offs.is_accepted(m)}
        for method in sorted(left_out):
            self.say(f"left out: {method}: nobody accepted its source (w2s-harness review)")
        accepted = {cell.id for cell in plan.cells() if cell.method not in left_out}
        if not accepted:
            raise NothingSelectedError("--reviewed-only: nobody accepted the source of any method named")
        return keep(plan, accepted.__contains__)

    def _failed_last(self) -> frozenset[str]:
        """Ids of the cells that failed in the last run of this store."""
        for last in reversed(runs.all_runs(self.store.runs)):
            final = {e["cell"]: "error" in e for e in last.events() if "cell" in e}
            if any(final.values()):
                return frozenset(cell for cell, has_failed in final.items() if has_failed)
            if final:
                break
        raise NothingSelectedError("--lf: no cell failed in the last run")


def matches_expression(text: str) -> Callable[[str], bool]:
    """A `-k` expression in pytest's manner: words or globs joined by `and`, `or`, `not`, parentheses.

    Raises `UsageError` for an expression that does not parse, or is longer or deeper than one is written.
    """
    tokens = text.replace("(", " ( ").replace(")", " ) ").split()
    shown = cut(text)
    if len(tokens) > _MAX_WORDS:
        raise UsageError(f"-k '{shown}': {len(tokens)} words; at most {_MAX_WORDS:,} are read")
    rest = _Expression(tokens, shown)
    tree = rest.disjunction()
    if rest.at < len(tokens):
        raise UsageError(f"-k '{shown}': '{tokens[rest.at]}' is out of place")
    return tree


class _Expression:
    """Recursive descent: or < and < not < word."""

    def __init__(self, tokens: Sequence[str], text: str) -> None:
        self.tokens = tokens
        self.text = text
        self.at = self.level = 0

    def disjunction(self) -> Callable[[str], bool]:
        parts = [self.conjunction()]
        while self.takes("or"):
            parts.append(self.conjunction())
        return lambda cell: any(part(cell) for part in parts)

    def conjunction(self) -> Callable[[str], bool]:
        parts = [self.term()]
        while self.takes("and"):
            parts.append(self.term())
        return lambda cell: all(part(cell) for part in parts)

    def takes(self, token: str) -> bool:
        """Whether `token` comes next; then it is read."""
        found = self.tokens[self.at : self.at + 1] == [token]
        self.at += found
        return found

    def term(self) -> Callable[[str], bool]:
        if self.at == len(self.tokens) or self.tokens[self.at] in ("and", "or", ")"):
            raise UsageError(f"-k '{self.text}': a name is missing")
        token = self.tokens[self.at]
        self.at += 1
        if token not in ("not", "("):
            return lambda cell: token in cell or fnmatch.fnmatch(cell, token)
        self.level += 1
        if self.level > _MAX_LEVELS:
            raise UsageError(
                f"-k '{self.text}': 'not' and '(' are nested more than {_MAX_LEVELS} deep. Write it flat."
            )
        inner = self.disjunction() if token == "(" else self.term()
        self.level -= 1
        if token == "not":
            return lambda cell: not inner(cell)
        if not self.takes(")"):
            raise UsageError(f"-k '{self.text}': a closing parenthesis is missing")
        return inner


def remarks(plan: Plan, *, fresh: bool = False) -> list[str]:
    """A line for each method that will fail, and one for those that no access is granted to.

    :param fresh: whether data were to be drawn afresh; tasks that cannot be are named too.
    Raises `PluginError` where no method of the plan can run: its first stage would be worked off for nothing.
    """
    used = {cell.method for cell in plan.cells()}
    methods = [m for m in plan.methods if m.id in used]
    broken = {m.id: m.error.partition("\n")[0] for m in methods if m.error}
    if broken and len(broken) == len(methods):
        first, *others = broken.values()
        raise PluginError(first + (f" ({len(others)} more of the plan cannot run either)" if others else ""))
    lines = [f"warning: {name} cannot run and will fail: {why}" for name, why in broken.items()]
    lines += _lacking(plan, [m for m in methods if not m.error])
    fixed = [task.id for task in plan.tasks if task.exposure != "fresh"] if fresh else []
    drawn = f"note: --fresh draws nothing for {', '.join(fixed)}: no seed makes these data"
    return [*lines, drawn] if fixed else lines


def _lacking(plan: Plan, methods: Sequence[PlannedMethod]) -> list[str]:
    missing = {m.id: words for m in methods if (words := sorted(set(m.access) - plan.grants))}
    if not missing:
        return []
    shown = ", ".join(f"{name} ({'+'.join(words)})" for name, words in missing.items())
    grant = ",".join(sorted({word for words in missing.values() for word in words}))
    return [f"note: skipped for lack of access: {shown}. --grant {grant} lets them run"]
