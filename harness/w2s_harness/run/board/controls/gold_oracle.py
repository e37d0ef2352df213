"""The control `gold oracle`: a student of a teacher that is always right must come out as weak supervision.

What is its teacher's own is the most that any method of the setting could have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from w2s_harness.report.document.records import Control
from w2s_harness.run.stages.controls import ORACLE, ControlStudents
from w2s_harness.run.stages.worlds.own import pair_and_echo
from w2s_harness.run.work.setting.setting import Setting
from w2s_harness.scoring.comparisons import own_size
from w2s_harness.scoring.comparisons.starred import Starred

Floats = npt.NDArray[np.float64]


def oracle_control(
    setting: Setting, kept: Mapping[int, ControlStudents], starred: Starred, no_gap: str | None
) -> Control:
    """Judge whether the oracle comes out as weak supervision; a setting without a gap has nothing to show.

    :param kept: its students, by seed. Where seeds or questions are too few for a verdict, the sizes
    must do.
    """
    seeds = list(kept)
    real = _outcomes(setting, kept, ["gold"])[:, 0]
    best = np.stack([starred.best.outcomes[seed] for seed in seeds])
    sizes = {}
    for teacher in ("echo", "decoy"):
        names = [w.name for w in pair_and_echo(0) if w.teacher == teacher]
        fake = _outcomes(setting, kept, names)
        # (S, 1, K): one echo, or one pair of decoys
        draws = own_size.pooled([own_size.draws_variance(fake.mean(2)[:, None])])
        sizes[teacher] = own_size.size(seeds, real - fake.mean(1), setting.test.groups, draws)
    echo, decoy = sizes["echo"], sizes["decoy"]
    above = own_size.size(seeds, real - best, setting.test.groups)
    word, _ = own_size.verdict(echo, decoy, above)
    is_vague = word in (None, "unclear") and _is_large(echo, decoy, above)
    ok = word == "weak supervision" or is_vague
    because = (
        f"{word or 'one seed'}: of {real.mean():.3f}, {echo.accuracy:+.3f} (echo) and {decoy.accuracy:+.3f} "
        f"(decoy) are the teacher's own, {above.accuracy:+.3f} above zero-shot* ({starred.best.name})"
    )
    if is_vague:
        because += "; its size is right, but seeds and questions are too few for a verdict"
    if not ok and no_gap is not None:
        ok, because = True, f"{because}; nothing else is asked of a setting without a gap: {no_gap}"
    elif not ok:
        because += "; no method could be shown to be weak supervision here"
    numbers = {
        "own_echo": echo.accuracy, "own_decoy": decoy.accuracy, "above_zero_shot": above.accuracy,
        "seeds": float(len(seeds)),
    }  # fmt: skip
    return Control(
        name=ORACLE, task=setting.task.id, pair=setting.pair.name,
        accuracy=float(real.mean()), ok=ok, because=because, numbers=numbers,
    )  # fmt: skip


def own_ceiling(controls: Sequence[Control], setting: Setting) -> float | None:
    """The most of its accuracy that a method of the setting could have from its teacher alone."""
    for found in controls:
        if (found.name, found.task, found.pair) == (ORACLE, setting.task.id, setting.pair.name):
            known = [found.numbers[k] for k in ("own_echo", "own_decoy") if k in found.numbers]
            return min(known) if known else None
    return None


def _is_large(*sizes: own_size.Size) -> bool:
    return all(size.accuracy >= own_size.LEAST for size in sizes)


def _outcomes(setting: Setting, kept: Mapping[int, ControlStudents], names: Sequence[str]) -> Floats:
    """(S, J, n_test) outcomes of the students of those names."""
    return np.stack(
        [
            setting.agreement(setting.unpacked([found.students[name] for name in names]))
            for found in kept.values()
        ]
    )
