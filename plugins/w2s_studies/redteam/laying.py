"""The suite on disk: method files, throw-away environments, and the things that attacks reach for."""

from __future__ import annotations

import importlib.util
import os
import py_compile
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from w2s_harness.contract.errors import PluginError
from w2s_harness.contract.studies.attack import Attack
from w2s_studies.redteam.bodies import Places, method_file

_SITE = Path("lib", f"python{sys.version_info.major}.{sys.version_info.minor}", "site-packages")


@dataclass(frozen=True, slots=True)
class Laid:
    """An attack on disk."""

    attack: Attack
    spec: str
    """What `--methods` is to be told."""
    environment: Path | None = None
    """What `--methods-env` is to be told; None for a file."""
    planted: Path | None = None
    """A folder that `PYTHONPATH` is to name; None for most."""


def places(folder: Path, store: Path) -> Places:
    """What the attacks of a run reach for; a file of labels is written into `folder`."""
    labels = folder / "labels" / "test.jsonl"
    labels.parent.mkdir(parents=True, exist_ok=True)
    labels.write_text('{"question": "1+1?", "choice": "2", "label": 1}\n', encoding="utf-8")
    return Places(
        LABELS=str(labels),
        STORE=str(store.absolute()),
        SITE=sysconfig.get_path("purelib"),
        HARNESS=_package("w2s_harness"),
        PLUGINS=_package("w2s_plugins"),
        TASKS=_package("w2s_tasks"),
        NUMPY=_package("numpy"),
        HOST=os.getpid(),
    )


def lay(attack: Attack, folder: Path, where: Places) -> Laid:
    """Write one attack below `folder`. Raises `PluginError` where it copies what is not installed."""
    if not attack.files:
        file = folder / "methods" / f"{attack.name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(method_file(attack, where), encoding="utf-8")
        return Laid(attack, str(file))
    home = folder / "environments" / attack.name
    site = home if attack.lay == "pythonpath" else home / _SITE
    _distribution(attack, site, where)
    if attack.lay == "pythonpath":
        return Laid(attack, attack.method, planted=home)
    return Laid(attack, attack.method, environment=home)


def together(laid: Sequence[Laid], folder: Path) -> Path | None:
    """One environment that holds the distributions of several attacks; None where there are none."""
    homes = [item.environment for item in laid if item.environment is not None]
    if not homes:
        return None
    target = folder / "environment"
    for home in homes:
        shutil.copytree(home, target, dirs_exist_ok=True)
    return target


def _distribution(attack: Attack, site: Path, where: Places) -> None:
    """The attack's files, with the metadata that it does not bring itself."""
    info = f"{attack.name.replace('-', '_')}-1.0.dist-info"
    files = {name: _filled(text, where).encode() for name, text in attack.files.items()}
    files |= {name: _installed(source).read_bytes() for name, source in attack.copies.items()}
    files |= {_filled(name, where): _compiled(_filled(text, where)) for name, text in attack.compiled.items()}
    files.setdefault(
        f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {attack.name}\nVersion: 1.0\n".encode()
    )
    point = f"[w2s_harness.methods]\n{attack.method} = {attack.name.replace('-', '_')}\n"
    files.setdefault(f"{info}/entry_points.txt", point.encode())
    files.setdefault(f"{info}/RECORD", "".join(f"{name},,\n" for name in sorted(files)).encode())
    for name, content in files.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_bytes(content)


def _compiled(source: str) -> bytes:
    """Byte code that Python believes without a look at the source that it stands for."""
    with tempfile.TemporaryDirectory() as folder:
        file, made = Path(folder, "source.py"), Path(folder, "made.pyc")
        file.write_text(source, encoding="utf-8")
        unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(str(file), str(made), doraise=True, invalidation_mode=unchecked)
        return made.read_bytes()


def _filled(text: str, where: Places) -> str:
    for name, value in {**asdict(where), "TAG": sys.implementation.cache_tag}.items():
        text = text.replace(f"@{name}@", str(value))
    return text


def _installed(source: str) -> Path:
    package, _, path = source.partition(":")
    file = Path(_package(package)) / path
    if not file.is_file():
        raise PluginError(f"attack: copies {source}, but there is no file {file}. Reinstall w2s-harness.")
    return file


def _package(name: str) -> str:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise PluginError(f"the red team needs the package {name}, which is not installed")
    return next(iter(spec.submodule_search_locations))
