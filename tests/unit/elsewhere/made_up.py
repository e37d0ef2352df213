"""A made-up data set: three baseline seeds and two methods."""

from __future__ import annotations

WEAK = {1: 0.50, 2: 0.52, 3: 0.54}
CEILING = {1: 0.70, 2: 0.72, 3: 0.74}
FLOOR, TOP = 0.52, 0.72
VANILLA = {1: 0.60, 2: 0.62, 3: 0.61}
BETTER = {1: 0.69, 2: 0.70, 3: 0.71}
ROWS = 4000


def run_fields(accuracy: float, **more: object) -> dict[str, object]:
    """What a run records."""
    pgr = (accuracy - FLOOR) / (TOP - FLOOR)
    plain = {"transfer_acc": accuracy, "pgr": pgr, "fixed_weak_baseline": FLOOR, "fixed_strong_baseline": TOP}
    return plain | {"step1_data_loading": {"test_samples": ROWS}} | more
