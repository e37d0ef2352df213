"""Which cells of a plan are run: `-k`, `--lf`, `--reviewed-only`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from w2s_harness.errors import NothingSelectedError
from w2s_harness.experiment import runs
from w2s_harness.experiment.planning import keep, without_vanilla
from w2s_harness.experiment.selecting import matches_expression
from w2s_harness.experiment.selection import Options
from w2s_harness.experiment.sign_offs import SignOffs
from w2s_harness.experiment.store import Store
from w2s_harness.plan import Plan


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
