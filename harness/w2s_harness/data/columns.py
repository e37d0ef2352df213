"""Which column of a data file holds what, and how one row of it becomes an `Example`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from w2s_harness.data.wording import described, hint
from w2s_harness.errors import DataError
from w2s_harness.types import Example, Kind, Split

PUBLISHED: Mapping[Kind, Mapping[str, str]] = MappingProxyType(
    {
        "verify": MappingProxyType({"prompt": "question", "candidate": "choice", "label": "label"}),
        "preference": MappingProxyType(
            {"prompt": "prompt", "first": "first", "second": "second", "label": "label"}
        ),
    }
)
"""Column of each field in the published layout."""

GROUP_COLUMNS = ("group", "question_id")
"""Columns that say which question a row belongs to, where a file has one; the first found counts."""

_PREFERENCE = {"A": True, "first": True, "B": False, "second": False}


def kind_of(row: Mapping[str, Any], at: str) -> Kind:
    """The kind of task that a row of the published layout belongs to, by its columns.

    Raises `DataError` at `at` where the columns fit neither kind, or both.
    """
    texts = {kind: [c for f, c in names.items() if f != "label"] for kind, names in PUBLISHED.items()}
    found = {kind: sum(c in row for c in columns) / len(columns) for kind, columns in texts.items()}
    if found["verify"] == found["preference"]:
        which = "both" if found["verify"] == 1 else "neither"
        raise DataError(
            f"{at}: the columns fit {which} of the two layouts. "
            "Write question, choice, label or prompt, first, second, label."
        )
    return "verify" if found["verify"] > found["preference"] else "preference"


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that a task's files use."""

    kind: Kind
    names: Mapping[str, str]
    """Column of each field: prompt, candidate | first, second, label; subset and answer too where they were
    renamed."""
    group: str | None = None
    """The column that holds the question's id; without one the prompt's text is the question."""

    @classmethod
    def of(cls, kind: Kind, renamed: Mapping[str, str] | None = None) -> Columns:
        """The published columns of `kind`, with the fields in `renamed` read from other columns."""
        given = dict(renamed or {})
        group = given.pop("group", None)
        return cls(kind, {**PUBLISHED[kind], **given}, group)

    def settled(self, row: Mapping[str, Any]) -> Columns:
        """These columns with the group column fixed by the first row of the task."""
        if self.group is not None:
            return self
        group = next((c for c in GROUP_COLUMNS if c in row), None)
        return Columns(self.kind, self.names, group)

    def example(self, row: Mapping[str, Any], at: str, split: Split | None) -> Example:
        """The example in one row that stands at `at`.

        Raises `DataError` for a missing or mistyped column and for a label outside its domain.
        """
        missing = [c for c in self.names.values() if c not in row]
        if missing:
            raise DataError(self._missing(missing[0], row, at))
        texts = {f: _text(row, c, at) for f, c in self.names.items() if f not in ("label", "answer")}
        if "subset" not in self.names and "subset" in row:
            texts["subset"] = _text(row, "subset", at)
        return Example(
            prompt=texts["prompt"],
            candidate=texts.get("candidate"),
            first=texts.get("first"),
            second=texts.get("second"),
            subset=texts.get("subset", ""),
            answer=self._answer(row, at),
            label=self._label(row[self.names["label"]], at),
            group=self._group(row, texts["prompt"], at),
            split=split,
        )

    def _missing(self, column: str, row: Mapping[str, Any], at: str) -> str:
        near = hint(column, row)
        every = ", ".join(self.names.values())
        return f"{at}: no column '{column}'{near}. Every {self.kind} row of this task has {every}."

    def _label(self, value: object, at: str) -> bool:
        if self.kind == "verify" and isinstance(value, bool):
            return value
        # 1.0 == 1 and True == 1, so the type is asked for as well
        if type(value) is int and value in (0, 1):
            return bool(value)
        if self.kind == "preference" and isinstance(value, str) and value in _PREFERENCE:
            return _PREFERENCE[value]
        allowed = (
            "true, false, 0 or 1"
            if self.kind == "verify"
            else '"A" or "first" or 1 (the first is better), or "B" or "second" or 0'
        )
        column = self.names["label"]
        raise DataError(f"{at}: column '{column}' holds {described(value)}. Write {allowed}.")

    def _answer(self, row: Mapping[str, Any], at: str) -> str:
        column = self.names.get("answer", "answer")
        is_other = "answer" not in self.names and column in (*self.names.values(), self.group)
        value = None if self.kind == "preference" or is_other else row.get(column)
        if value is None:
            return ""
        if isinstance(value, str) or type(value) is int:
            return str(value).strip()
        what = f"column '{column}' holds {described(value)}"
        raise DataError(f"{at}: {what}. Write a text, a whole number or null.")

    def _group(self, row: Mapping[str, Any], prompt: str, at: str) -> str:
        if self.group is None:
            late = next((c for c in GROUP_COLUMNS if c in row), None)
            if late is not None:
                raise DataError(f"{at}: has a column '{late}' that the first row lacks. Give every row one.")
            return prompt
        if self.group not in row:
            near = hint(self.group, row)
            raise DataError(f"{at}: no column '{self.group}'{near}. Every row needs its question's id.")
        value = row[self.group]
        if isinstance(value, str) or type(value) is int:
            return str(value)
        what = f"column '{self.group}' holds {described(value)}"
        raise DataError(f"{at}: {what}. Write a text or a whole number.")


def _text(row: Mapping[str, Any], column: str, at: str) -> str:
    value = row[column]
    if not isinstance(value, str):
        raise DataError(f"{at}: column '{column}' holds {described(value)}. Write a text.")
    return value
