"""Which column of a data file holds what, and how one row of it becomes an `Example`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from w2s_harness.contract.errors import DataError
from w2s_harness.contract.kinds import KINDS, Kind
from w2s_harness.contract.types import Example, Split
from w2s_harness.data.disk import described, hint

GROUP_COLUMNS = ("group", "question_id")
"""Columns that say which question a row belongs to, where a file has one; the first found counts."""

VOTES, VOTERS = "votes", "voters"
"""Columns of a judged task in the published layout: a row's votes, and who gave them."""

_NO_TEXT = ("label", "answer", VOTES, VOTERS)


def kind_of_columns(row: Mapping[str, Any], at: str) -> Kind:
    """The kind of task that a row of the published layout belongs to, by its columns.

    Raises `DataError` at `at` where the columns fit no kind, or several.
    """
    texts = {kind: [column for field, column in kind.published if field != "label"] for kind in KINDS}
    found = {kind: sum(c in row for c in columns) / len(columns) for kind, columns in texts.items()}
    most = max(found.values())
    best = [kind for kind in KINDS if found[kind] == most]
    if len(best) > 1:
        layouts = " or ".join(", ".join(column for _, column in kind.published) for kind in KINDS)
        which = "both" if most == 1 else "neither"
        raise DataError(f"{at}: the columns fit {which} of the two layouts. Write {layouts}.")
    return best[0]


def judged_kind(row: Mapping[str, Any], renamed: Iterable[str], at: str) -> Kind:
    """The kind of the texts of a judged task, by the fields that are renamed, or else by its first row.

    Raises `DataError` at `at` where they fit no kind, or several.
    """
    given = set(renamed)
    named = [kind for kind in KINDS if given.intersection(kind.columns)]
    if len(named) == 1:
        return named[0]
    # a prompt under another name says nothing of the kind
    prompts = (column for kind in KINDS for field, column in kind.published if field == "prompt")
    return kind_of_columns({**row, **dict.fromkeys(prompts if "prompt" in given else ())}, at)


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that a task's files use."""

    kind: Kind
    names: Mapping[str, str]
    """Column of each field: prompt, candidate | first, second, label | votes; subset, answer and voters too
    where they were renamed."""
    group: str | None = None
    """The column that holds the question's id; without one the prompt's text is the question."""
    panel: tuple[str, ...] = ()
    """The voters of every row of a judged task, in the order of its votes, where the task names them."""

    @classmethod
    def of(cls, kind: Kind, renamed: Mapping[str, str] | None = None, *, judged: bool = False) -> Columns:
        """The published columns of `kind`, with the fields in `renamed` read from other columns.

        :param judged: rows have votes in the place of a label.
        """
        given = dict(renamed or {})
        group = given.pop("group", None)
        published = {field: c for field, c in kind.published if not (judged and field == "label")}
        return cls(kind, {**published, **({VOTES: VOTES} if judged else {}), **given}, group)

    @property
    def judged(self) -> bool:
        """Whether rows have votes in the place of a label."""
        return VOTES in self.names

    def settled(self, row: Mapping[str, Any]) -> Columns:
        """These columns with the group column fixed by the first row of the task."""
        if self.group is not None:
            return self
        group = next((c for c in GROUP_COLUMNS if c in row), None)
        return replace(self, group=group)

    def example(self, row: Mapping[str, Any], at: str, split: Split | None) -> Example:
        """The example in one row that stands at `at`.

        Raises `DataError` for a missing or mistyped column and for a label outside its domain.
        """
        missing = [c for c in self.names.values() if c not in row]
        if missing:
            raise DataError(self._missing(missing[0], row, at))
        texts = {f: _text(row, c, at) for f, c in self.names.items() if f not in _NO_TEXT}
        if "subset" not in self.names and "subset" in row:
            texts["subset"] = _text(row, "subset", at)
        return Example(
            prompt=texts["prompt"],
            **{column: texts.get(column) for column in self.kind.columns},
            subset=texts.get("subset", ""),
            answer=self._answer(row, at),
            label=None if self.judged else self._label(row[self.names["label"]], at),
            votes=self._votes(row, at) if self.judged else None,
            voters=self._voters(row, at) if self.judged else None,
            group=self._group(row, texts["prompt"], at),
            split=split,
        )

    def _missing(self, column: str, row: Mapping[str, Any], at: str) -> str:
        near = hint(column, row)
        if column == self.names.get(VOTES):
            mend = "Give it votes, such as [1, 0, 1], or make the task's kind verify or preference"
            raise DataError(f"{at}: no column '{column}'{near}. Every row of a judged task has them. {mend}.")
        every = ", ".join(self.names.values())
        return f"{at}: no column '{column}'{near}. Every {self.kind.name} row of this task has {every}."

    def _label(self, value: object, at: str) -> bool:
        # 1.0 == 1 and True == 1, so the type is asked for as well
        if type(value) is int and value in (0, 1):
            return bool(value)
        words = dict(self.kind.label_words)
        if isinstance(value, bool | str) and value in words:
            return words[value]
        column, allowed = self.names["label"], self.kind.label_forms
        raise DataError(f"{at}: column '{column}' holds {described(value)}. Write {allowed}.")

    def _votes(self, row: Mapping[str, Any], at: str) -> tuple[int | None, ...]:
        column = self.names[VOTES]
        if "label" in row and "label" not in (*self.names.values(), self.group):
            what = f"a label stands beside column '{column}'"
            raise DataError(f"{at}: {what}. The votes are a judged row's gold; remove the label.")
        value = row[column]
        if not isinstance(value, list):
            what = f"column '{column}' holds {described(value)}"
            raise DataError(f"{at}: {what}. Write a list of votes: [1, 0, 1].")
        for number, vote in enumerate(value, 1):
            # 1.0 == 1 and True == 1, so the type is asked for as well
            if vote is not None and (type(vote) is not int or vote not in (0, 1)):
                what = f"vote {number} of column '{column}' is {described(vote)}"
                raise DataError(f"{at}: {what}. Write 0 or 1, or null for a named voter who did not vote.")
        return tuple(value)

    def _voters(self, row: Mapping[str, Any], at: str) -> tuple[str, ...] | None:
        column = self.names.get(VOTERS, VOTERS)
        if column not in row:
            return self.panel or None
        if self.panel:
            raise DataError(
                f"{at}: column '{column}' where the task names its voters. Remove one of the two."
            )
        value, what = row[column], "a name that is no text"
        if not isinstance(value, list):
            what = described(value)
        elif all(isinstance(name, str) and name for name in value):
            return tuple(value)
        mend = 'Write the name of each vote\'s voter: ["ann", "bo"].'
        raise DataError(f"{at}: column '{column}' holds {what}. {mend}")

    def _answer(self, row: Mapping[str, Any], at: str) -> str:
        column = self.names.get("answer", "answer")
        is_other = "answer" not in self.names and column in (*self.names.values(), self.group)
        value = None if not self.kind.can_be_true or self.judged or is_other else row.get(column)
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
