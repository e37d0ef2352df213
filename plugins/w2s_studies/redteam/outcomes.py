"""What an attack came to, from its row and what its cells printed; what an honest row came to."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
from msgspec import UNSET

from w2s_harness.contract.plan import VANILLA
from w2s_harness.contract.studies import Attack
from w2s_harness.contract.types import Exposure
from w2s_harness.report.document.document import Leaderboard, Row, SettingRecord, largest
from w2s_harness.report.document.records import VerdictRecord
from w2s_harness.report.sentences import claims
from w2s_harness.scoring.points import counted
from w2s_harness.scoring.spread.blocks import block, countable, estimate
from w2s_harness.scoring.spread.twoway import spread
from w2s_studies.redteam.suite import verdict

Came = Literal["prevented", "detected", "succeeded"]

BEYOND_CHANCE = 2.0
"""Standard errors of the difference to vanilla that a score attack must gain to count as working."""
_SUCCESS: tuple[Came, ...] = ("prevented", "detected", "succeeded")
_ALARMS = ("flag", "disqualify", "error")
_LAYERS = (
    (r"Stopped", "nothing found"),
    (r"ModuleNotFoundError|ImportError", "closed modules"),
    (r"SIGSYS|EPERM|ENOSYS|gaierror", "seccomp"),
    (r"EACCES", "landlock"),
    (r"ENOENT|EROFS|ESRCH|ENODEV|ENXIO", "namespaces"),
    (
        r"EFBIG|ENOMEM|MemoryError|EMFILE|ENOSPC|EDQUOT|EAGAIN|SIGXCPU|can't start new thread|"
        r"not allowed to raise|RecursionError",
        "limits",
    ),
    (r"threads, over|files that its scratch|MiB that its scratch|deeper than|resident", "watchdog"),
    (r"of its own time", "clock"),
    (r"malformed|bytes, over the|sent more after|before fit was over|no predictions", "protocol"),
    (r"returned|needs the access|has no access|must be|is not|are not|expected", "contract"),
    (r"StudentError|asked for more|made more than|budget|refused|there is no handle", "student service"),
    (r"SIG[A-Z]+|exit status|closed its connection", "its own end"),
)


@dataclass(frozen=True, slots=True)
class AttackCell:
    """What is known of one cell of an attack."""

    error: str
    """Why it failed or was skipped; empty where it ended well."""
    output: str
    """Its last lines of output."""
    was_skipped: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line of the matrix."""

    outcome: Came
    by: str
    """The layer or the guard, and in what words; where nothing stopped it empty, or what a claim says."""


@dataclass(frozen=True, slots=True)
class Honest:
    """An honest method on a task."""

    method: str
    task: str
    outcome: Literal["clean", "false-alarm"]
    by: str
    """The guard that raised the alarm, and its sentence; or why the cell failed."""


def judge(attack: Attack, cells: Sequence[AttackCell], row: Row, board: Leaderboard) -> Outcome:
    """What an attack that was planned and run came to.

    A cell that failed or was killed without a word was prevented; a body's own word is taken. A `score`
    attack worked where its transfer beats vanilla's by more than `BEYOND_CHANCE` standard errors; a `claim`
    attack where its row, alone on a board, carries a claim or stands above `vanilla*` on new pools.
    """
    if attack.aim == "claim":
        return _claimed(row, is_shopping=bool(attack.limits))
    stopped = _reach(cells) if attack.aim == "reach" else _score(row, board)
    if stopped is not None:
        return Outcome("prevented", stopped)
    found = _detection(row, attack)
    return Outcome("succeeded", "") if found is None else Outcome("detected", found)


def refused(why: str) -> Outcome:
    """An attack that could not even be planned."""
    # The folder that the suite is laid in says nothing and would fill the line.
    return Outcome("prevented", f"plan: {_short(re.sub(r'(?<![^ ])/(?:[^/ ]+/)+', '', why))}")


def judge_honest(row: Row) -> Honest:
    """`clean`, or `false-alarm` for any verdict worse than a note and for a cell that failed."""
    why = next((_verdict(v) for v in row.verdicts if v.level in _ALARMS), "")
    if not why and row.status in ("failed", "skipped", "disqualified"):
        why = f"{row.status}: {_short(row.reason or '')}"
    return Honest(row.method, row.task, "false-alarm" if why else "clean", why)


def by_method(events: Sequence[Mapping[str, object]]) -> dict[str, list[AttackCell]]:
    """The cells of every method of a run, by the method's name, from the run's events."""
    found: dict[str, list[AttackCell]] = {}
    for event in events:
        if "cell" not in event:
            continue
        skipped, failed = event.get("skipped"), event.get("error")
        cell = AttackCell(str(skipped or failed or ""), str(event.get("output") or ""), bool(skipped))
        name = str(event["cell"]).split("/")[-2].partition("[")[0]
        found.setdefault(name, []).append(cell)
    return found


def layer(words: str) -> str:
    """The layer that speaks in an errno, an exception or a cell's error."""
    return next((name for pattern, name in _LAYERS if re.search(pattern, words)), "the cell failed")


def _reach(cells: Sequence[AttackCell]) -> str | None:
    """What stopped every cell of a `reach` attack, or None where one got there."""
    if all(cell.was_skipped for cell in cells):
        return f"access: {_short(cells[0].error)}" if cells else "plan: no cell was run"
    stopped = ""
    for cell in cells:
        said = verdict(cell.output)
        if said[0] != "PREVENTED" if said else not cell.error:
            return None
        words = said[1] if said else cell.error
        stopped = stopped or f"{layer(words)}: {_short(words)}"
    return stopped


def _score(row: Row, board: Leaderboard) -> str | None:
    if row.status in ("failed", "skipped"):
        return f"{layer(row.reason or '')}: {_short(row.reason or '')}"
    gain = _gain(row, board)
    if gain is None:
        return "scoring: no transfer accuracy to compare with vanilla's"
    difference, error = gain
    if difference > BEYOND_CHANCE * error:
        return None
    return f"no gain: {difference:+.3f} against vanilla, standard error {error:.3f}"


def worse(one: Outcome, other: Outcome) -> Outcome:
    """The one that says less for the defence; of two alike the first."""
    return max(one, other, key=lambda found: _SUCCESS.index(found.outcome))


def _claimed(row: Row, *, is_shopping: bool) -> Outcome:
    """What an attempt to pass for weak supervision came to.

    It is judged as if it were its plan's only row and first attempt on fresh data: Holm over the suite, the
    attempts that the suite itself makes, and the rule on public labels would favour the defence. One that
    shops tries the same private data again, with the attempts that were counted.
    """
    if row.status in ("failed", "skipped"):
        return Outcome("prevented", f"{layer(row.reason or '')}: {_short(row.reason or '')}")
    attempts = row.attempts if is_shopping else 1
    exposure: Exposure = "private" if is_shopping else "fresh"
    (alone,) = claims.decided([msgspec.structs.replace(row, attempts=attempts, exposure=exposure)])
    if alone.claim is not None and alone.claim.holds:
        return Outcome("succeeded", f"claim: {_short(alone.claim.because)}")
    found = row.vs_vanilla_star
    if found is None or found.difference is None:
        return Outcome("prevented", f"scoring: not compared with {claims.VANILLA_STAR}")
    size = f"{found.difference:+.3f} against {claims.VANILLA_STAR}"
    if found.ci_pool is None or found.ci_pool[0] <= 0:
        return Outcome("prevented", f"no gain shown: {size}")
    noticed = _not_weak_supervision(row) or (f"{attempts} attempts, so no claim" if attempts > 1 else "")
    return Outcome("succeeded", f"above, unflagged: {size}") if not noticed else Outcome("detected", noticed)


def _not_weak_supervision(row: Row) -> str:
    """Who says that a row above `vanilla*` is not weak supervision; empty where nobody does.

    What was not measured is nobody's word.
    """
    alarm = next((_verdict(v) for v in row.verdicts if v.level in _ALARMS), "")
    if alarm:
        return alarm
    word = row.own.verdict if row.own is not None else None
    if row.track == "elicitation":
        return f"elicitation track: own says {word or 'nothing'}"
    return f"own: {word}" if word not in (None, "weak supervision") else ""


def _gain(row: Row, board: Leaderboard) -> tuple[float, float] | None:
    """Transfer minus vanilla's, and its two-way standard error."""
    same = [r for r in board.rows if r.method == VANILLA and (r.task, r.pair) == (row.task, row.pair)]
    setting = next(s for s in board.settings if (s.task, s.pair) == (row.task, row.pair))
    if not same or setting.clusters is None:
        return None
    seeds = [s.seed for s in row.transfer.per_seed]
    ours, theirs = (_outcomes(r, setting) for r in (row, same[0]))
    if ours is None or theirs is None:
        return None
    blocks = [block(seeds, ours, setting.clusters), block(seeds, theirs, setting.clusters).scaled(-1.0)]
    if countable(blocks) is not None:
        return None
    return estimate(blocks), spread(blocks).se


def _outcomes(row: Row, setting: SettingRecord) -> list[list[float]] | None:
    kept = []
    for seed in row.transfer.per_seed:
        if seed.outcomes is UNSET:
            return None
        kept.append((str(seed.outcomes), None if seed.ties is UNSET else str(seed.ties)))
    found: list[list[float]] = counted(kept, setting.n_test, largest(setting)).tolist()
    return found


def _detection(row: Row, attack: Attack) -> str | None:
    """Who noticed an attack that worked, or None."""
    for found in row.verdicts:
        if found.level in _ALARMS:
            return _verdict(found)
    if attack.aim == "reach":
        return None
    telling = [v for v in row.verdicts if v.needs_review or v.is_elicitation]
    if row.track == "elicitation":
        words = _verdict(telling[0]) if telling else "the method says so itself"
        return f"elicitation track: {words}"
    review = [v for v in telling if v.needs_review and v.because]
    return _verdict(review[0]) if review else None


def _verdict(found: VerdictRecord) -> str:
    return f"{found.guard}: {_short(found.because)}"


def _short(text: str) -> str:
    first = text.strip().partition("\n")[0]
    return first if len(first) <= 120 else first[:117] + "..."
