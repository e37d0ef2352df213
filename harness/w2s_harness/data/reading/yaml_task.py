"""Tasks described by a YAML file that names data files, columns and split sizes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, get_args

from w2s_harness.contract.errors import DataError
from w2s_harness.contract.kinds import KINDS, kind_of
from w2s_harness.contract.types import SPLITS, Exposure, Split, TaskKind
from w2s_harness.data.disk import shown
from w2s_harness.data.reading.columns import VOTERS, Columns, judged_kind
from w2s_harness.data.reading.file_task import FileTask, missing, task_name, three_files
from w2s_harness.data.reading.jsonl import first_row
from w2s_harness.data.reading.quoting import described, hint, quoted
from w2s_harness.data.reading.yaml_file import Document, read_yaml

_SOURCES = ("folder", "files", "file")
_KEYS = (
    "name",
    "kind",
    *_SOURCES,
    "splits",
    "columns",
    "voters",
    "exposure",
    "guards",
    "holds_code",
    "share_true",
)
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
        exposure = _choice(document, "exposure", _EXPOSURES, default="public")
        files = _files(document)
        settings: dict[str, Any] = {
            "path": path,
            "name": name,
            "kind": kind,
            "exposure": exposure,
            "files": files,
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
    for one in allowed:
        if value == one:
            return one
    near = hint(value, allowed)
    raise DataError(
        f"{document.at(key)}: {key} {quoted(value)} is unknown{near}. Write {' or '.join(allowed)}."
    )


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
