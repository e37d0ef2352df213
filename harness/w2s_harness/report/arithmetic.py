"""Whether the numbers of a leaderboard follow from those under them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from msgspec import UNSET

from w2s_harness.errors import DataError
from w2s_harness.report.document import Leaderboard, Row, SeedAccuracy, SeedTransfer, Setting, label, largest
from w2s_harness.scoring.accuracy import accuracy, counted

NEAR = 1e-6
"""How far a number may lie from what it follows from; imported ones are rounded."""


def check(board: Leaderboard, name: str) -> int:
    """Check accuracies against outcomes, means, gaps, PGR and optimism; returns how many held.

    Raises `DataError` for the first that does not, with its path in the document; `name` is what the error
    calls the document. Outcomes themselves, intervals and verdicts are taken as they stand.
    """
    held = 0
    try:
        for where, says, follows in _claims(board):
            if not math.isclose(says, follows, rel_tol=0, abs_tol=NEAR):
                raise DataError(f"{where} is {says:.6g}, and from the numbers under it {follows:.6g}")
            held += 1
    except DataError as bad:
        raise DataError(f"{name}: {bad}") from bad
    return held


def _claims(board: Leaderboard) -> Iterator[tuple[str, float, float]]:
    """(path, what stands there, what it follows to be) of every number that can be checked."""
    settings: dict[tuple[str, str], Setting] = {}
    for i, setting in enumerate(board.settings):
        settings[setting.task, setting.pair] = setting
        at = f"$.settings[{i}]"
        for part, line in (("weak", setting.weak), ("ceiling", setting.ceiling)):
            yield from _accuracies(f"{at}.{part}", line.per_seed, line.mean, setting)
        if setting.gap is not None and setting.weak.mean is not None and setting.ceiling.mean is not None:
            yield f"{at}.gap", setting.gap, setting.ceiling.mean - setting.weak.mean
    for i, row in enumerate(board.rows):
        at = f"$.rows[{i}]"
        known = settings.get((row.task, row.pair))
        if known is None:
            raise DataError(f"{at} ({label(row)}): there is no setting {row.task}, {row.pair}")
        yield from _accuracies(f"{at}.transfer", row.transfer.per_seed, row.transfer.mean, known)
        yield from _row(at, row, known)


def _row(at: str, row: Row, setting: Setting) -> Iterator[tuple[str, float, float]]:
    weak, ceiling = setting.weak.mean, setting.ceiling.mean
    if row.baselines is not None:
        weak, ceiling = row.baselines.weak, row.baselines.ceiling
    transfer = row.transfer.mean
    if weak is not None and ceiling is not None and row.pgr is not None and transfer is not None:
        # compared as accuracy: what is rounded off an accuracy is more as PGR, by one over the gap
        yield f"{at}.pgr", weak + row.pgr * (ceiling - weak), transfer
    if isinstance(row.final, float) and row.pgr is not None:
        yield f"{at}.final", row.final, row.pgr
    if isinstance(row.optimism, float) and isinstance(row.feedback, float) and isinstance(row.final, float):
        yield f"{at}.optimism", row.optimism, row.feedback - row.final


def _accuracies(
    at: str, seeds: Sequence[SeedAccuracy | SeedTransfer], mean: float | None, setting: Setting
) -> Iterator[tuple[str, float, float]]:
    for i, seed in enumerate(seeds):
        if seed.accuracy is not None and isinstance(seed.outcomes, str):
            ties = None if seed.ties is UNSET else seed.ties
            try:
                (values,) = counted([(seed.outcomes, ties)], setting.n_test, largest(setting))
            except DataError as bad:
                raise DataError(f"{at}.per_seed[{i}].{bad}") from bad
            yield f"{at}.per_seed[{i}].accuracy", seed.accuracy, accuracy(values)
    known = [seed.accuracy for seed in seeds if seed.accuracy is not None]
    if mean is not None and known and len(known) == len(seeds):
        yield f"{at}.mean", mean, math.fsum(known) / len(known)
