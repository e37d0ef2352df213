"""Write the tables of `docs/replication.md` from the published per-seed results.

    python scripts/docs/replication.py DIR [--check] [PAGE]

DIR holds `DATASET_IDEA/CONFIG/seed_N.json`. What stands between `<!-- replication -->` and
`<!-- /replication -->` is replaced; `--check` only compares, and ends with 1 where the page is out of date.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

from w2s_harness.report.document.document import Leaderboard, Row, SettingRecord
from w2s_harness.report.notation import ranks, share, signed, span
from w2s_harness.scoring.comparisons.compare import Difference, holm
from w2s_harness.scoring.comparisons.imported import accuracy_test
from w2s_studies.elsewhere.imports.aar import read_folder
from w2s_studies.elsewhere.imports.leaderboard import BySeed, Imported, ImportedSetting, leaderboard_of

PAGE = Path(__file__).parents[2] / "docs" / "replication.md"
BEGIN, END = "<!-- replication -->", "<!-- /replication -->"
ALPHA = 0.05
PUBLISHED_BASELINES = {"chat": (0.5280, 0.7325), "math": (0.5360, 0.7176)}
PUBLISHED = {
    "chat": {
        "vanilla_w2s": (0.372, 0.206, 0.117, 0.194, 0.128),
        "train_only_on_confident_labels": (0.403, 0.221, 0.206, 0.268, 0.070),
        "ue_zeroshot": (-0.038, 0.070, 0.031, 0.043),
        "critic": (-0.115, -0.096, 0.059, 0.074, -0.112),
    },
    "math": {
        "vanilla_w2s": (0.336, 0.323, 0.281, 0.453, 0.298),
        "train_only_on_confident_labels": (0.369, 0.235, 0.122, 0.411, 0.344),
        "ue_zeroshot": (0.608, 0.503, 0.654, 0.579, 0.587),
        "critic": (0.235, 0.164, 0.352, 0.269, 0.281),
    },
}
"""The published table: PGR by seed."""
NAMES = {
    "vanilla_w2s": "vanilla",
    "train_only_on_confident_labels": "confident",
    "ue_zeroshot": "zero-shot",
    "critic": "critic",
}


def tables(found: Imported) -> str:
    """All that stands between the marks."""
    board = leaderboard_of(found)
    parts = ["\n".join(_baselines(board))]
    parts += ["\n".join(_setting(board, setting)) for setting in board.settings]
    parts.append("\n".join(_pairs(found)))
    parts.append("\n".join(_mismatches(board)))
    return "\n\n".join(parts)


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> list[str]:
    lines = [head, ("---",) * len(head), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def _baselines(board: Leaderboard) -> list[str]:
    def rows() -> Iterator[tuple[str, ...]]:
        for setting in board.settings:
            weak, ceiling = PUBLISHED_BASELINES[setting.task]
            for name, told, own in (("weak", weak, setting.weak), ("ceiling", ceiling, setting.ceiling)):
                seeds = str(len(own.per_seed))
                yield setting.task, name, share(told, 4), share(own.mean, 4), seeds, str(setting.n_test)

    head = ("data", "accuracy", "published", "recomputed", "seeds", "holdout rows")
    return ["## Weak and ceiling", "", *_table(head, rows())]


def _setting(board: Leaderboard, setting: SettingRecord) -> list[str]:
    found = {row.method: row for row in board.rows if row.task == setting.task}
    return [
        f"## {setting.task.capitalize()}",
        "",
        *_table(
            (
                "method",
                "published PGR by seed",
                "recomputed",
                "PGR",
                "95 % CI",
                "rank",
                "vs vanilla",
                "p (Holm)",
            ),
            (_row(found[name], told) for name, told in PUBLISHED[setting.task].items()),
        ),
    ]


def _row(row: Row, told: tuple[float, ...]) -> tuple[str, ...]:
    own = " ".join(share(cell.pgr, 3) for cell in row.transfer.per_seed)
    published = " ".join(share(value, 3) for value in told)
    against, p = "", ""
    if (c := row.vs_vanilla) is not None and c.pgr is not None and c.p is not None and c.p_holm is not None:
        against, p = f"{signed(c.pgr)} ({span(c.pgr_ci)})", f"{_p(c.p)} ({_p(c.p_holm)})"
    return NAMES[row.method], published, own, share(row.pgr, 3), span(row.pgr_ci), ranks(row.rank), against, p


def _p(value: float | None) -> str:
    return "< .001" if value is not None and value < 0.001 else share(value, 3)


def _pairs(found: Imported) -> list[str]:
    """Every pair of methods, with and without the error of the holdout's rows."""
    pairs = [(s, a, b) for s in found.settings for a, b in combinations(PUBLISHED[s.task], 2)]
    whole = [_test(s, a, b, s.n_rows) for s, a, b in pairs]
    seeds = [_test(s, a, b, None) for s, a, b in pairs]
    corrected = [holm([1.0 if t.p is None else t.p for t in tests]) for tests in (whole, seeds)]

    def rows() -> Iterator[tuple[str, ...]]:
        for (s, a, b), test, alone, p, p_seeds in zip(pairs, whole, seeds, *corrected, strict=True):
            said = "yes" if p <= ALPHA else "seeds only" if p_seeds <= ALPHA else "no"
            shown = f"{_p(test.p)} ({_p(p)})", f"{_p(alone.p)} ({_p(p_seeds)})"
            yield s.task, f"{NAMES[a]} - {NAMES[b]}", signed(test.estimate / _gap(s)), *shown, said

    head = ("data", "difference", "PGR", "p (Holm)", "p over seeds alone (Holm)", "significant")
    return ["## Every difference", "", *_table(head, rows())]


def _test(setting: ImportedSetting, a: str, b: str, n_rows: int | None) -> Difference:
    by_method: dict[str, BySeed] = {row.method: row.transfer for row in setting.rows}
    return accuracy_test(by_method[a], by_method[b], n_rows)


def _gap(setting: ImportedSetting) -> float:
    means = [sum(values.values()) / len(values) for values in (setting.weak, setting.ceiling)]
    return means[1] - means[0]


def _mismatches(board: Leaderboard) -> list[str]:
    lines = []
    for line in board.mismatches:
        name, _, said = line.partition(": ")
        idea, _, rest = name.partition("/")
        lines.append(f"- `{idea}/.../{rest.rpartition('/')[2]}`: {said}")
    return ["## Files that contradict themselves or each other", "", *lines]


def main() -> int:
    """Write or check the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", metavar="DIR", type=Path)
    parser.add_argument("page", nargs="?", type=Path, default=PAGE)
    parser.add_argument("--check", action="store_true")
    wanted = parser.parse_args()
    text = wanted.page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    made = f"{before}{BEGIN}\n\n{tables(read_folder(wanted.folder))}\n\n{END}{rest.partition(END)[2]}"
    if made == text:
        return 0
    if wanted.check:
        print(f"{wanted.page} is out of date: python scripts/docs/replication.py DIR")
        return 1
    wanted.page.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
