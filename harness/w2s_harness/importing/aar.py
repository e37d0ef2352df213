"""The published per-seed results: data sets as settings, ideas as methods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from w2s_harness.errors import DataError
from w2s_harness.importing.aar_files import CeilingFile, Recorded, Role, RunFile, WeakFile, wrong_pgr
from w2s_harness.importing.aar_folder import CEILING, VANILLA, WEAK, Files, Reading, files_of, ideas_of
from w2s_harness.importing.accuracies import BySeed, Imported, ImportedRow, ImportedSetting, differs
from w2s_harness.scoring.pgr import mean

AnyFiles = Files[WeakFile] | Files[CeilingFile] | Files[RunFile]


def read_folder(root: Path) -> Imported:
    """The results in a folder, data sets sorted by name.

    The folder's idea is the method and the number in a file's name the seed, whatever is written inside;
    differences are `mismatches`, a line per file. Raises `DataError`, one line with the file or folder, for
    a folder without such results, an idea with no file or several configurations, a seed that comes twice,
    files of different data sets, models or holdouts, and for what `aar_files.read` refuses.
    """
    ideas = ideas_of(root)
    reading = Reading(root)
    settings = [_setting(reading, name, ideas[name]) for name in sorted(ideas)]
    lines = [f"{name}: {'; '.join(said)}" for name, said in sorted(reading.mismatches.items())]
    return Imported(
        form="aar", settings=settings, files=dict(sorted(reading.digests.items())), mismatches=lines
    )


def _setting(reading: Reading, name: str, ideas: dict[str, Path]) -> ImportedSetting:
    weak = files_of(reading, ideas[WEAK], WeakFile) if WEAK in ideas else None
    ceiling = files_of(reading, ideas[CEILING], CeilingFile) if CEILING in ideas else None
    methods = {
        idea: files_of(reading, folder, RunFile)
        for idea, folder in sorted(ideas.items())
        if idea not in (WEAK, CEILING)
    }
    if not methods:
        raise DataError(f"{reading.root}: the data set {name!r} has no method. Add a folder {name}_IDEA.")
    floors = {s: f.weak_acc for s, f in weak.by_seed.items()} if weak else {}
    tops = {s: f.strong_acc for s, f in ceiling.by_seed.items()} if ceiling else {}
    groups: list[AnyFiles] = [g for g in (weak, ceiling, *methods.values()) if g is not None]
    n_rows, models = _shared(groups)
    known = [f.hard_label_acc for f in weak.by_seed.values()] if weak else []
    labels = [value for value in known if value is not None]
    trained = next(iter((ceiling or next(iter(methods.values()))).by_seed.values())).config
    return ImportedSetting(
        task=name,
        pair="..".join(model.replace("/", ".") for model in models),
        weak=floors,
        ceiling=tops,
        n_rows=n_rows,
        rows=[_row(reading, idea, files, floors, tops) for idea, files in methods.items()],
        reference=VANILLA,
        weak_model=models[0],
        strong_model=models[1],
        weak_label_acc=mean(labels) if labels and len(labels) == len(known) else None,
        epochs=_number(trained.get("epochs")),
        lr=_number(trained.get("lr")),
        solver="finetune",
        **_subsets(ceiling),
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _shared(groups: Sequence[AnyFiles]) -> tuple[int | None, tuple[str, str]]:
    """(holdout rows, (teacher, student)), which all files of a data set must agree on."""
    values: dict[str, tuple[object, Path]] = {}
    for path, found in _each(groups):
        if found.n_rows == 1:
            raise DataError(f"{path}: a holdout of one row tells nothing. Mend the file, or leave it out.")
        for what, value in (
            ("data set", found.dataset_name),
            ("holdout size", found.n_rows),
            ("teacher", found.weak_model),
            ("student", found.strong_model),
        ):
            if value is None:
                continue
            before, where = values.setdefault(what, (value, path))
            if before != value:
                raise DataError(
                    f"{path}: the {what} is {value!r}, in {where} it is {before!r}. Import them apart."
                )
    rows = values.get("holdout size", (None, None))[0]
    models = (str(values.get(what, ("unknown", None))[0]) for what in ("teacher", "student"))
    weak, strong = models
    return rows if isinstance(rows, int) else None, (weak, strong)


def _each(groups: Sequence[AnyFiles]) -> Iterator[tuple[Path, Recorded]]:
    for group in groups:
        for seed, found in group.by_seed.items():
            yield group.paths[seed], found


def _row(reading: Reading, idea: str, files: Files[RunFile], weak: BySeed, ceiling: BySeed) -> ImportedRow:
    first = next(iter(files.by_seed))
    baselines = files.by_seed[first].baselines
    for seed, found in files.by_seed.items():
        path = files.paths[seed]
        if found.baselines != baselines:
            raise DataError(
                f"{path}: other fixed baselines than seed_{first}.json. Keep one pair in a folder."
            )
        _check_baselines(reading, path, seed, found, weak, ceiling)
        for said in found.contradictions():
            reading.mismatch(path, said)
    if baselines is None and not (weak and ceiling):
        raise DataError(
            f"{files.folder}: records no fixed baselines, and there is no {WEAK} and {CEILING} to take them "
            "from. Add these folders."
        )
    return ImportedRow(
        method=idea,
        transfer={seed: found.transfer_acc for seed, found in files.by_seed.items()},
        baselines=baselines,
        subsets=_means([f.detailed_eval.get("strong") for f in files.by_seed.values()]),
    )


def _check_baselines(
    reading: Reading, path: Path, seed: int, found: RunFile, weak: BySeed, ceiling: BySeed
) -> None:
    """What a file records of weak and ceiling against the baselines' own files, and its PGR against both."""
    means = tuple(mean([*known.values()]) if known else None for known in (weak, ceiling))
    for what, value, own, idea in (
        ("fixed_weak_baseline", found.fixed_weak_baseline, means[0], WEAK),
        ("fixed_strong_baseline", found.fixed_strong_baseline, means[1], CEILING),
    ):
        if value is not None and own is not None and differs(value, own):
            reading.mismatch(path, f"{what} {value!r} is not the mean {own!r} of {idea}")
    for what, value, known, idea in (
        ("weak_acc", found.weak_acc, weak, WEAK),
        ("strong_acc", found.strong_acc, ceiling, CEILING),
    ):
        if value is not None and seed in known and differs(value, known[seed]):
            reading.mismatch(path, f"{what} {value!r} is not that of {idea} seed {seed}")
    floor, top = found.baselines or means
    said = wrong_pgr(found, floor, top) if floor is not None and top is not None else None
    if said is not None:
        reading.mismatch(path, said)


# -- marked parts of the holdout --------------------------------------------------------------------------


def _subsets(ceiling: Files[CeilingFile] | None) -> dict[str, Any]:
    """Sizes and mean ceilings of the marked parts, as fields of the setting."""
    if ceiling is None:
        return {}
    roles = [found.detailed_eval.get("ceiling") for found in ceiling.by_seed.values()]
    means = _means(roles)
    first = roles[0].final_eval.per_subset if roles[0] is not None else {}
    sizes = {name: total for name in means if (total := first[name].total) is not None}
    return {"subset_rows": sizes, "subset_ceilings": {name: means[name] for name in sizes}}


def _means(roles: Sequence[Role | None]) -> Mapping[str, float]:
    """Mean accuracy over the seeds on every part that all of them have."""
    parts = [role.final_eval.per_subset if role is not None else {} for role in roles]
    names = [name for name in parts[0] if all(name in part for part in parts)]
    return {name: mean([part[name].accuracy for part in parts]) for name in sorted(names)}
