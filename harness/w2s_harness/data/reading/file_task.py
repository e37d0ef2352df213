"""Tasks that read their rows from files: a folder of three, or what a YAML file names."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, get_args

from w2s_harness.contract.errors import DataError, UsageError
from w2s_harness.contract.kinds import KINDS, kind_of
from w2s_harness.contract.types import SPLITS, Example, Exposure, Split, Task, TaskKind
from w2s_harness.data.disk import absence, described, hint, open_regular, quoted, shown
from w2s_harness.data.reading.columns import VOTERS, VOTES, Columns, judged_kind, kind_of_columns
from w2s_harness.data.reading.strict_json import first_row, no_row, read_numbered
from w2s_harness.data.reading.yaml_file import Document, read_yaml

_NAME = re.compile(r"\w[\w.+-]*")


class FileTask(Task):
    """A task whose rows stand in JSON-lines files."""

    path: Path
    """The folder or the YAML file that the user named."""
    files: Mapping[Split | None, Path]
    """Files by split; the single key `None` means one file that the harness splits."""
    columns: Columns
    sizes: Mapping[Split, int] | None = None
    """Rows at most in each split, where the harness splits; None for the default fractions."""
    guards: Mapping[str, Any] = MappingProxyType({})
    """Settings of guards for this task alone, as written."""

    def located(self) -> Iterator[tuple[str, Example]]:
        """Yield (`file:line`, example) for every row, in file order.

        Raises `DataError` for what `read_numbered` and `Columns.example` refuse, and for a file without rows.
        """
        columns: Columns | None = None
        for split, path in self.files.items():
            empty = True
            for number, row in read_numbered(path):
                columns = columns or self.columns.settled(row)
                empty = False
                at = f"{shown(path)}:{number}"
                yield at, columns.example(row, at, split)
            if empty:
                raise no_row(path)

    def load(self) -> Iterator[Example]:
        """Yield every row in file order. Raises `DataError` with file and line."""
        for _, example in self.located():
            yield example

    def where(self, split: Split) -> str:
        """What an error about a whole split names."""
        path = self.files.get(split)
        return f"{shown(path)}" if path is not None else f"{shown(self.files[None])}, split {split}"


@dataclass(frozen=True)
class FolderTask(FileTask):
    """A folder with `train_label.jsonl`, `train_unlabel.jsonl` and `test.jsonl`, named after the folder.

    The columns of the first row say the kind; with `votes` it is a judged task. Raises `DataError` where a
    file is missing, or where the first row fits neither kind; labels are taken to be published.
    """

    path: Path

    def __post_init__(self) -> None:
        path = Path(self.path)
        files = three_files(path)
        # the name and the kind of a file task are the instance's; the class cannot know them
        object.__setattr__(self, "path", path)
        object.__setattr__(self, "name", task_name(path.resolve().name, shown(path), "Rename the folder."))
        object.__setattr__(self, "files", files)
        at, row = first_row(files["train_label"])
        kind = kind_of_columns(row, at)
        judged = VOTES in row
        object.__setattr__(self, "kind", "judged" if judged else kind.name)
        object.__setattr__(self, "columns", Columns.of(kind, judged=judged))


def three_files(folder: Path) -> dict[Split | None, Path]:
    """The files of the published layout in `folder`. Raises `DataError` that names the first one missing."""
    found: dict[Split | None, Path] = {split: folder / f"{split}.jsonl" for split in SPLITS}
    for path in filter(missing, found.values()):
        needs = "train_label.jsonl, train_unlabel.jsonl and test.jsonl"
        raise DataError(f"{shown(path)}: no such file{near(path)}. A task folder holds {needs}.")
    return found


def task_name(name: str, at: str, mend: str) -> str:
    """`name` where it can stand in a cell's id (`task/pair/method/sN`), else `DataError` at `at`."""
    if _NAME.fullmatch(name):
        return name
    raise DataError(f"{at}: {quoted(name)} cannot name a task (letters, digits and . _ + - only). {mend}")


def missing(path: Path) -> bool:
    """Whether nothing stands at `path`.

    What cannot be told for want of permission counts as there, and so does a link that leads nowhere:
    reading it says so.
    """
    try:
        path.lstat()
    except PermissionError:
        return False
    except (OSError, ValueError):
        return True
    return False


def near(path: Path) -> str:
    """The near-name hint for a path where nothing stands, from what stands beside it."""
    try:
        return hint(path.name, sorted(entry.name for entry in path.parent.iterdir()))
    except (OSError, ValueError):
        return ""


_SOURCES = ("folder", "files", "file")
_KEYS = (
    "name", "kind", *_SOURCES, "splits", "columns", "voters", "exposure", "guards", "holds_code",
    "share_true",
)  # fmt: skip
_KINDS: tuple[TaskKind, ...] = get_args(TaskKind)
_EXPOSURES: tuple[Exposure, ...] = ("public", "private")

_T = TypeVar("_T", bound=str)


@dataclass(frozen=True)
class YamlTask(FileTask):
    """A task described by a YAML file, which is a mapping.

    Its keys are

    - `name`, and `kind` (verify, preference or judged);
    - one of `folder: DIR` (published layout), `files: {train_label:, train_unlabel:, test:}` or
      `file: PATH`, which the harness splits by question, with `splits: {train_label: 1000, ...}` rows at
      most if given; paths are relative to the YAML;
    - optionally `columns: {prompt: question, candidate: answer, label: correct}` (field: column),
      `voters: [ann, bo]`, the names behind the votes of every row of a judged task, in their order,
      `exposure: public` (default) or `private`, `holds_code: true` where texts hold programs,
      `share_true: 0.5` where that share of the rows of a verify task is true by construction, and `guards`,
      a mapping kept as it is.

    Raises `DataError` with file and line.
    """

    path: Path

    def __post_init__(self) -> None:
        path = Path(self.path)
        document = read_yaml(path)
        _known(document, _KEYS)
        name = task_name(_text(document, "name"), document.at("name"), "Give it another name.")
        kind = _choice(document, "kind", _KINDS)
        settings: dict[str, Any] = {
            "path": path,
            "name": name,
            "kind": kind,
            "exposure": _choice(document, "exposure", _EXPOSURES, default="public"),
            "files": (files := _files(document)),
            "columns": _task_columns(document, kind, files),
            "sizes": _sizes(document),
            "guards": _mapping(document, "guards"),
            "holds_code": _flag(document, "holds_code"),
            "share_true": _share(document, kind),
        }
        for key, value in settings.items():
            object.__setattr__(self, key, value)


def _known(document: Document, known: Iterable[str], *keys: str) -> None:
    known = tuple(known)
    for key in _mapping(document, keys[0]) if keys else document.value:
        if key not in known:
            near = hint(key, known) or f" (known: {', '.join(known)})"
            raise DataError(f"{document.at(*keys, key)}: unknown key {quoted(key)}{near}. Mend or remove it.")


def _text(document: Document, *keys: str) -> str:
    value: Any = document.value
    for key in keys:
        if key not in value:
            raise DataError(f"{document.at(*keys)}: no key '{'.'.join(keys)}'. Add it.")
        value = value[key]
    if not isinstance(value, str) or not value:
        what = f"'{'.'.join(keys)}' is {described(value)}"
        raise DataError(f"{document.at(*keys)}: {what}. Write a text, in quotes if need be.")
    return value


def _choice(document: Document, key: str, allowed: tuple[_T, ...], default: _T | None = None) -> _T:
    if default is not None and key not in document.value:
        return default
    value = _text(document, key)
    if value in allowed:
        return allowed[allowed.index(value)]
    what = f"{key} {quoted(value)} is unknown{hint(value, allowed)}"
    raise DataError(f"{document.at(key)}: {what}. Write {' or '.join(allowed)}.")


def _flag(document: Document, key: str) -> bool:
    value = document.value.get(key, False)
    if not isinstance(value, bool):
        raise DataError(f"{document.at(key)}: '{key}' is {described(value)}. Write true or false.")
    return value


def _share(document: Document, kind: TaskKind) -> float | None:
    value = document.value.get("share_true")
    if value is None:
        return None
    stating = [kind.name for kind in KINDS if kind.can_be_true]
    if kind not in stating:
        only = f"'share_true' goes with the kind {' or '.join(stating)} only"
        raise DataError(f"{document.at('share_true')}: {only}. Remove it.")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise DataError(
            f"{document.at('share_true')}: 'share_true' is {described(value)}. Write a share between 0 and 1."
        )
    return float(value)


def _mapping(document: Document, key: str) -> dict[str, Any]:
    value = document.value.get(key, {})
    if not isinstance(value, dict):
        raise DataError(f"{document.at(key)}: '{key}' is {described(value)}. Write a mapping.")
    return value


def _files(document: Document) -> dict[Split | None, Path]:
    given = [key for key in _SOURCES if key in document.value]
    if len(given) != 1:
        what = f"names {' and '.join(given)}" if given else "names no data"
        raise DataError(f"{document.at(*given[1:2])}: {what}. Give one of folder, files or file.")
    base = document.path.parent
    if "splits" in document.value and given != ["file"]:
        raise DataError(f"{document.at('splits')}: 'splits' goes with 'file' only. Remove it.")
    if given == ["folder"]:
        folder = base / _text(document, "folder")
        if missing(folder):
            raise DataError(f"{document.at('folder')}: no such folder: {shown(folder)}. Check the path.")
        return three_files(folder)
    if given == ["file"]:
        return {None: _existing(document, "file")}
    _known(document, SPLITS, "files")
    return {split: _existing(document, "files", split) for split in SPLITS}


def _existing(document: Document, *keys: str) -> Path:
    path = document.path.parent / _text(document, *keys)
    if missing(path):
        raise DataError(f"{document.at(*keys)}: no such file: {shown(path)}. Check the path.")
    return path


def _task_columns(document: Document, kind: TaskKind, files: Mapping[Split | None, Path]) -> Columns:
    if kind == "judged":
        return replace(_judged_columns(document, files), panel=_panel(document))
    if "voters" in document.value:
        raise DataError(f"{document.at('voters')}: 'voters' goes with the kind judged only. Remove it.")
    rows = kind_of(kind)
    more = ("subset", "group", "answer") if rows.can_be_true else ("subset", "group")
    return _columns(document, Columns.of(rows), more)


def _judged_columns(document: Document, files: Mapping[Split | None, Path]) -> Columns:
    at, row = first_row(next(iter(files.values())))
    texts = judged_kind(row, _mapping(document, "columns"), at)
    return _columns(document, Columns.of(texts, judged=True), ("subset", "group", VOTERS))


def _panel(document: Document) -> tuple[str, ...]:
    """The voters that a judged task names."""
    value = document.value.get("voters", [])
    is_list = isinstance(value, list) and all(isinstance(name, str) and name for name in value)
    if not is_list or ("voters" in document.value and not value) or len(set(value)) != len(value):
        what = "'voters' is no list of different names"
        raise DataError(f"{document.at('voters')}: {what}. Write one for each vote: [ann, bo, cy].")
    return tuple(value)


def _columns(document: Document, published: Columns, more: tuple[str, ...]) -> Columns:
    _known(document, (*published.names, *more), "columns")
    names = {key: _text(document, "columns", key) for key in _mapping(document, "columns")}
    taken: dict[str, str] = {}
    for field, column in {**published.names, **names}.items():
        if not column.isprintable():
            at = document.at("columns", field)
            raise DataError(f"{at}: {quoted(column)} cannot be a column. Write its name.")
        # a question's text may well be its id, and a candidate what it comes to
        if field in ("group", "answer"):
            continue
        if column in taken:
            where = document.at("columns", field if field in names else taken[column])
            both = f"'{taken[column]}' and '{field}'"
            raise DataError(f"{where}: {both} both read the column {quoted(column)}. Name another.")
        taken[column] = field
    return Columns.of(published.kind, names, judged=published.judged)


def _sizes(document: Document) -> dict[Split, int] | None:
    if "splits" not in document.value:
        return None
    _known(document, SPLITS, "splits")
    given = _mapping(document, "splits")
    sizes: dict[Split, int] = {}
    for split in SPLITS:
        value = given.get(split)
        if type(value) is not int or value < 1:
            what = f"'splits.{split}' is {described(value)}" if split in given else f"no key 'splits.{split}'"
            raise DataError(f"{document.at('splits', split)}: {what}. Write a number of rows, at least 1.")
        sizes[split] = value
    return sizes


_YAML = (".yaml", ".yml")


def data_task(path: str | Path) -> Task:
    """The task in a folder of the published layout, or in a .yaml or .yml file.

    Reads the YAML and the first row only. Raises `DataError` for a path that does not exist and for what
    `FolderTask` and `YamlTask` refuse; `UsageError` for a file of another kind.
    """
    path = Path(path)
    if missing(path):
        raise DataError(f"{shown(path)}: no such file or folder{near(path)}. Check the path.")
    if path.is_dir():
        return FolderTask(path)
    if path.is_symlink() and not path.exists():
        raise DataError(f"{shown(path)}: {absence(path)}")
    if path.suffix.lower() in _YAML:
        return YamlTask(path)
    what = "a task is a folder or a .yaml file"
    raise UsageError(f"{shown(path)}: {what}. Put `file: {path.name}` into a YAML and name that.")


def source_digest(task: Task) -> str | None:
    """sha256 (hex) over the bytes of a file task's files and its settings; None for other tasks.

    Equal digests mean equal prepared data under one limit, so that a cached run need not parse the files.
    Names of files and folders do not count. Raises `DataError` for a file that cannot be read.
    """
    if not isinstance(task, FileTask):
        return None
    sizes = dict(sorted(task.sizes.items())) if task.sizes is not None else None
    names = dict(sorted(task.columns.names.items()))
    files: list[tuple[str | None, str]] = []
    for split, path in task.files.items():
        with open_regular(path) as file:
            files.append((split, hashlib.file_digest(file, "sha256").hexdigest()))
    settings: list[Any] = ["w2s-harness/source/1", task.kind, names, task.columns.group, sizes, files]
    if task.columns.panel:
        settings.append(list(task.columns.panel))
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()
