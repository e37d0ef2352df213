"""The folders of the published per-seed results, and the files of one idea in them."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Generic

from w2s_harness.errors import DataError
from w2s_harness.importing.aar_files import Kind, Recorded, read

WEAK, CEILING, VANILLA = "weak_artifacts", "train_ceiling", "vanilla_w2s"
"""The ideas that are no methods, and the reference."""
_LAYOUT = "DATASET_IDEA/CONFIG/seed_N.json"
_SEED = re.compile(r"seed_([0-9]{1,18})\.json")


@dataclass(frozen=True, slots=True)
class Files(Generic[Kind]):
    """The files of one idea on one data set."""

    folder: Path
    """The folder of its configuration."""
    by_seed: dict[int, Kind]

    paths: dict[int, Path]


@dataclass(slots=True)
class Reading:
    """What has been read so far."""

    root: Path
    digests: dict[str, str] = field(default_factory=dict)
    mismatches: dict[str, list[str]] = field(default_factory=dict)

    def read(self, path: Path, kind: type[Kind]) -> Kind:
        """A file, noted with its digest."""
        found, data = read(path, kind)
        self.digests[self.name(path)] = hashlib.sha256(data).hexdigest()
        return found

    def name(self, path: Path) -> str:
        """The path in the folder that is imported."""
        return path.relative_to(self.root).as_posix()

    def mismatch(self, path: Path, what: str) -> None:
        """Note what a file contradicts."""
        self.mismatches.setdefault(self.name(path), []).append(what)


def ideas_of(root: Path) -> dict[str, dict[str, Path]]:
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


def files_of(reading: Reading, folder: Path, kind: type[Kind]) -> Files[Kind]:
    """All files of one idea, by seed."""
    configurations = _folders(folder)
    if len(configurations) > 1:
        names = " and ".join(p.name for p in configurations[:2])
        raise DataError(f"{folder}: mixed configurations ({names}). Keep one in each import.")
    if not configurations:
        raise DataError(f"{folder}: no folder CONFIG/ with seed_N.json in it. Add it, or remove the folder.")
    found: dict[int, Kind] = {}
    paths: dict[int, Path] = {}
    for path in sorted(configurations[0].glob("seed_*.json")):
        named = _SEED.fullmatch(path.name)
        if named is None:
            raise DataError(f"{path}: its name holds no seed. Call it seed_N.json.")
        seed = int(named[1])
        if seed in found:
            raise DataError(f"{path}: seed {seed} stands in {paths[seed].name} too. Keep one.")
        found[seed], paths[seed] = reading.read(path, kind), path
        _check_own(reading, path, seed, folder, found[seed])
    if not found:
        raise DataError(f"{configurations[0]}: no seed_N.json in it. Add the files, or remove the folder.")
    ordered = Files(configurations[0], {seed: found[seed] for seed in sorted(found)}, paths)
    _check_one_configuration(ordered)
    _check_holes(reading, ordered)
    return ordered


def _check_own(reading: Reading, path: Path, seed: int, folder: Path, found: Recorded) -> None:
    """What a file says against where it lies."""
    idea = found.idea_name
    if idea is not None and not folder.name.endswith(f"_{idea}"):
        reading.mismatch(path, f"idea_name is {idea!r}")
    inside = {"seed": found.seed, "config.seed": found.config.get("seed", found.seed)}
    for name, value in inside.items():
        if value != seed:
            reading.mismatch(path, f"{name} is {value}")
    key = found.hyperparam_config_key
    if key is not None and key != path.parent.name:
        raise DataError(f"{path}: mixed configurations ({key!r} inside). Keep one in each folder.")


def _check_one_configuration(files: Files[Kind]) -> None:
    first = next(iter(files.by_seed))
    for seed, found in files.by_seed.items():
        for what, one, other in (
            ("configurations", _configuration(files.by_seed[first]), _configuration(found)),
            ("data sets", files.by_seed[first].dataset_name, found.dataset_name),
        ):
            if one != other:
                where = files.paths[first].name
                raise DataError(f"{files.paths[seed]}: mixed {what} (not those of {where}). Keep one.")


def _configuration(found: Recorded) -> str:
    shown = {k: v for k, v in found.config.items() if k != "seed"}
    return json.dumps([shown, found.weak_model, found.strong_model], sort_keys=True)


def _check_holes(reading: Reading, files: Files[Kind]) -> None:
    """A seed left out of the middle is one that somebody may have picked out."""
    seeds = list(files.by_seed)
    # seeds may lie anywhere, dates for example: what stands between them is never listed whole
    holes = (range(a + 1, b) for a, b in pairwise(seeds))
    missing = list(islice(chain.from_iterable(holes), 6))
    if missing:
        shown = ", ".join(map(str, missing[:5])) + (", ..." if len(missing) > 5 else "")
        reading.mismatch(files.folder, f"no file for seed {shown} between {seeds[0]} and {seeds[-1]}")
