"""The published per-seed results, data sets as settings and ideas as methods."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any, Generic

from w2s_harness.contract.errors import DataError
from w2s_harness.data.disk import read_bytes, shown, text_of
from w2s_harness.data.reading.strict_json import struct_of
from w2s_harness.scoring.points import mean, recovered
from w2s_studies.elsewhere.imports.aar_files import (
    CeilingFile,
    Kind,
    Recorded,
    Role,
    RunFile,
    WeakFile,
    agrees,
)
from w2s_studies.elsewhere.imports.leaderboard import (
    BySeed,
    Imported,
    ImportedRow,
    ImportedSetting,
    differs,
)

MAX_BYTES = 2**27
"""A longer file is refused."""
WEAK, CEILING, VANILLA = "weak_artifacts", "train_ceiling", "vanilla_w2s"
"""The ideas that are no methods, and the reference."""
_LAYOUT = "DATASET_IDEA/CONFIG/seed_N.json"
_SEED = re.compile(r"seed_([0-9]{1,18})\.json")


@dataclass(frozen=True, slots=True)
class _File(Generic[Kind]):
    """A file of an idea on a data set."""

    path: Path
    seed: int
    """That of its name."""
    found: Kind


class _Reading:
    """What has been read so far."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.digests: dict[str, str] = {}
        self.mismatches: dict[str, list[str]] = {}

    def read(self, path: Path, kind: type[Kind]) -> Kind:
        """A file, noted with its digest.

        Raises `DataError` naming the file, and inside it the JSON path, for what is no such file: JSON that
        `strict_json` refuses, a missing or ill-typed field, an accuracy outside [0, 1].
        """
        data = read_bytes(path, MAX_BYTES, "Take soft labels out of it.")
        self.digests[path.relative_to(self.root).as_posix()] = hashlib.sha256(data).hexdigest()
        text = text_of(data, shown(path))
        return struct_of(text, kind, shown(path), mend="Mend the file, or leave it out.")

    def mismatch(self, path: Path, what: str) -> None:
        """Note what a file contradicts."""
        self.mismatches.setdefault(path.relative_to(self.root).as_posix(), []).append(what)


def read_folder(root: Path) -> Imported:
    """The results in a folder, data sets sorted by name.

    The folder's idea is the method and the number in a file's name the seed, whatever is written inside;
    differences are `mismatches`, a line per file. Raises `DataError`, one line with the file or folder, for
    a folder without such results, an idea with no file or several configurations, a seed that comes twice,
    files of different data sets, models or holdouts, and for what `_Reading.read` refuses.
    """
    ideas = _ideas(root)
    reading = _Reading(root)
    settings = [_setting(reading, name, ideas[name]) for name in sorted(ideas)]
    lines = [f"{name}: {'; '.join(said)}" for name, said in sorted(reading.mismatches.items())]
    return Imported(
        form="aar", settings=settings, files=dict(sorted(reading.digests.items())), mismatches=lines
    )


def _setting(reading: _Reading, name: str, ideas: dict[str, Path]) -> ImportedSetting:
    weak = _files(reading, ideas[WEAK], WeakFile) if WEAK in ideas else []
    ceiling = _files(reading, ideas[CEILING], CeilingFile) if CEILING in ideas else []
    methods = {
        idea: _files(reading, folder, RunFile)
        for idea, folder in sorted(ideas.items())
        if idea not in (WEAK, CEILING)
    }
    if not methods:
        raise DataError(f"{reading.root}: the data set {name!r} has no method. Add a folder {name}_IDEA.")
    floors = {file.seed: file.found.weak_acc for file in weak}
    tops = {file.seed: file.found.strong_acc for file in ceiling}
    runs = chain.from_iterable(methods.values())
    n_rows, models = _shared((file.path, file.found) for file in chain[_File[Any]](weak, ceiling, runs))
    labels = [value for file in weak if (value := file.found.hard_label_acc) is not None]
    trained = (ceiling[0] if ceiling else next(iter(methods.values()))[0]).found.config
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
        weak_label_acc=mean(labels) if labels and len(labels) == len(weak) else None,
        epochs=_number(trained.get("epochs")),
        lr=_number(trained.get("lr")),
        solver="finetune",
        **_subsets([file.found.detailed_eval.get("ceiling") for file in ceiling]),
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _shared(files: Iterable[tuple[Path, Recorded]]) -> tuple[int | None, tuple[str, str]]:
    """(holdout rows, (teacher, student)), which all files of a data set must agree on."""
    values: dict[str, tuple[Any, Path]] = {}
    for path, found in files:
        if found.n_rows == 1:
            raise DataError(f"{path}: a holdout of one row tells nothing. Mend the file, or leave it out.")
        for what, value in (
            ("data set", found.dataset_name),
            ("holdout size", found.n_rows),
            ("teacher", found.weak_model),
            ("student", found.strong_model),
        ):
            before, where = values.setdefault(what, (value, path)) if value is not None else (None, path)
            if before != value:
                raise DataError(
                    f"{path}: the {what} is {value!r}, in {where} it is {before!r}. Import them apart."
                )
    known = {what: value for what, (value, _) in values.items()}
    return known.get("holdout size"), (known.get("teacher", "unknown"), known.get("student", "unknown"))


def _row(
    reading: _Reading, idea: str, files: Sequence[_File[RunFile]], weak: BySeed, ceiling: BySeed
) -> ImportedRow:
    first = files[0]
    for file in files:
        if file.found.baselines != first.found.baselines:
            what = f"other fixed baselines than seed_{first.seed}.json. Keep one pair in a folder."
            raise DataError(f"{file.path}: {what}")
        for said in (*_off_baselines(file, weak, ceiling), *file.found.contradictions()):
            reading.mismatch(file.path, said)
    if first.found.baselines is None and not (weak and ceiling):
        raise DataError(
            f"{first.path.parent}: records no fixed baselines, and there is no {WEAK} and {CEILING} to take "
            "them from. Add these folders."
        )
    return ImportedRow(
        method=idea,
        transfer={file.seed: file.found.transfer_acc for file in files},
        baselines=first.found.baselines,
        subsets=_means([file.found.detailed_eval.get("strong") for file in files]),
    )


def _off_baselines(file: _File[RunFile], weak: BySeed, ceiling: BySeed) -> list[str]:
    """What a file records of weak and ceiling against the baselines' own files, and its PGR against both."""
    found, seed, said = file.found, file.seed, []
    means = tuple(mean([*known.values()]) if known else None for known in (weak, ceiling))
    for what, value, own, idea in (
        ("fixed_weak_baseline", found.fixed_weak_baseline, means[0], WEAK),
        ("fixed_strong_baseline", found.fixed_strong_baseline, means[1], CEILING),
    ):
        if value is not None and own is not None and differs(value, own):
            said.append(f"{what} {value!r} is not the mean {own!r} of {idea}")
    for what, value, known, idea in (
        ("weak_acc", found.weak_acc, weak, WEAK),
        ("strong_acc", found.strong_acc, ceiling, CEILING),
    ):
        if value is not None and seed in known and differs(value, known[seed]):
            said.append(f"{what} {value!r} is not that of {idea} seed {seed}")
    floor, top = found.baselines or means
    if found.pgr is not None and floor is not None and top is not None and floor != top:
        own_pgr = recovered(found.transfer_acc, floor, top)
        if not agrees(found.pgr, own_pgr):
            said.append(f"pgr {found.pgr!r}, but its transfer_acc and baselines give {own_pgr:.6f}")
    return said


# -- marked parts of the holdout --------------------------------------------------------------------------


def _subsets(roles: Sequence[Role | None]) -> dict[str, Any]:
    """Sizes and mean ceilings of the marked parts, as fields of the setting."""
    means = _means(roles)
    first = roles[0].final_eval.per_subset if roles and roles[0] is not None else {}
    sizes = {name: total for name in means if (total := first[name].total) is not None}
    return {"subset_rows": sizes, "subset_ceilings": {name: means[name] for name in sizes}}


def _means(roles: Sequence[Role | None]) -> Mapping[str, float]:
    """Mean accuracy over the seeds on every part that all of them have."""
    parts = [role.final_eval.per_subset if role is not None else {} for role in roles]
    names = set(parts[0]).intersection(*parts[1:]) if parts else ()
    return {name: mean([part[name].accuracy for part in parts]) for name in sorted(names)}


# -- where the files lie ----------------------------------------------------------------------------------


def _ideas(root: Path) -> dict[str, dict[str, Path]]:
    """The folder of every idea, by data set and idea."""
    folders = [path for path in _folders(root) if "_" in path.name]
    if not any(_SEED.fullmatch(file.name) for path in folders for file in path.glob("*/seed_*.json")):
        raise DataError(f"{root}: no results in it. Name a folder that holds {_LAYOUT}.")
    ends = tuple(f"_{idea}" for idea in (WEAK, CEILING, VANILLA))
    # a data set's own name may hold a "_"; those of its ideas that are known tell where it ends
    known = {path.name[: -len(end)] for path in folders for end in ends if path.name.endswith(end)}
    found: dict[str, dict[str, Path]] = {}
    for path in folders:
        fits = [name for name in known if path.name.startswith(f"{name}_")]
        name = max(fits, key=len) if fits else path.name.partition("_")[0]
        found.setdefault(name, {})[path.name[len(name) + 1 :]] = path
    return found


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    except OSError as bad:
        raise DataError(f"{root}: cannot be read ({bad.strerror}). Name a folder of {_LAYOUT}.") from None


def _files(reading: _Reading, folder: Path, kind: type[Kind]) -> list[_File[Kind]]:
    """All files of one idea, by seed; at least one."""
    configurations = _folders(folder)
    if len(configurations) > 1:
        names = " and ".join(p.name for p in configurations[:2])
        raise DataError(f"{folder}: mixed configurations ({names}). Keep one in each import.")
    if not configurations:
        raise DataError(f"{folder}: no folder CONFIG/ with seed_N.json in it. Add it, or remove the folder.")
    found: dict[int, _File[Kind]] = {}
    for path in sorted(configurations[0].glob("seed_*.json")):
        named = _SEED.fullmatch(path.name)
        if named is None:
            raise DataError(f"{path}: its name holds no seed. Call it seed_N.json.")
        seed = int(named[1])
        if seed in found:
            raise DataError(f"{path}: seed {seed} stands in {found[seed].path.name} too. Keep one.")
        found[seed] = _File(path, seed, reading.read(path, kind))
    if not found:
        raise DataError(f"{configurations[0]}: no seed_N.json in it. Add the files, or remove the folder.")
    files = [found[seed] for seed in sorted(found)]
    for file in files:
        for said in _misplaced(file):
            reading.mismatch(file.path, said)
        for what, one, other in (
            ("configurations", *(_configuration(f.found) for f in (files[0], file))),
            ("data sets", files[0].found.dataset_name, file.found.dataset_name),
        ):
            if one != other:
                raise DataError(f"{file.path}: mixed {what} (not those of {files[0].path.name}). Keep one.")
    _check_holes(reading, configurations[0], list(found))
    return files


def _misplaced(file: _File[Kind]) -> list[str]:
    """What a file says against where it lies."""
    path, found = file.path, file.found
    key, idea = found.hyperparam_config_key, found.idea_name
    if key is not None and key != path.parent.name:
        raise DataError(f"{path}: mixed configurations ({key!r} inside). Keep one in each folder.")
    said = [f"seed is {found.seed}"] if found.seed != file.seed else []
    if found.config.get("seed", found.seed) != file.seed:
        said.append(f"config.seed is {found.config.get('seed', found.seed)}")
    if idea is not None and not path.parent.parent.name.endswith(f"_{idea}"):
        said.insert(0, f"idea_name is {idea!r}")
    return said


def _configuration(found: Recorded) -> str:
    shown = {k: v for k, v in found.config.items() if k != "seed"}
    return json.dumps([shown, found.weak_model, found.strong_model], sort_keys=True)


def _check_holes(reading: _Reading, folder: Path, found: list[int]) -> None:
    """A seed left out of the middle is one that somebody may have picked out."""
    seeds = sorted(found)
    # seeds may lie anywhere, dates for example: what stands between them is never listed whole
    holes = (range(a + 1, b) for a, b in pairwise(seeds))
    missing = list(islice(chain.from_iterable(holes), 6))
    if missing:
        shown = ", ".join(map(str, missing[:5])) + (", ..." if len(missing) > 5 else "")
        reading.mismatch(folder, f"no file for seed {shown} between {seeds[0]} and {seeds[-1]}")
