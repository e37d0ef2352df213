"""Whether `own` finds what is the teacher's own: teachers whose knowledge is known, on real features.

    python benchmarks/simulations/own.py [--task math] [--draws 200] [--seeds 5] [--own-draws 1]

What is true of a row is a mixture: a share of it is what the untrained student's readouts say, the rest a
concept that they do not hold, which the teacher alone knows. The teacher errs, in a direction of the
features that all seeds share and at random. Students are ridge regressions on the pair's frozen features.
The exact own part is the accuracy minus that of students whose teacher errs likewise and knows the readouts'
part alone. Of a share of 0 no verdict may be `weak supervision`, of those of which the exact own part is .04
or more none may be `elicitation`.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.kinds import kind_of
from w2s_harness.scoring.comparisons import own_part
from w2s_harness.scoring.comparisons.own_part import basis, decoy_pair, directions, echo, shared
from w2s_harness.scoring.comparisons.starred import centred, decided, labels

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
STRENGTH = 2.0
"""Log-odds of the teacher for one standard deviation of what it thinks."""
SHARED, ALONE = 0.5, 1.0
"""Its errors, in standard deviations of the truth: in a direction of the features, and row by row."""
RIDGE = 0.3
"""Of the students, over the mean eigenvalue."""


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """Rows of two splits: features (n, d), readouts (T, n), questions (n,)."""

    x: Floats
    z: Floats
    groups: Codes
    x_test: Floats
    z_test: Floats
    groups_test: Codes


@dataclass(frozen=True, slots=True, eq=False)
class Seed:
    """A seed's draw with all of it that no label changes."""

    rows: Codes
    learn: Floats
    """(n_test, m): predictions of the ridge student are this times its centred labels."""
    basis: Floats
    directions: Floats
    readouts: list[Floats]
    """(n_test,) what the untrained student decides by each readout and head."""


@dataclass(frozen=True, slots=True)
class Found:
    """One simulated setting."""

    echo: own_part.Size
    decoy: own_part.Size
    exact: float
    accuracy: float
    verdict: str


def made_up(rng: np.random.Generator, n: int = 400, d: int = 40, questions: int = 300) -> Ground:
    """Features of falling scale and three readouts, each a noisy view of one direction."""
    scale = 1.0 / np.sqrt(1 + np.arange(d))
    x = rng.standard_normal((n + questions, d)) * scale
    known = x @ rng.standard_normal(d)
    z = np.stack([known / known.std() + 0.5 * rng.standard_normal(len(x)) for _ in range(3)])
    groups = np.arange(len(x))
    return Ground(x[:n], z[:, :n], groups[:n], x[n:], z[:, n:], groups[n:])


def real(task: str) -> Ground:
    """The strong model of `tiny` on a shipped task."""
    from w2s_harness.data.rows.prepared import prepare
    from w2s_harness.installed.trusted.plugins import Plugins
    from w2s_harness.students.lm.loading import load
    from w2s_harness.students.lm.readout import extract

    plugins = Plugins()
    data = prepare(plugins.task(task), limit=None)
    loaded = load(plugins.pair_if_known("tiny").strong)  # type: ignore[union-attr]
    found = [
        (extract(loaded, split.rows, kind_of(data.kind)), split.groups)
        for split in (data.texts["train_unlabel"], data.texts["test"])
    ]
    (a, ours), (b, theirs) = found
    scale = np.where(a.features.std(0) > 0, a.features.std(0), 1.0)
    x, x_test = ((f.features - a.features.mean(0)) / scale for f in (a, b))
    return Ground(x, _readouts(a.likelihoods), ours, x_test, _readouts(b.likelihoods), theirs)


def _readouts(likelihoods: npt.ArrayLike) -> Floats:
    return np.asarray(likelihoods, np.float64)[:, :3].T


def prepared(ground: Ground, seeds: int, rng: np.random.Generator) -> list[Seed]:
    """The draws of several seeds: four fifths of the questions each."""
    out = []
    _, codes = np.unique(ground.groups, return_inverse=True)
    for _ in range(seeds):
        rows = np.flatnonzero(np.argsort(np.argsort(rng.random(codes.max() + 1)))[codes] < 0.8 * codes.max())
        x, x_test = ground.x[rows], ground.x_test
        mean = x.mean(0)
        gram = (x - mean).T @ (x - mean)
        gram += RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
        learn = (x_test - mean) @ np.linalg.solve(gram, (x - mean).T)
        own = ground.z[:, rows]
        z, test = centred(own, own, 0.5), centred(own, ground.z_test, 0.5)
        z, test = np.vstack([z, z.mean(0)]), np.vstack([test, test.mean(0)])
        b = basis(z[:-1].T)
        readouts = [decided(row) for row in test]
        for row in z:
            kept, y = labels(row - np.median(row), 0.5)
            readouts.append(decided(learn[:, kept] @ (y - y.mean())))
        out.append(Seed(rows, learn, b, directions(x, b), readouts))
    return out


def simulated(
    ground: Ground, seeds: list[Seed], share: float, rng: np.random.Generator, own_draws: int = 1
) -> Found:
    """One teacher and its students, with the verdict."""
    known, other, off = _known(ground), _unknown(ground, rng), _unknown(ground, rng)
    truth = [np.sqrt(1 - share) * k + np.sqrt(share) * o for k, o in zip(known, other, strict=True)]
    gold = truth[1] > 0
    noise = SHARED * off[0] + ALONE * rng.standard_normal(len(off[0]))
    again = _unknown(ground, rng)[0]
    blind = np.sqrt(1 - share) * known[0] + SHARED * again + ALONE * rng.standard_normal(len(again))
    weak, without = _sigmoid(truth[0] + noise), _sigmoid(blind)
    rows = []
    for seed in seeds:
        w = weak[seed.rows]
        p = shared(seed.basis, w, ground.groups[seed.rows], rng)
        fakes = [echo(w, p, rng) for _ in range(own_draws)]
        pairs = [d for _ in range(own_draws) for d in decoy_pair(w, p, seed.directions, rng)]
        told = [w, without[seed.rows], *fakes, *pairs]
        rows.append(np.stack([_right(seed.learn @ (y - y.mean()), gold) for y in told]))
    right = np.stack(rows)
    readouts = np.stack([np.stack([_right(r - 0.5, gold) for r in seed.readouts]) for seed in seeds])
    best = readouts[:, int(np.argmax(readouts.mean((0, 2))))]
    return _judged(ground, right, best, own_draws)


def _judged(ground: Ground, right: Floats, best: Floats, own_draws: int) -> Found:
    """:param right: (S, 2 + 3 J, n): the real teacher, one that knows the readouts' part, echoes, decoys."""
    real, names = right[:, 0], list(range(len(right)))
    fakes = {"echo": right[:, 2 : 2 + own_draws], "decoy": right[:, 2 + own_draws :]}
    sizes = {}
    for name, fake in fakes.items():
        members = 1 if name == "echo" else 2
        draws = own_part.pooled(
            [own_part.draws_variance(fake.mean(2).reshape(len(fake), own_draws, members))]
        )
        sizes[name] = own_part.size(names, real - fake.mean(1), ground.groups_test, draws)
    above = own_part.size(names, real - best, ground.groups_test)
    word, _ = own_part.verdict(sizes["echo"], sizes["decoy"], above)
    exact = float((real - right[:, 1]).mean())
    return Found(sizes["echo"], sizes["decoy"], exact, float(real.mean()), word or "none")


def _known(ground: Ground) -> tuple[Floats, Floats]:
    """What the readouts say of the rows of both splits, with deviation 1 on the first."""
    rows = (ground.z, ground.z_test)
    ours, theirs = (centred(ground.z, z, 0.5).mean(0) for z in rows)
    return (ours - ours.mean()) / ours.std(), (theirs - ours.mean()) / ours.std()


def _unknown(ground: Ground, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Likewise a direction of the features, what the readouts hold of it taken off."""
    weights = rng.standard_normal(ground.x.shape[1])
    one, one_test = (
        np.column_stack([np.ones(z.shape[1]), basis(centred(ground.z, z, 0.5).T)])
        for z in (ground.z, ground.z_test)
    )
    ours, theirs = ground.x @ weights, ground.x_test @ weights
    held = np.linalg.lstsq(one, ours, rcond=1e-6)[0]
    ours, theirs = ours - one @ held, theirs - one_test @ held
    return (ours - ours.mean()) / ours.std(), (theirs - ours.mean()) / ours.std()


def _sigmoid(thought: Floats) -> Floats:
    return 1 / (1 + np.exp(-STRENGTH * thought))


def _right(score: Floats, gold: npt.NDArray[np.bool_]) -> Floats:
    return np.where(score == 0, 0.5, ((score > 0) == gold).astype(np.float64))


def table(ground: Ground, seeds: int, draws: int, own_draws: int, rng: np.random.Generator) -> list[str]:
    """A line a share: sizes, exact own part, coverage and verdicts."""
    known = prepared(ground, seeds, rng)
    out = [
        "| share | accuracy | exact | own_echo | own_decoy | echo covers | decoy covers | weak supervision | "
        "own, under | elicitation | unclear |"
    ]
    out.append("|---" * 11 + "|")
    for share in SHARES:
        found = [simulated(ground, known, share, rng, own_draws) for _ in range(draws)]
        exact = float(np.mean([f.exact for f in found]))
        words = Counter(f.verdict for f in found)
        sizes = [[f.echo for f in found], [f.decoy for f in found]]
        numbers = [np.mean([f.accuracy for f in found]), exact]
        numbers += [np.mean([one.accuracy for one in many]) for many in sizes]
        numbers += [np.mean([_holds(one, exact) for one in many]) for many in sizes]
        rates = [
            words[w] / draws for w in ("weak supervision", "own, under elicitation", "elicitation", "unclear")
        ]
        cells = [f"{n:.3f}" for n in (*numbers, *rates)]
        out.append(f"| {share:.2f} | {' | '.join(cells)} |")
    return out


def _holds(size: own_part.Size, exact: float) -> bool:
    return size.bounds is not None and size.bounds[0] <= exact <= size.bounds[1]


def main() -> None:
    """Print the table of a task."""
    parser = argparse.ArgumentParser(description=Path(__file__).name)
    parser.add_argument("--task", default="math")
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--own-draws", type=int, default=1)
    args = parser.parse_args()
    rng = np.random.default_rng(11)
    ground = made_up(rng) if args.task == "made-up" else real(args.task)
    print(
        f"{args.task}: {len(ground.x)} training rows, {len(ground.x_test)} of the holdout, {args.seeds} seeds"
    )
    for line in table(ground, args.seeds, args.draws, args.own_draws, rng):
        print(line, flush=True)


if __name__ == "__main__":
    main()
