"""How often does any of 20 rows that are no method carry a claim of weak supervision?

    python benchmarks/simulations/claims.py [--tasks math,code,chat] [--draws 20] [--seeds 5] [--limit 400]

Every draw makes a shipped task's data anew and reads it with both models of `tiny`. Teacher and students are
ridge regressions on the frozen features (a kernel each seed, so that one more row of the table costs next to
nothing); what follows is the harness's own code: echoes and decoys, `own` with vanilla's luck taken off,
`vanilla*`, `zero-shot*`, p-values for new pools, the verdict, Holm over the plan and `claims.decided`.

The rows: vanilla at five other C, row subsets, ensembles, and the red team's ten laundered forms. `any` is
the share of draws with a claim anywhere on the board; `alone` that of rows that would carry one if nothing
else were in the plan. Both must be at most .05.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from w2s_harness.experiment.own_calibration import Calibrated
from w2s_harness.experiment.own_rows import _Cells
from w2s_harness.experiment.own_worlds import pair_and_echo
from w2s_harness.report import claims, comparing, document, records
from w2s_harness.scoring import own_size, pool
from w2s_harness.scoring.own import basis, decoy_pair, directions, echo, shared
from w2s_harness.scoring.readouts import centred, labels
from w2s_harness.scoring.starred import Point, Starred
from w2s_harness.scoring.twoway import Block, block

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

GRID = 10.0 ** np.arange(-3, 2.5, 0.5)
"""Ridge strengths over the mean eigenvalue: vanilla's path, from 1000 times less to 100 times more."""
CALIBRATION = 8
"""Draws of each world that vanilla is measured in."""
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
    gold_test: npt.NDArray[np.bool_]
    teacher_x: Floats
    teacher_gold: Floats
    teacher_groups: Codes
    teacher_sees: Floats
    """(n, d) the weak model's features of the training rows."""


class Kernel:
    """Ridge regressions on rows x, for any labels, strength and subset of the rows."""

    def __init__(self, x: Floats, rows: Floats) -> None:
        mean, scale = x.mean(0), np.where(x.std(0) > 0, x.std(0), 1.0)
        u, v = (x - mean) / scale, (rows - mean) / scale
        self.own, self.other = u @ u.T, v @ u.T
        centre = u - u.mean(0)
        self.values, self.vectors = np.linalg.eigh(centre @ centre.T)
        self.values = np.maximum(self.values, 0.0)

    def fit(self, y: Floats, strength: float, keep: Codes | None = None) -> tuple[Floats, Floats]:
        """Predictions of the training rows and of the others, about P(label = 1)."""
        if keep is None:
            lam = strength * self.values.mean()
            alpha = self.vectors @ ((self.vectors.T @ (y - y.mean())) / (self.values + lam))
            mean = y.mean()
        else:
            own = self.own[np.ix_(keep, keep)]
            lam = strength * np.trace(own) / len(keep)
            mean = y[keep].mean()
            alpha = np.zeros(len(y))
            alpha[keep] = np.linalg.solve(own + lam * np.eye(len(keep)), y[keep] - mean)
        return self.own @ alpha + mean, self.other @ alpha + mean

    def chosen(self, y: Floats) -> float:
        """The strength of least generalised cross-validation on the labels."""
        along = self.vectors.T @ (y - y.mean())
        errors = []
        for strength in GRID:
            left = strength * self.values.mean() / (self.values + strength * self.values.mean())
            errors.append(np.sum((left * along) ** 2) / max(1.0, np.sum(left)) ** 2)
        return float(GRID[int(np.argmin(errors))])


@dataclass(frozen=True, slots=True, eq=False)
class Seed:
    """One seed's draw of the rows."""

    kernel: Kernel
    strength: float
    weak: Floats
    z: Floats
    """(T, m) readouts of its rows, centred."""
    z_test: Floats
    x: Floats
    p: Floats
    u: Floats


def fresh(task: str, draw: int, limit: int, loaded: tuple[Any, Any]) -> Ground:
    """A task's data by another data seed, read by the weak and the strong model."""
    from w2s_harness.data.prepared import prepare
    from w2s_harness.discovery.plugins import Plugins
    from w2s_harness.models.readout import extract

    data = prepare(replace(Plugins().task(task), data_seed=f"{0xC1A1 + draw:x}"), limit=limit)  # type: ignore[call-arg]
    weak, strong = loaded
    label, ours, test = (data.splits[name] for name in ("train_label", "train_unlabel", "test"))
    a, b = (extract(strong, split.rows, data.kind) for split in (ours, test))
    told, sees = (extract(weak, split.rows, data.kind) for split in (label, ours))
    return Ground(
        np.asarray(a.features, np.float64), np.asarray(a.likelihoods[:, :3], np.float64).T, ours.groups,
        np.asarray(b.features, np.float64), np.asarray(b.likelihoods[:, :3], np.float64).T, test.groups,
        np.asarray(test.labels) > 0.5, np.asarray(told.features, np.float64),
        np.asarray(label.labels, np.float64), label.groups, np.asarray(sees.features, np.float64),
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
    return Seed(kernel, kernel.chosen(weak), weak, z, z_test, x, p, directions(x, b))


def _four_fifths(groups: Codes, rng: np.random.Generator) -> Codes:
    _, codes = np.unique(groups, return_inverse=True)
    return np.flatnonzero(np.argsort(np.argsort(rng.random(codes.max() + 1)))[codes] < 0.8 * codes.max())


# -- the rows: each gives P(label = 1) of the holdout from weak labels w -----------------------------------


def answers(seed: Seed, w: Floats, named: int) -> dict[str, Floats]:
    """What every row of the board predicts on the holdout, by the row's name; thresholds at 1/2."""
    rng = np.random.default_rng(named)
    k, s, n = seed.kernel, seed.strength, len(w)
    out = {f"C x {1 / f:g}": k.fit(w, s * f)[1] for f in (0.1, 0.3, 3.0, 10.0, 100.0)}
    order = np.argsort(rng.random(n))
    for share in (0.25, 0.5, 0.75):
        out[f"{share} of the rows"] = k.fit(w, s, np.sort(order[: int(share * n)]))[1]
    bags = [np.flatnonzero(rng.random(n) < 0.63) for _ in range(5)]
    out["five bags"] = np.mean([k.fit(w, s, bag)[1] for bag in bags], axis=0)
    out["all C together"] = np.mean([k.fit(w, s * f)[1] for f in (0.1, 1.0, 10.0, 100.0)], axis=0)
    return out | _laundered(seed, w, rng)


def _laundered(seed: Seed, w: Floats, rng: np.random.Generator) -> dict[str, Floats]:
    """The ten forms of `w2s_plugins/redteam/laundered.py`, by the readout `min`."""
    k, n = seed.kernel, len(w)
    z, z_test = seed.z[2], seed.z_test[2]
    sign = 1.0 if np.mean((z > 0) == (w > 0.5)) >= 0.5 else -1.0
    z, z_test = sign * z, sign * z_test
    own, soft = (z > 0).astype(float), 1 / (1 + np.exp(-2 * z))
    unsure = np.argsort(np.argsort(-np.abs(w - 0.5))) / max(n - 1, 1)
    share = 0.05 + 0.6 * unsure
    again = own
    for _ in range(2):
        again = np.clip(k.fit(again, seed.strength)[0], 0, 1)
    rank = np.argsort(np.argsort(-z))
    margin = k.fit(z, 10.0)
    taught = {
        "30 % teacher": np.where(rng.random(n) < 0.3, w, own),
        "10 % teacher": np.where(rng.random(n) < 0.1, w, own),
        "sign per cluster": _turned(seed, own, w, rng),
        "noisy teacher": share * w + (1 - share) * own,
        "smoothed": 0.2 + 0.6 * own,
        "ranks, prior": (rank < np.round((w > 0.5).sum())).astype(float),
        "self-distilled": again,
        "soft blend": 0.8 * soft + 0.2 * w,
    }
    out = {name: k.fit(y, k.chosen(y))[1] for name, y in taught.items()}
    head = k.fit(w, seed.strength)[1]
    logit = np.log(np.clip(head, 0.02, 0.98) / (1 - np.clip(head, 0.02, 0.98)))
    out["prior and head"] = 1 / (1 + np.exp(-(2 * z_test + logit) / 2))
    out["head of margins"] = (margin[1] > np.median(margin[0])).astype(float)
    return out


def _turned(seed: Seed, own: Floats, w: Floats, rng: np.random.Generator) -> Floats:
    x = (seed.x - seed.x.mean(0)) / (seed.x.std(0) + 1e-9)
    centres = x[np.argsort(rng.random(len(x)))[:24]]
    for _ in range(10):
        cluster = np.argmin(-2 * x @ centres.T + (centres**2).sum(1), axis=1)
        centres = np.array(
            [x[cluster == c].mean(0) if (cluster == c).any() else centres[c] for c in range(len(centres))]
        )
    agrees = (own > 0.5) == (w > 0.5)
    turn = [(cluster == c).any() and agrees[cluster == c].mean() < 0.5 for c in range(len(centres))]
    return np.where(np.array(turn)[cluster], 1 - own, own)


# -- the board ---------------------------------------------------------------------------------------------


def board(ground: Ground, seeds: int, rng: np.random.Generator) -> list[document.Row]:
    """The rows of one fresh draw, as `claims.decided` takes them, each with `own` and its comparisons."""
    known = [prepared(ground, rng) for _ in range(seeds)]
    names = tuple(range(seeds))
    right = lambda p: np.where(p == 0.5, 0.5, ((p > 0.5) == ground.gold_test).astype(float))  # noqa: E731
    worlds = tuple(w for draw in range(CALIBRATION) for w in pair_and_echo(draw))
    told = [_told(seed, rng) for seed in known]
    luck = Calibrated(
        worlds,
        {
            s: np.stack([right(seed.kernel.fit(y, seed.strength)[1]) for y in told[s]])
            for s, seed in enumerate(known)
        },
    )
    path = Starred(
        tuple(
            Point(f"{f:g}", {s: right(seed.kernel.fit(seed.weak, f)[1]) for s, seed in enumerate(known)})
            for f in GRID
        )
    )
    real = [{k: right(p) for k, p in answers(seed, seed.weak, s).items()} for s, seed in enumerate(known)]
    fake = [
        [{k: right(p) for k, p in answers(seed, y, s).items()} for y in told[s][:3]]
        for s, seed in enumerate(known)
    ]
    rows = []
    best = _readouts(known, right)
    for name in real[0]:
        ours = np.stack([r[name] for r in real])
        own = _own(ours, np.stack([[f[name] for f in each] for each in fake]), luck, worlds, best, ground)
        mine = block(names, ours, ground.groups_test)
        versus = [
            _versus(what, mine, starred.block(ground.groups_test))
            for what, starred in ((claims.VANILLA_STAR, path), (claims.ZERO_SHOT_STAR, best))
        ]
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
        cells = _Cells(
            seeds=names, real=real, fake=fake[:, at].mean(1),
            accuracies=fake[:, at].mean(2)[:, None, :],
            luck=np.stack([luck.luck(teacher, s, [worlds[i] for i in at]) for s in names]),
        )  # fmt: skip
        difference, factor = cells.difference()
        moved = bool((cells.real != cells.fake).any())
        sizes[teacher] = own_size.size(
            names, difference, ground.groups_test, luck.spread(teacher) * max(1.0, factor) if moved else 0.0
        )
    asked = np.stack([best.best.outcomes[s] for s in names])
    above = own_size.size(names, real - asked, ground.groups_test)
    word, _ = own_size.verdict(sizes["echo"], sizes["decoy"], above)
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
        verdicts=[], compute=records.Compute(fits=1, tokens=1, flops=1.0), solver="exact", exposure="fresh",
        source=records.SourceRecord(distribution=None, version=None, sha256=None, editable=False),
        by_subset={}, vs_vanilla_star=versus[0], vs_zero_shot_star=versus[1], own=own,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Counted:
    """What many boards came to."""

    any_claim: int
    alone: Counter[str]
    above: Counter[str]
    """Rows above `vanilla*` on new pools, uncorrected, that nobody calls anything but weak supervision."""
    verdicts: Counter[str]


def counted(boards: list[list[document.Row]]) -> Counted:
    """Claims on whole boards, and of each row as if it were alone."""
    found = Counted(0, Counter(), Counter(), Counter())
    for rows in boards:
        decided = claims.decided(rows)
        found = _counting(found, any(r.claim is not None and r.claim.holds for r in decided))
        for row in rows:
            (alone,) = claims.decided([row])
            found.alone[row.method] += bool(alone.claim and alone.claim.holds)
            versus = row.vs_vanilla_star
            is_above = versus is not None and versus.ci_pool is not None and versus.ci_pool[0] > 0
            word = row.own.verdict if row.own else None
            found.above[row.method] += is_above and word == "weak supervision"
            found.verdicts[str(word)] += 1
    return found


def _counting(found: Counted, claimed: bool) -> Counted:
    return replace(found, any_claim=found.any_claim + claimed)


def main() -> None:
    """Print a line a task and the rows with a claim."""
    from w2s_harness.discovery.plugins import Plugins
    from w2s_harness.models.loading import load

    parser = argparse.ArgumentParser(description=Path(__file__).name)
    parser.add_argument("--tasks", default="math,code,chat")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--limit", type=int, default=400)
    args = parser.parse_args()
    pair: Any = Plugins().pair_if_known("tiny")
    loaded = load(pair.weak), load(pair.strong)
    print("| task | draws | any | rows | alone | above vanilla*, unflagged | verdicts |")
    print("|---" * 7 + "|")
    for task in args.tasks.split(","):
        boards = []
        for draw in range(args.draws):
            rng = np.random.default_rng([11, draw])
            boards.append(board(fresh(task, draw, args.limit, loaded), args.seeds, rng))
        found, rows = counted(boards), sum(map(len, boards))
        words = ", ".join(f"{word} {n}" for word, n in found.verdicts.most_common())
        print(
            f"| {task} | {len(boards)} | {found.any_claim / len(boards):.3f} | {rows} | "
            f"{found.alone.total() / rows:.4f} | {found.above.total() / rows:.4f} | {words} |",
            flush=True,
        )
        print(f"  claims alone: {dict(+found.alone)}; above, unflagged: {dict(+found.above)}", flush=True)


if __name__ == "__main__":
    main()
