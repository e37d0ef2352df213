"""The control `gold oracle`: a student of a teacher that is always right must come out as weak supervision.

It is trained on gold under the student's own C, and on echoes and decoys of gold. What is its teacher's own
is the most that any method of the setting could have. It sees gold, so a `baseline` service trains it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from w2s_harness.data.gold import gold_of
from w2s_harness.experiment.keys import Keys, named_seed
from w2s_harness.experiment.own_worlds import own_labels, pair_and_echo
from w2s_harness.experiment.reading import all_rows, finetune_settings, model_of, probe_settings, split_ref
from w2s_harness.experiment.setting import Setting
from w2s_harness.experiment.store import Store
from w2s_harness.experiment.worlds import space
from w2s_harness.models import control
from w2s_harness.models.client import ServiceClient
from w2s_harness.report.records import Control
from w2s_harness.scoring import own_size
from w2s_harness.scoring.starred import Starred
from w2s_harness.wire.messages import pack as wire_pack
from w2s_harness.wire.messages import unpack as wire_unpack

Floats = npt.NDArray[np.float64]
Record = dict[str, Any]

ORACLE = "gold oracle"


def oracle(client: ServiceClient, store: Store, setting: Setting, seed: int) -> Record:
    """Outcomes of a seed's student of gold (`gold`), of an echo and of a pair of decoys, and the FLOPs."""
    drawn = setting.draw("train_unlabel", seed)
    gold = np.asarray(gold_of(setting.data, "train_unlabel").targets[drawn], np.float64)
    where = space(store, setting, "train_unlabel")[drawn]
    record: Record = {"gold": None, "flops": 0.0, "tokens": 0}
    for name, world in [("gold", None), *((w.name, w) for w in pair_and_echo(0))]:
        told = gold
        if world is not None:
            named = named_seed(setting.root_seed, setting.data.digest, ORACLE, seed, world.teacher)
            told = own_labels(store, setting, seed, world, gold, where, named)
        found = client.fit_predict(_order(store, setting, seed, drawn, told))
        record[name] = setting.scored(wire_unpack(found.values[0]))
        record["flops"] += found.meter.flops
        record["tokens"] += found.meter.tokens
    return record


def _order(
    store: Store, setting: Setting, seed: int, drawn: npt.NDArray[np.int64], told: Floats
) -> control.FitPredict:
    return control.FitPredict(
        model_of(setting, "strong"),
        setting.pair.mode,
        setting.data.kind,
        split_ref(store, setting, "strong", "train_unlabel"),
        wire_pack(drawn, "i8"),
        wire_pack(told),
        ((split_ref(store, setting, "strong", "test"), all_rows(len(setting.test))),),
        probe=probe_settings(store, setting, "strong"),
        finetune=finetune_settings(setting, "strong"),
        seed=named_seed(setting.root_seed, setting.data.digest, ORACLE, seed),
    )


def has_readouts(store: Store, setting: Setting) -> bool:
    """Whether the student has readouts, without which nothing can be told."""
    known = store.get(Keys(setting).margins("names"))
    return bool(known and known["names"])


def oracle_control(
    setting: Setting, kept: Mapping[int, Record], starred: Starred, no_gap: str | None
) -> Control:
    """Judge whether the oracle comes out as weak supervision; a setting without a gap has nothing to show.

    :param kept: what `oracle` gave, by seed. Where seeds or questions are too few for a verdict, the sizes
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


def _outcomes(setting: Setting, kept: Mapping[int, Record], names: Sequence[str]) -> Floats:
    """(S, J, n_test) outcomes of the students of those names."""
    return np.stack(
        [setting.agreement(setting.unpacked([record[name] for name in names])) for record in kept.values()]
    )
