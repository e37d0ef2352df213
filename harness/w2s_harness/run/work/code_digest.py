"""What a result depends on beside its inputs: the code that computed it, as a digest.

The rule: the module's own code and that of every module of w2s-harness in its import closure, lazy imports
and modules that it starts by name included, imports for types alone left out. Where a file lies and how it
spells an import is no part of it, so that moving a module empties no store.
"""

from __future__ import annotations

import functools
import hashlib
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import w2s_harness

_LIBRARIES = ("torch", "transformers", "numpy", "scipy", "peft")
ROOT = Path(w2s_harness.__file__).parent
"""The folder of the package."""
_PACKAGE = w2s_harness.__name__
_FOR_TYPES = re.compile(r"^if TYPE_CHECKING:\n(?:[ \t]+.*\n|\n)*", re.M)
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)|import[ \t]+([^\n]*))\n", re.M
)
_DOTTED = re.compile(rf"\b{_PACKAGE}(?:\.\w+)+")
_WORD = re.compile(r"\w+(?: as \w+)?")


def code_of(computes: type | str, root: Path = ROOT) -> str:
    """Digest of the code behind a class or module, and of the versions of the libraries under it.

    :param computes: a class, or the dotted name of a module of w2s-harness; of the package itself its public
    names are meant. :param root: the folder of the package.
    """
    return _digest(computes if isinstance(computes, str) else computes.__module__, root)


@functools.cache
def whole() -> str:
    """Digest of all code of w2s-harness, as a leaderboard names it."""
    digest = hashlib.sha256()
    for file in sorted(ROOT.rglob("*.py")):
        digest.update(f"{file.relative_to(ROOT)}\0".encode())
        digest.update(file.read_bytes())
    digest.update(repr(library_versions()).encode())
    return digest.hexdigest()


def library_versions() -> dict[str, str | None]:
    """The installed versions of the libraries that compute; None for one that is not there."""
    return {name: _version(name) for name in _LIBRARIES}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


@functools.cache
def closure(module: str, root: Path = ROOT) -> frozenset[str]:
    """The modules of w2s-harness that a module reaches by imports, itself included."""
    found, left = {module}, [module]
    while left:
        fresh = _read(left.pop(), root)[1] - found
        found |= fresh
        left += fresh
    return frozenset(found)


@functools.cache
def _digest(module: str, root: Path) -> str:
    code = sorted(_read(each, root)[0] for each in closure(module, root))
    return hashlib.sha256(repr([code, library_versions()]).encode()).hexdigest()


@functools.cache
def _read(module: str, root: Path) -> tuple[str, frozenset[str]]:
    """The digest of a module's own code, and the modules of w2s-harness that it names."""
    file = _file(module, root)
    if file is None:
        raise ValueError(f"no module {module}")
    text = _FOR_TYPES.sub("", file.read_text(encoding="utf-8"))
    names: set[str] = set()
    reached: set[str] = set()
    for source, words, plain in _IMPORT.findall(text):
        bound = {word.strip() for word in _WORD.findall(words)} or {plain}
        names |= bound
        if source.startswith(_PACKAGE):
            reached |= {f"{source}.{word.partition(' ')[0]}" for word in bound} | {source}
    body = _IMPORT.sub("", text)
    reached |= set(_DOTTED.findall(text))
    body = _DOTTED.sub(lambda found: found[0].rpartition(".")[2], body)
    own = hashlib.sha256(repr([sorted(names), body]).encode()).hexdigest()
    if module == _PACKAGE:
        reached |= {f"{_PACKAGE}.{home}" for home in w2s_harness._HOME.values()}
    return own, frozenset(name for name in reached if name != _PACKAGE and _file(name, root) is not None)


@functools.cache
def _file(module: str, root: Path) -> Path | None:
    path = root.joinpath(*module.split(".")[1:])
    return next((f for f in (path.with_suffix(".py"), path / "__init__.py") if f.is_file()), None)
