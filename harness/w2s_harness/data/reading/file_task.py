"""Tasks that read their rows from files; the published layout is a folder of three."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from w2s_harness.contract.errors import DataError
from w2s_harness.contract.types import SPLITS, Example, Split, Task
from w2s_harness.data.disk import shown
from w2s_harness.data.reading.columns import VOTES, Columns, kind_of_columns
from w2s_harness.data.reading.jsonl import first_row, no_row, read_numbered
from w2s_harness.data.reading.quoting import hint, quoted

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
    found: dict[Split | None, Path] = {}
    for split in SPLITS:
        path = folder / f"{split}.jsonl"
        if missing(path):
            needs = "train_label.jsonl, train_unlabel.jsonl and test.jsonl"
            raise DataError(f"{shown(path)}: no such file{near(path)}. A task folder holds {needs}.")
        found[split] = path
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
