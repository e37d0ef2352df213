"""How often does any of 20 rows that are no method carry a claim of weak supervision?

    python benchmarks/simulations/claims.py [--tasks math,code,chat,kinds] [--draws 8] [--seeds 5]

Every draw makes a shipped task's data anew and reads it with both models of its pair. Teacher and students
are ridge regressions on the frozen features (a kernel each seed, so that one more row costs next to nothing);
what follows is the harness's own code: echoes and decoys, `own` with vanilla's luck taken off,
`vanilla*`, `zero-shot*`, p-values for new pools, the verdict, Holm over the plan and `claims.decided`.

The rows: vanilla at five other C, row subsets, ensembles, and the red team's ten laundered forms. `any` is
the share of draws with a claim anywhere on the board; `alone` that of rows that would carry one if nothing
else were in the plan. Both must be at most .05. `above` counts rows above `vanilla*` on new pools, and those
of them whose verdict is *weak supervision*. `gold` is the share of claims by bags of students of gold, with
echoes and decoys of the gold: what the test can see at this size.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from no_method import GRID, Kernel, Seed, answers

from w2s_harness.contract.kinds import kind_of
from w2s_harness.report.document import document, provenance, records
from w2s_harness.report.sentences import claims, comparing
from w2s_harness.run.stages.worlds.own import Calibrated, pair_and_echo
from w2s_harness.scoring.comparisons import own_part
from w2s_harness.scoring.comparisons.own_part import WorldCells, basis, decoy_pair, directions, echo, shared
from w2s_harness.scoring.comparisons.starred import Point, Starred, centred, labels
from w2s_harness.scoring.spread import pool
from w2s_harness.scoring.spread.blocks import Block, block

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

CALIBRATION = 8
"""Draws of each world that vanilla is measured in."""
CONTROL = "five bags"
TEACHER_NOISE = (0.05, 0.95)
"""Between which weak labels lie."""


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """One fresh draw of a task: features, readouts, questions and gold, and what its teacher learns from."""

    x: Floats
    z: Floats
    groups: Codes
    x_test: Floats
    z_test: Floats
    groups_test: Codes
    gold: Floats
    gold_test: npt.NDArray[np.bool_]
    teacher_x: Floats
    teacher_gold: Floats
    teacher_groups: Codes
    teacher_sees: Floats
    """(n, d) the weak model's features of the training rows."""

    def right(self, p: Floats) -> Floats:
        """(n,) what P(label = 1) counts on the holdout."""
        return np.where(p == 0.5, 0.5, ((p > 0.5) == self.gold_test).astype(np.float64))


def fresh(task: Any, draw: int, limit: int, loaded: tuple[Any, Any]) -> Ground:
    """A task's data by another data seed, read by the weak and the strong model."""
    from w2s_harness.contract.types import SPLITS
    from w2s_harness.data.rows.gold import gold_of
    from w2s_harness.data.rows.prepared import prepare
    from w2s_harness.students.lm.readout import extract

    data = prepare(replace(task, data_seed=f"{0xC1A1 + draw:x}"), limit=limit)
    weak, strong = loaded
    gold = {name: gold_of(data, name).labels for name in SPLITS}
    label, ours, test = (data.texts[name] for name in SPLITS)
    a, b = (extract(strong, split.rows, kind_of(data.kind)) for split in (ours, test))
    told, sees = (extract(weak, split.rows, kind_of(data.kind)) for split in (label, ours))
    return Ground(
        np.asarray(a.features, np.float64), np.asarray(a.likelihoods[:, :3], np.float64).T, ours.groups,
        np.asarray(b.features, np.float64), np.asarray(b.likelihoods[:, :3], np.float64).T, test.groups,
        gold["train_unlabel"].astype(np.float64), gold["test"],
        np.asarray(told.features, np.float64),
        gold["train_label"].astype(np.float64), label.groups, np.asarray(sees.features, np.float64),
    )  # fmt: skip


def prepared(ground: Ground, rng: np.random.Generator) -> Seed:
    """Four fifths of the questions of both training splits: a teacher, and the student's kernel."""
    told, rows = (_four_fifths(g, rng) for g in (ground.teacher_groups, ground.groups))
    teacher = Kernel(ground.teacher_x[told], ground.teacher_sees[rows])
    gold = ground.teacher_gold[told]
    weak = np.clip(teacher.fit(gold, teacher.chosen(gold))[1], *TEACHER_NOISE)
    x, own = ground.x[rows], ground.z[:, rows]
    z, z_test = centred(own, own, 0.5), centred(own, ground.z_test, 0.5)
    b = basis(z.T)
    p = shared(b, weak, ground.groups[rows], rng)
    kernel = Kernel(x, ground.x_test)
    told_of = (weak, ground.gold[rows], ground.groups[rows])
    return Seed(kernel, kernel.chosen(weak), *told_of, z, z_test, x, p, directions(x, b))


def enlightened(seed: Seed, rng: np.random.Generator) -> Seed:
    """The same with gold for weak labels."""
    p = shared(basis(seed.z.T), seed.gold, seed.groups, rng)
    return replace(seed, weak=seed.gold, p=p, strength=seed.kernel.chosen(seed.gold))


def _four_fifths(groups: Codes, rng: np.random.Generator) -> Codes:
    _, codes = np.unique(groups, return_inverse=True)
    return np.flatnonzero(np.argsort(np.argsort(rng.random(codes.max() + 1)))[codes] < 0.8 * codes.max())


# -- the board ---------------------------------------------------------------------------------------------


def board(
    ground: Ground, seeds: int, rng: np.random.Generator
) -> tuple[list[document.Row], list[document.Row]]:
    """The rows of one fresh draw, as `claims.decided` takes them; and bags of students of gold."""
    known = [prepared(ground, rng) for _ in range(seeds)]
    right = ground.right
    path = Starred(
        tuple(
            Point(f"{f:g}", {s: right(seed.kernel.fit(seed.weak, f)[1]) for s, seed in enumerate(known)})
            for f in GRID
        )
    )
    against = {claims.VANILLA_STAR: path, claims.ZERO_SHOT_STAR: _readouts(known, right)}
    oracle = _rows(ground, [enlightened(seed, rng) for seed in known], against, rng)
    return _rows(ground, known, against, rng), [row for row in oracle if row.method == CONTROL]


def _rows(
    ground: Ground, known: list[Seed], against: dict[str, Starred], rng: np.random.Generator
) -> list[document.Row]:
    names, right = tuple(range(len(known))), ground.right
    worlds = tuple(w for draw in range(CALIBRATION) for w in pair_and_echo(draw))
    told = [_told(seed, rng) for seed in known]
    fits = [[seed.kernel.fit(y, seed.strength)[1] for y in told[s]] for s, seed in enumerate(known)]
    luck = Calibrated(worlds, {s: np.stack([right(p) for p in each]) for s, each in enumerate(fits)})
    real = [{k: right(p) for k, p in answers(seed, seed.weak, s).items()} for s, seed in enumerate(known)]
    fake = [
        [{k: right(p) for k, p in answers(seed, y, s).items()} for y in told[s][:3]]
        for s, seed in enumerate(known)
    ]
    rows = []
    for name in real[0]:
        ours = np.stack([r[name] for r in real])
        fakes = np.stack([[f[name] for f in each] for each in fake])
        own = _own(ours, fakes, luck, worlds, against[claims.ZERO_SHOT_STAR], ground)
        mine = block(names, ours, ground.groups_test)
        versus = [_versus(what, mine, best.block(ground.groups_test)) for what, best in against.items()]
        rows.append(_row(name, ours, own, versus))
    return rows


def _told(seed: Seed, rng: np.random.Generator) -> list[Floats]:
    """Weak labels of the worlds, in the order of `pair_and_echo`."""
    out = []
    for _ in range(CALIBRATION):
        out += [echo(seed.weak, seed.p, rng), *decoy_pair(seed.weak, seed.p, seed.u, rng)]
    return out


def _readouts(known: list[Seed], right: Any) -> Starred:
    """Every readout, and a student trained on each, as `zero-shot*` takes the best of them."""
    points = {}
    for i in range(len(known[0].z)):
        asked, taught = {}, {}
        for s, seed in enumerate(known):
            asked[s] = right(0.5 + seed.z_test[i])
            kept, y = labels(seed.z[i], 0.5)
            full = np.full(len(seed.weak), 0.5)
            full[kept] = y
            taught[s] = right(seed.kernel.fit(full, seed.kernel.chosen(full))[1])
        points |= {f"readout {i}": asked, f"taught {i}": taught}
    return Starred(tuple(Point(name, found) for name, found in points.items()))


def _own(
    real: Floats, fake: Floats, luck: Calibrated, worlds: Any, best: Starred, ground: Ground
) -> records.Own:
    """As `experiment.own_rows` decides; `fake` (S, 3, n) are an echo and a pair of decoys a seed."""
    names, sizes = tuple(range(len(real))), {}
    for teacher, at in (("echo", [0]), ("decoy", [1, 2])):
        cells = WorldCells(
            seeds=names, real=real, fake=fake[:, at].mean(1),
            accuracies=fake[:, at].mean(2)[:, None, :],
            luck=np.stack([luck.luck(teacher, s, [worlds[i] for i in at]) for s in names]),
        )  # fmt: skip
        sizes[teacher] = cells.size(ground.groups_test, luck.spread(teacher))
    asked = np.stack([best.best.outcomes[s] for s in names])
    above = own_part.size(names, real - asked, ground.groups_test)
    word, _ = own_part.verdict(sizes["echo"], sizes["decoy"], above)
    parts = [records.OwnPart(accuracy=s.accuracy, ci=s.bounds, pgr=None, pgr_ci=None) for s in sizes.values()]
    return records.Own(echo=parts[0], decoy=parts[1], draws=1, verdict=word, reason="no gap is asked for")


def _versus(name: str, ours: Block, theirs: Block) -> document.Comparison:
    (found,) = pool.difference_pools([ours], theirs)
    (now,) = comparing.compare.all_between([ours], theirs)
    return document.Comparison(
        against=name, difference=now.estimate, ci=now.ci, pgr=None, pgr_ci=None, p=now.p, p_holm=None,
        significant=False, ci_pool=None if found is None else found.bounds,
        p_pool=None if found is None else found.p,
    )  # fmt: skip


def _row(name: str, ours: Floats, own: records.Own, versus: list[document.Comparison]) -> document.Row:
    per_seed = [
        document.SeedTransfer(seed=s, accuracy=float(o.mean()), pgr=None, error=None)
        for s, o in enumerate(ours)
    ]
    return document.Row(
        method=name, parameters={}, task="t", pair="p", status="ok",
        track="elicitation" if own.verdict == "elicitation" else "w2s", rank=None, pgr=None, pgr_ci=None,
        pgr_ci_pool=None, attempts=1, pgr_sem=None, reason="no gap is asked for",
        transfer=document.Transfer(mean=float(ours.mean()), per_seed=per_seed), access=[], isolation="L2",
        verdicts=[], compute=provenance.Compute(fits=1, tokens=1, flops=1.0), solver="exact",
        exposure="fresh",
        source=provenance.SourceRecord(distribution=None, version=None, sha256=None, editable=False),
        by_subset={}, vs_vanilla_star=versus[0], vs_zero_shot_star=versus[1], own=own,
    )  # fmt: skip


@dataclass(slots=True)
class Counted:
    """What many boards came to."""

    any_claim: int
    alone: Counter[str]
    above: Counter[str]
    """Rows above `vanilla*` on new pools, uncorrected."""
    unflagged: Counter[str]
    """Those of them that are called weak supervision."""
    verdicts: Counter[str]


def counted(boards: list[list[document.Row]]) -> Counted:
    """Claims on whole boards, and of each row as if it were alone."""
    found = Counted(0, Counter(), Counter(), Counter(), Counter())
    for rows in boards:
        found.any_claim += any(_holds(row) for row in claims.decided(rows))
        for row in rows:
            versus, word = row.vs_vanilla_star, row.own.verdict if row.own else None
            is_above = versus is not None and versus.ci_pool is not None and versus.ci_pool[0] > 0
            found.alone[row.method] += _holds(claims.decided([row])[0])
            found.above[row.method] += is_above
            found.unflagged[row.method] += is_above and word == "weak supervision"
            found.verdicts[str(word)] += 1
    return found


def _holds(row: document.Row) -> bool:
    return row.claim is not None and row.claim.holds


def main() -> None:
    """Print a line a task, and the rows with a claim."""
    from w2s_harness.installed.trusted.plugins import Plugins
    from w2s_harness.students.lm.loading import load

    parser = argparse.ArgumentParser(description=Path(__file__).name)
    parser.add_argument("--tasks", default="math,code,chat,kinds")
    parser.add_argument("--draws", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--limit", type=int, default=400)
    args = parser.parse_args()
    plugins = Plugins()
    print("| task | draws | any | rows | alone | above | above, unflagged | gold | verdicts |")
    print("|---" * 9 + "|")
    for name in args.tasks.split(","):
        task: Any = plugins.task(name)
        pair: Any = plugins.pair_if_known(getattr(task, "pair", None) or "tiny")
        loaded, boards, gold = (load(pair.weak), load(pair.strong)), [], []
        for draw in range(args.draws):
            rng = np.random.default_rng([11, draw])
            rows, oracle = board(fresh(task, draw, args.limit, loaded), args.seeds, rng)
            boards.append(rows)
            gold += oracle
        found, n = counted(boards), sum(map(len, boards))
        words = ", ".join(f"{word} {k}" for word, k in found.verdicts.most_common())
        shares = [found.any_claim / len(boards)] + [
            each.total() / n for each in (found.alone, found.above, found.unflagged)
        ]
        can = sum(_holds(claims.decided([row])[0]) for row in gold) / len(gold)
        print(
            f"| {name} | {len(boards)} | {shares[0]:.3f} | {n} | {shares[1]:.4f} | {shares[2]:.3f} | "
            f"{shares[3]:.4f} | {can:.2f} | {words} |\n  claims alone: {dict(+found.alone)}; above, "
            f"unflagged: {dict(+found.unflagged)}",
            flush=True,
        )


if __name__ == "__main__":
    main()
