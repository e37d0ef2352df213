"""The suite of attacks: found in the package of plugins, laid on disk with what attacks reach for."""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import py_compile
import shutil
import sys
import sysconfig
import tempfile
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from w2s_harness.contract.errors import PluginError
from w2s_harness.contract.studies import Attack

HEAD = '''
import ctypes, errno, fcntl, mmap, os, resource, signal, socket, stat, struct, sys, threading, time
from dataclasses import dataclass
from pathlib import Path
import numpy as np
from w2s_harness import Method, StudentError, hookimpl

LIBC = ctypes.CDLL(None, use_errno=True)
X86 = os.uname().machine == "x86_64"

class Stopped(Exception):
    """The attack found nothing."""

def checked(result):
    if result in (-1, 2**64 - 1):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result

def call(name, *arguments):
    # A function of libc; raises OSError with its errno.
    return checked(getattr(LIBC, name)(*[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]))

def system(x86, arm, *arguments):
    # A system call by its number on each machine.
    LIBC.syscall.restype = ctypes.c_long
    number = x86 if X86 else arm
    typed = [ctypes.c_long(a) if isinstance(a, int) else a for a in (number, *arguments)]
    return checked(LIBC.syscall(*typed))

def frame(message):
    # A message of one's own to the host, past the worker's code.
    import msgspec
    body = msgspec.msgpack.encode(message)
    os.write(3, len(body).to_bytes(4, "little") + body)

def attack(problem, student, rng):
'''
TAIL = '''
STOPPED = (OSError, ImportError, MemoryError, RuntimeError, ValueError, EOFError, Stopped, StudentError)

@dataclass(frozen=True)
class Hostile(Method):
    """A method of the red team."""
    name = {name!r}
    access = {access!r}

    def fit(self, problem, student, rng):
        try:
            answer = attack(problem, student, rng)
        except STOPPED as bad:
            number = getattr(bad, "errno", None)
            print("PREVENTED", errno.errorcode.get(number, type(bad).__name__), bad, flush=True)
            sys.exit("prevented")
        except Exception as bad:
            print("BROKEN", type(bad).__name__, bad, flush=True)
            raise
        if answer is not None:
            return answer
        print("SUCCEEDED", flush=True)
        return student.fit(problem.rows, problem.weak)

@hookimpl
def w2s_methods():
    return [Hostile]
'''

Said = Literal["SUCCEEDED", "PREVENTED", "BROKEN"]


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where things are that a method must not reach, as the constants that bodies find them by."""

    LABELS: str
    """A file of labelled rows."""
    STORE: str
    """The store of the run."""
    SITE: str
    """The interpreter's site-packages."""
    HARNESS: str
    """The package w2s_harness."""
    PLUGINS: str
    """The package w2s_plugins; weights lie below it."""
    TASKS: str
    """The package w2s_tasks."""
    NUMPY: str
    """The package numpy."""
    HOST: int
    """The host's process id."""


def method_file(attack: Attack, places: Places) -> str:
    """The file of an attack that has a `body` or `code`."""
    constants = "".join(f"{name} = {value!r}\n" for name, value in asdict(places).items())
    if attack.code:
        return attack.code.lstrip()
    body = textwrap.indent(textwrap.dedent(attack.body).strip(), "    ")
    tail = TAIL.format(name=attack.method, access=attack.access)
    return f"{HEAD.lstrip().replace('def attack', constants + chr(10) + 'def attack')}{body}\n{tail}"


def verdict(printed: str) -> tuple[Said, str] | None:
    """The last verdict that a body's method printed, and what it said beside it; None where it said none."""
    for line in reversed(printed.splitlines()):
        first, _, rest = line.partition(" ")
        for word in get_args(Said):
            if first == word:
                return word, rest
    return None


PACKAGE = "w2s_plugins.redteam"


def shipped() -> list[Attack]:
    """Every attack of the suite, by file and then as listed there.

    Raises `PluginError` where a file does not import or lists no `Attack`s, or where two share a name.
    """
    attacks: list[Attack] = []
    try:
        package = importlib.import_module(PACKAGE)
        names = sorted(info.name for info in pkgutil.iter_modules(package.__path__))
        modules = [importlib.import_module(f"{PACKAGE}.{name}") for name in names]
    except ImportError as bad:
        raise PluginError(f"{PACKAGE}: {bad}. Reinstall w2s-harness.") from bad
    for module in modules:
        listed = getattr(module, "ATTACKS", None)
        if not listed or not all(isinstance(item, Attack) for item in listed):
            raise PluginError(f"{module.__name__}: ATTACKS must be a list of w2s_harness.Attack objects")
        attacks += listed
    names = [attack.name for attack in attacks]
    for name in names:
        if names.count(name) > 1:
            raise PluginError(f"{PACKAGE}: two attacks are called '{name}'. Rename one.")
    return attacks


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
