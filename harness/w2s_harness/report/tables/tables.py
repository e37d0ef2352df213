"""The tables of a leaderboard: one for each setting, its rows sorted for showing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from w2s_harness.contract.plan import VANILLA, ZERO_SHOT
from w2s_harness.report.document.document import Leaderboard, Row, Setting, label
from w2s_harness.report.notation import printable, share
from w2s_harness.report.sentences.claims import VANILLA_STAR
from w2s_harness.scoring.comparisons.compare import RankedRow, order


@dataclass(frozen=True, slots=True)
class SettingTable:
    """One setting as every format shows it."""

    setting: Setting
    gap: str | None
    """Why there is no gap, or None where there is one."""
    above: list[Row]
    """Rows that have numbers, best first, elicitation last."""
    below: list[Row]
    """Rows below the line: no-gap in a setting with a gap, skipped, failed, disqualified."""
    against: tuple[str, ...] = ()
    """References beside vanilla that have a column."""

    @property
    def rows(self) -> list[Row]:
        """All of them, from top to bottom."""
        return [*self.above, *self.below]

    @property
    def title(self) -> str:
        """The task and the pair."""
        return printable(f"{self.setting.task} on {self.setting.pair}")

    @property
    def has_own(self) -> bool:
        """Whether it is known of a row what is the teacher's own in it."""
        return any(row.own is not None for row in self.above)

    @property
    def reference(self) -> str:
        """Which vanilla rows are compared with."""
        return VANILLA_STAR if self.setting.vanilla_star else VANILLA

    @property
    def others(self) -> tuple[str, ...]:
        """References that do not have a column already."""
        return tuple(name for name in self.against if name != self.reference)


def setting_tables(document: Leaderboard, asked: Sequence[str] = ()) -> list[SettingTable]:
    """The settings in the document's order.

    :param asked: references that a column was asked for; zero-shot has none else, since claims speak of it.
    """
    made = []
    for setting in document.settings:
        mine = [r for r in document.rows if (r.task, r.pair) == (setting.task, setting.pair)]
        entries = [RankedRow(label(r), r.status, r.track, r.pgr, r.transfer.mean, None) for r in mine]
        ordered = [mine[i] for i in order(entries)]
        gap = _missing_gap(setting)
        shown = ("ok", "no-gap") if gap else ("ok",)
        above = [r for r in ordered if r.status in shown]
        below = [r for r in ordered if r.status not in shown]
        made.append(SettingTable(setting, gap, above, below, _references(document, asked)))
    return made


def outcome(row: Row) -> tuple[str, str]:
    """A row below the line: who, and what became of it."""
    return printable(label(row)), printable(f"{row.status}: {row.reason}")


def _references(document: Leaderboard, asked: Sequence[str]) -> tuple[str, ...]:
    """Whom rows are compared with beside vanilla, and beside zero-shot, which speaks in the claims."""
    names = dict.fromkeys(c.against for row in document.rows for c in row.versus)
    return tuple(name for name in names if name != ZERO_SHOT or name in asked)


def _missing_gap(setting: Setting) -> str | None:
    unclear = setting.gap_ci is not None and setting.gap_ci[0] <= 0
    if setting.gap is not None and setting.gap >= setting.min_gap and setting.gap > 0 and not unclear:
        return None
    return setting.reason or f"the gap {share(setting.gap, 3)} is under min_gap {share(setting.min_gap, 3)}"
