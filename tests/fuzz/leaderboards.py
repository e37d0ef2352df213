"""A valid leaderboard to start from: one task, one method, every kind of part."""

from __future__ import annotations

from typing import Any

_MODEL = {"source": "tiny", "revision": None, "dtype": "float32", "sha256": "ab" * 32}
_BASELINE = {"mean": 0.75, "per_seed": [{"seed": 0, "accuracy": 0.75, "outcomes": "sA==", "ties": "IA=="}]}
_VERSUS = {
    "against": "vanilla", "difference": 0.02, "ci": [-0.01, 0.05], "pgr": 0.1, "pgr_ci": [0.0, 0.2], "p": 0.2,
    "p_holm": 0.4, "significant": False,
}  # fmt: skip
_VERDICT = {"guard": "shortcuts", "level": "flag", "because": "why", "numbers": {"share": 0.9}, "again": ""}
_SOURCE = {"distribution": None, "version": None, "sha256": "ef" * 32, "editable": False}
_SETTING = {
    "task": "math", "pair": "tiny", "mode": "probe", "solver": "exact", "n_test": 4, "weak": _BASELINE,
    "ceiling": _BASELINE, "weak_label_acc": 0.7, "gap": 0.25, "gap_ci": [0.2, 0.3], "reason": None,
    "hyper": {"C": 1.0, "epochs": None, "lr": None, "grid": {"C": [0.1, 1.0]}}, "exposure": "public",
    "data_digest": "cd" * 32, "n_cut": 0, "subsets": {"hard": {"n_test": 2, "weak": 0.5, "ceiling": 0.9}},
    "clusters": [0, 0, 1, 1], "min_gap": 0.02, "models": {"weak": _MODEL, "strong": _MODEL},
    "baseline_seeds": [0],
}  # fmt: skip
_ROW = {
    "method": "logconf", "parameters": {"a": 0.75, "soft": True}, "task": "math", "pair": "tiny",
    "status": "ok", "track": "w2s", "rank": [1, 2], "pgr": 0.5, "pgr_ci": [0.4, 0.6],
    "pgr_ci_pool": [0.3, 0.7], "pgr_sem": 0.02, "reason": None,
    "transfer": {"mean": 0.9, "per_seed": [{"seed": 0, "accuracy": 0.9, "pgr": 0.67, "error": None}]},
    "access": ["embeddings"], "attempts": 2, "isolation": "L1", "layers": ["landlock"],
    "verdicts": [_VERDICT], "compute": {"fits": 2, "tokens": 1000, "flops": 1e9}, "solver": "exact",
    "exposure": "public", "source": _SOURCE,
    "by_subset": {"hard": {"accuracy": 0.8, "pgr": 0.75, "reason": None}}, "vs_vanilla": _VERSUS,
}  # fmt: skip
_FAILED = {**_ROW, "method": "broken", "status": "failed", "rank": None, "pgr": None, "reason": "it\nbroke"}
_CONTROL = {
    "name": "same",
    "task": "math",
    "pair": "tiny",
    "accuracy": 0.7,
    "ok": True,
    "because": "no gap",
    "numbers": {"gap": 0.0},
}
_PLUGIN = {"name": "mine", "distribution": None, "version": None, "sha256": None}
DOCUMENT: dict[str, Any] = {
    "schema": "w2s-leaderboard/1",
    "harness": {"version": "0.1.0", "sha256": None, "packages": {"torch": "2.13.0"}, "plugins": [_PLUGIN]},
    "plan": {"tasks": ["math"], "alpha": 0.05, "attempts": []},
    "settings": [_SETTING],
    "rows": [_ROW, _FAILED],
    "controls": [_CONTROL],
    "claims": [
        {"sentence": "logconf beats vanilla", "method": "logconf", "against": "vanilla", "significant": True}
    ],
    "timing": {"wall_s": 48.25},
    "machine": {"run": "r", "n": 2},
}
"""As `json.loads` gives it."""
