"""A small leaderboard that holds every kind of row."""

import numpy as np
import pytest

from w2s_harness.contract.types import OFF
from w2s_harness.report.document.document import (
    Baseline,
    Comparison,
    Leaderboard,
    Row,
    SeedAccuracy,
    SeedTransfer,
    SettingRecord,
    SubsetBaseline,
    SubsetScore,
    Transfer,
)
from w2s_harness.report.document.provenance import Compute, HarnessRecord, Hyper, ModelRecord, SourceRecord
from w2s_harness.report.document.records import (
    Claim,
    Control,
    Own,
    OwnPart,
    RowClaim,
    Star,
    StarPoint,
    VerdictRecord,
)
from w2s_harness.scoring.points import pack

MODEL = ModelRecord(source="tiny", revision=None, dtype="float32", sha256="ab" * 32)


def baseline(value):
    right, _ = pack(np.array([1.0, 0.0, 1.0, 1.0]))
    seeds = [SeedAccuracy(seed=s, accuracy=value, outcomes=right) for s in (0, 1)]
    return Baseline(mean=value, per_seed=seeds)


def star(accuracy, *names):
    at = [{"C": float(n[2:])} if n.startswith("C=") else {} for n in names]
    points = [StarPoint(name=n, settings=at[k], accuracy=accuracy - 0.01 * k) for k, n in enumerate(names)]
    return Star(name=names[0], accuracy=accuracy, points=points, per_seed=[])


def own(echo, decoy, verdict):
    parts = {
        name: OwnPart(
            accuracy=a, ci=(a - 0.02, a + 0.02), pgr=a / 0.302, pgr_ci=(a / 0.302 - 0.07, a / 0.302 + 0.07)
        )
        for name, a in (("echo", echo), ("decoy", decoy))
    }
    return Own(**parts, draws=1, verdict=verdict)


def setting(task, weak, ceiling, gap_ci, reason=None):
    return SettingRecord(
        task=task,
        pair="tiny",
        mode="probe",
        solver="exact",
        n_test=4,
        weak=baseline(weak),
        ceiling=baseline(ceiling),
        weak_label_acc=0.71,
        gap=ceiling - weak,
        gap_ci=gap_ci,
        reason=reason,
        hyper=Hyper(C=1.0, epochs=None, lr=None, grid={"C": [0.1, 1.0, 10.0]}),
        exposure="public",
        data_digest="cd" * 32,
        n_cut=0,
        subsets={"out-of-distribution": SubsetBaseline(n_test=2, weak=0.5, ceiling=0.9)},
        clusters=[0, 0, 1, 1],
        min_gap=0.02,
        models={"weak": MODEL, "strong": MODEL},
        baseline_seeds=[0, 1],
        vanilla_star={"exact": star(weak + 0.6 * (ceiling - weak), "C=0.1", "C=1")},
        zero_shot_star=star(weak + 0.5 * (ceiling - weak), "mean", "sum"),
        own_ceiling=0.2,
    )


def row(method, task="math", **changes):
    cells = [SeedTransfer(seed=s, accuracy=0.9, pgr=0.67, error=None) for s in (0, 1)]
    fields = {
        "method": method,
        "parameters": {},
        "task": task,
        "pair": "tiny",
        "status": "ok",
        "track": "w2s",
        "rank": None,
        "pgr": 0.5,
        "pgr_ci": (0.4, 0.6),
        "pgr_ci_pool": (0.3, 0.7),
        "pgr_sem": 0.02,
        "reason": None,
        "transfer": Transfer(mean=0.9, per_seed=cells),
        "access": [],
        "attempts": 1,
        "isolation": "L1",
        "verdicts": [VerdictRecord(guard="harness-seeds", level="ok", because="all", numbers={}, again="")],
        "compute": Compute(fits=2, tokens=1000, flops=1e9),
        "solver": "exact",
        "exposure": "public",
        "source": SourceRecord(
            distribution="w2s-harness", version="0.1.0", sha256="ef" * 32, editable=False, shipped=True
        ),
        "by_subset": {"out-of-distribution": SubsetScore(accuracy=0.8, pgr=0.75, reason=None)},
    }
    return Row(**{**fields, **changes})


def versus(difference, p_holm, gap=0.302, against="vanilla*"):
    pgr = None if gap is None else difference / gap
    return Comparison(
        against=against,
        difference=difference,
        ci=(difference - 0.02, difference + 0.02),
        pgr=pgr,
        pgr_ci=None if pgr is None else (pgr - 0.06, pgr + 0.06),
        p=p_holm / 2,
        p_holm=p_holm,
        significant=p_holm <= 0.05,
        ci_pool=(difference - 0.03, difference + 0.03),
        p_pool=p_holm / 2,
    )


def math_rows():
    flagged = VerdictRecord(
        guard="shortcuts", level="flag", because="as the commonest answer", numbers={"share": 0.99}, again=""
    )
    off = VerdictRecord(guard="resources", level="note", because=OFF, numbers={}, again="")
    driven, unclear = (
        VerdictRecord(
            guard="teacher-dependence", level="note", because="moves", numbers={}, again="", finding=f
        )
        for f in ("teacher-driven", "review")
    )
    return [
        row(
            "vanilla",
            rank=(2, 3),
            pgr=0.52,
            pgr_ci=(0.44, 0.6),
            verdicts=[driven, off],
            teacher_dependence=1.0,
            vs_vanilla_star=versus(-0.02, 1.0),
            own=own(0.09, 0.11, "weak supervision"),
        ),
        row(
            "logconf",
            rank=(1, 1),
            pgr=0.7512,
            pgr_ci=(0.7, 0.79),
            vs_vanilla_star=versus(0.07, 0.0004),
            verdicts=[unclear],
            teacher_dependence=0.43,
            attempts=3,
            own=own(-0.01, 0.03, "elicitation"),
            claim=RowClaim(holds=False, because="3 attempts on this holdout, so a claim needs --fresh"),
        ),
        row(
            "confident",
            parameters={"soft": True, "margin": 0.3},
            rank=(2, 3),
            pgr=-0.04,
            pgr_ci=(-0.1, 0.02),
            vs_vanilla_star=versus(-0.169, 0.012),
            access=["embeddings", "inference"],
            verdicts=[flagged],
            unverified="guards that failed: memorisation",
        ),
        row(
            "zero-shot",
            track="elicitation",
            pgr=0.77,
            pgr_ci=(0.74, 0.8),
            vs_vanilla_star=versus(0.08, 0.001),
        ),
        row(
            "broken",
            status="failed",
            pgr=None,
            pgr_ci=None,
            pgr_ci_pool=None,
            pgr_sem=None,
            reason="seed 1: ValueError: \x1b[31mno | rows\nleft",
            transfer=Transfer(
                mean=None,
                per_seed=[
                    SeedTransfer(seed=0, accuracy=0.8, pgr=0.34, error=None),
                    SeedTransfer(seed=1, accuracy=None, pgr=None, error="ValueError: no rows left"),
                ],
            ),
        ),
        row(
            "cheat",
            status="disqualified",
            pgr=None,
            pgr_ci=None,
            pgr_ci_pool=None,
            pgr_sem=None,
            reason="holdout-labels: it read the labels",
        ),
    ]


def code_rows():
    why = "the gap 0.0080 is under min_gap 0.02"
    none = {
        "status": "no-gap",
        "pgr": None,
        "pgr_ci": None,
        "pgr_ci_pool": None,
        "pgr_sem": None,
        "reason": why,
    }
    return [
        row("vanilla", "code", transfer=Transfer(mean=0.5163, per_seed=[]), **none),
        row(
            "logconf",
            "code",
            transfer=Transfer(mean=0.52, per_seed=[]),
            vs_vanilla_star=versus(0.0037, 1.0, None),
            **none,
        ),
    ]


@pytest.fixture
def board():
    return Leaderboard(
        schema="w2s-leaderboard/1",
        harness=HarnessRecord(version="0.1.0", sha256=None, packages={"torch": "2.9.0"}, plugins=[]),
        plan={"tasks": ["math", "code"], "attempts": [], "alpha": 0.05},
        settings=[
            setting("math", 0.697, 0.999, (0.29, 0.314)),
            setting("code", 0.512, 0.52, (-0.01, 0.026), "the gap 0.0080 is under min_gap 0.02"),
        ],
        rows=[*code_rows(), *math_rows()],
        controls=[
            Control(
                name="weak=strong",
                task="math",
                pair="tiny",
                accuracy=0.7,
                ok=True,
                because="no-gap",
                numbers={},
            )
        ],
        claims=[
            Claim(
                sentence="logconf beats vanilla on math (Holm-adjusted, 2 seeds, on this training pool)",
                method="logconf",
                against="vanilla",
                significant=True,
            )
        ],
        timing={"wall_s": 48.25},
        machine={"run": "20261123-1412-7f3a", "n": 2},
    )
