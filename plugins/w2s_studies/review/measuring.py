"""From a finished run to what is known of one of its methods, the known method most like it among that."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.guards.evidence import CellEvidence
from w2s_harness.contract.guards.measures import agreement
from w2s_harness.contract.plan import VANILLA, ZERO_SHOT, PlannedMethod, Value
from w2s_harness.installed import small_files
from w2s_harness.installed.distributions import modules
from w2s_harness.installed.distributions.metadata import Entry
from w2s_harness.installed.parsed.normal_form import alike, normal_form, runs
from w2s_harness.report.document import document
from w2s_harness.report.document.document import Leaderboard, Row
from w2s_harness.run.board.assemble import RunResults
from w2s_harness.run.board.rows.rows import subsets as marked
from w2s_harness.run.cell.cell_result import Ended
from w2s_harness.run.work.setting.setting import Setting
from w2s_studies.review.treatment import TrainedRows, Treatment, treatment, unseen

CONTEXT = 3
"""Lines that a diff shows around what differs."""


@dataclass(frozen=True, slots=True)
class Nearest:
    """The most similar of the known methods."""

    name: str
    similarity: float
    """In [0, 1], of the normalised sources; 1 where only names, comments or constants differ."""
    diff: str
    """Unified, from the known method to this one; empty for equal files."""
    added: int
    """Lines of the diff that the known method has not."""
    removed: int
    """Lines of it that this one has not."""


def known(methods: Mapping[str, Entry]) -> dict[str, str]:
    """The source of every installed method by its name, read and never imported; shipped ones first."""
    out = {}
    for name, entry in sorted(methods.items(), key=lambda item: (not item[1].is_shipped, item[0])):
        file = modules.module_file(entry)
        if file is not None:
            with contextlib.suppress(OSError):  # one that is too large or gone is like nothing
                out[name] = small_files.read(file).decode("utf-8", "replace")
    return out


def nearest(name: str, source: str, known: Mapping[str, str]) -> Nearest | None:
    """The known method most like `source`, the first of equals; None where nothing else is known.

    Similarity is that of `normal_form.alike`; `name` itself is passed over, as the method would be most
    like its own installed self.
    """
    mine = runs(normal_form(source))
    likeness = {k: alike(mine, runs(normal_form(text))) for k, text in known.items() if k != name}
    if not likeness:
        return None
    other = max(likeness, key=lambda k: likeness[k])
    pair = known[other].splitlines(), source.splitlines()
    lines = list(difflib.unified_diff(*pair, other, name, lineterm="", n=CONTEXT))
    added, removed = (sum(line.startswith(sign) for line in lines[2:]) for sign in "+-")
    return Nearest(other, likeness[other], "\n".join(lines), added, removed)


def text_of(files: Mapping[str, bytes], filename: str) -> str:
    """The method's own module among its files, as text."""
    name = Path(filename).name
    body = next((data for file, data in files.items() if Path(file).name == name), b"")
    return body.decode("utf-8", "replace")


Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Overlap:
    """A method's decisions beside another's, over the seeds."""

    name: str
    agreement: float
    """Share of holdout rows that both decide alike, a P of 1/2 counted half; mean over the seeds."""
    parted: float
    """Share of rows on which they decide differently, ties left out."""
    right: float | None
    """Of these rows, the share on which the method is right; None where there is none."""


@dataclass(frozen=True, slots=True)
class Subset:
    """A part of the holdout."""

    name: str
    rows: int
    """Its rows; mean over the seeds where it hangs on the teacher."""
    accuracy: float
    vanilla: float

    @property
    def difference(self) -> float:
        """Accuracy less vanilla's."""
        return self.accuracy - self.vanilla


@dataclass(frozen=True, slots=True)
class Ablation:
    """The method with one parameter back at its default."""

    parameter: str
    value: Value
    default: Value
    row: Row


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """One kind of counterfactual cell, over its draws and seeds."""

    name: str
    teacher: str
    inputs: str
    cells: int
    accuracy: float
    """On the holdout, mean over the cells."""
    agreement: float
    """With the real cells of the same seeds, mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A method on one task and pair."""

    setting: document.SettingRecord
    row: Row
    vanilla: Row | None
    ablations: Sequence[Ablation] = ()
    treatment: Treatment | None = None
    """None where no cell ended well, or no fit was seen."""
    unseen: Sequence[str] = ()
    """What of its training could not be seen, a sentence each."""
    beside: Sequence[Overlap] = ()
    subsets: Sequence[Subset] = ()
    counterfactuals: Sequence[Counterfactual] = ()
    failed_worlds: int = 0
    """Counterfactual cells that did not end well."""
    seconds: float = 0.0
    """Of its real cells, summed."""
    service_seconds: float = 0.0
    """Of these, in the student service."""
    vanilla_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that a dossier is made from."""

    method: PlannedMethod
    asked: str
    """The method as the reviewer named it."""
    source: str
    """The text of its module."""
    other_files: Mapping[str, int]
    """Its distribution's other files, and their bytes."""
    lines: int
    """Lines of code."""
    nearest: Nearest | None
    places: Sequence[Place]
    command: str
    """What runs the same again."""


def places(board: Leaderboard, found: RunResults, method: PlannedMethod) -> list[Place]:
    """What is known of `method` on each task and pair of the run."""
    return [_Where(board, found, method, setting).place() for setting in found.settings]


class _Where:
    def __init__(
        self, board: Leaderboard, found: RunResults, method: PlannedMethod, setting: Setting
    ) -> None:
        self.board, self.found, self.method, self.setting = board, found, method, setting
        self.gathered = found.work.gathered[setting.id]
        rows = found.work.ended()
        self.cells = {method: cells for (where, method), cells in rows.items() if where == setting.id}

    def place(self) -> Place:
        """All of it; of a row that failed, no more than its row."""
        where = (self.setting.task.id, self.setting.pair.name)
        (here,) = [s for s in self.board.settings if (s.task, s.pair) == where]
        planned = {m.id: m for m in self.found.plan.methods}
        mine = self.cells[self.method.id]
        base: dict[str, Any] = {
            "setting": here,
            "row": self.row(self.method),
            "vanilla": self.row(planned[VANILLA]),
            "ablations": self.ablations(planned.values()),
            "seconds": _seconds(mine),
            "service_seconds": float(sum(e.result.service_seconds for e in mine if e.result is not None)),
            "vanilla_seconds": _seconds(self.cells[VANILLA]),
        }
        if not all(ended.is_well for ended in mine):
            return Place(**base)
        facts = [ended.well.seen.trained for ended in mine]
        trained = [self.trained(ended) for ended in mine] if any(f.get("behind") for f in facts) else []
        return Place(
            **base,
            treatment=treatment(trained) if trained else None,
            unseen=unseen([f for f in facts if f]),
            beside=self.beside(),
            subsets=self.subsets(),
            counterfactuals=self.counterfactuals(),
            failed_worlds=sum(not ended.is_well for ended in self.worlds()),
        )

    def row(self, method: PlannedMethod) -> Row:
        """The board's row of a method here."""
        key = (method.name, dict(method.changed), self.setting.task.id, self.setting.pair.name)
        return next(r for r in self.board.rows if (r.method, r.parameters, r.task, r.pair) == key)

    def ablations(self, methods: Any) -> list[Ablation]:
        """The rows in which one changed parameter stands at its default, in the parameters' order."""
        out = []
        for name, value in self.method.changed.items():
            rest = {k: v for k, v in self.method.changed.items() if k != name}
            for other in methods:
                same = other.source == self.method.source and other.name == self.method.name
                if same and dict(other.changed) == rest:
                    out.append(Ablation(name, value, other.parameters[name], self.row(other)))
        return out

    def evidence(self, method: str) -> list[CellEvidence]:
        """What guards are shown of a method's cells; empty where one did not end well."""
        cells = self.cells.get(method, [])
        return [self.gathered.cell(e) for e in cells] if all(e.is_well for e in cells) else []

    def trained(self, ended: Ended) -> TrainedRows:
        """One seed's training rows; the gold stays in the host."""
        cell = self.gathered.cell(ended)
        rows = ended.well.trained
        weight, target, used = np.full((3, len(cell.drawn)), np.nan) if rows is None else rows.floats
        return TrainedRows(weight, target, used, cell.weak, cell.setting.train.gold[cell.drawn])

    def beside(self) -> list[Overlap]:
        """Beside the teacher, zero-shot and vanilla."""
        mine = self.evidence(self.method.id)
        predictions, gold = [c.predictions for c in mine], self.gathered.view.test.gold
        out = [beside("its teacher", predictions, [c.weak_test for c in mine], gold)]
        for name in (ZERO_SHOT, VANILLA):
            theirs = [c.predictions for c in self.evidence(name)]
            if name != self.method.id and theirs:
                out.append(beside(name, predictions, theirs, gold))
        return out

    def subsets(self) -> Any:
        """Parts of the holdout, beside vanilla's accuracy there."""
        mine, theirs = self.evidence(self.method.id), self.evidence(VANILLA)
        if self.method.id == VANILLA or not theirs:
            return []
        return subsets(
            [c.predictions for c in mine],
            [c.predictions for c in theirs],
            [c.weak_test for c in mine],
            self.gathered.view.test.gold,
            marked(self.setting),
        )

    def worlds(self) -> Sequence[Ended]:
        """The method's counterfactual cells."""
        return self.found.work.worlds.get((self.setting.id, self.method.id), ())

    def counterfactuals(self) -> list[Counterfactual]:
        """Counterfactual cells by kind, in the order in which guards asked for them."""
        real = {e.seed: self.gathered.cell(e).predictions for e in self.cells[self.method.id]}
        kinds: dict[tuple[str, str, str], list[Ended]] = {}
        for ended in self.worlds():
            world = ended.work.world
            if world is not None and ended.is_well:
                stem = world.name.rstrip("0123456789").rstrip("-")
                kinds.setdefault((stem, world.teacher, world.inputs), []).append(ended)
        return [
            Counterfactual(
                *kind,
                cells=len(cells),
                accuracy=float(np.mean([e.well.scored.accuracy for e in cells])),
                agreement=float(
                    np.mean([agreement(self.gathered.cell(e).predictions, real[e.seed]) for e in cells])
                ),
            )
            for kind, cells in kinds.items()
        ]


def _seconds(cells: Sequence[Ended]) -> float:
    return float(sum(ended.outcome.seconds or 0.0 for ended in cells))


def beside(name: str, mine: Sequence[Floats], other: Sequence[Floats], gold: Bools) -> Overlap:
    """Compare predictions, P(label = 1) by seed, each (n,)."""
    parted, right = 0, 0
    for p, q in zip(mine, other, strict=True):
        apart = (p - 0.5) * (q - 0.5) < 0
        parted += int(apart.sum())
        right += int(((p > 0.5) == gold)[apart].sum())
    return Overlap(
        name,
        float(np.mean([agreement(p, q) for p, q in zip(mine, other, strict=True)])),
        parted / (len(mine) * len(gold)),
        right / parted if parted else None,
    )


def subsets(
    mine: Sequence[Floats],
    vanilla: Sequence[Floats],
    teacher: Sequence[Floats],
    gold: Bools,
    marks: Mapping[str, Bools],
) -> list[Subset]:
    """The marked parts of the holdout, and the rows that the teacher gets right and wrong, by seed."""
    right = [(t > 0.5) == gold for t in teacher]
    wheres = {name: [mask] * len(mine) for name, mask in marks.items()}
    wheres |= {"teacher right": right, "teacher wrong": [~r for r in right]}
    out = []
    for name, masks in wheres.items():
        rows = sum(int(m.sum()) for m in masks)
        if rows:
            scores = [_hits(p, gold, masks) / rows for p in (mine, vanilla)]
            out.append(Subset(name, round(rows / len(masks)), *scores))
    return out


def _hits(predictions: Sequence[Floats], gold: Bools, masks: Sequence[Bools]) -> float:
    """Rows that are right, a tie counted half, within the masks."""
    return sum(
        float(np.where(p == 0.5, 0.5, (p > 0.5) == gold)[m].sum())
        for p, m in zip(predictions, masks, strict=True)
    )
