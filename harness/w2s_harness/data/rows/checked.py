"""What must hold of a task's rows before anything is trained on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from w2s_harness.contract.errors import DataError, HarnessError, TaskError, UsageError
from w2s_harness.contract.kinds import KINDS, RESPONSES, kind_of_row
from w2s_harness.contract.types import SPLITS, Example, Split, Task
from w2s_harness.data.disk import described, hint, quoted
from w2s_harness.data.reading.file_task import FileTask
from w2s_harness.data.rows.gold import label_of

MOST_ROWS = 10_000_000
"""Of a generated task."""
Located: TypeAlias = tuple[str, Example]
"""An example and where it stands: `file:line`, or `task math, row 17` for one that was generated."""


def located(task: Task) -> Iterator[Located]:
    """Every example of a task with where it stands. Raises what the task's `load` raises."""
    if isinstance(task, FileTask):
        yield from task.located()
        return
    yield from _generated(task)


def _generated(task: Task) -> Iterator[Located]:
    """Whatever the code of a task raises names the task: its author can mend it, and we cannot."""
    number = 0
    try:
        rows: Any = task.load()
        if not isinstance(rows, Iterable):
            raise TaskError(f"task {task.name}: load() returned {described(rows)}. Yield Examples.")
        for number, example in enumerate(rows, 1):
            if number > MOST_ROWS:
                raise TaskError(f"task {task.name}: load() yields over {MOST_ROWS:,} rows. Does it end?")
            yield f"task {task.name}, row {number}", example
    except HarnessError:
        raise
    except (Exception, SystemExit) as bad:
        after = f" after {number} rows" if number else ""
        raise TaskError(
            f"task {task.name}: load() raised {type(bad).__name__}{after}: {bad}. Mend the task, or leave "
            "it out."
        ) from bad


def check_limit(limit: int | None) -> None:
    """Raise `UsageError` for a limit that is no positive whole number."""
    if limit is not None and (type(limit) is not int or limit < 1):
        raise UsageError(
            f"--limit {described(limit)}: not a number of rows. Give a whole number, at least 1."
        )


def check_examples(rows: Iterable[Located], task: Task) -> list[Located]:
    """The rows, every one of them checked alone: types, kind, split, and text that UTF-8 can hold.

    Raises `DataError` that names the row, also where some rows state a split and others do not.
    """
    checked: list[Located] = []
    for at, example in rows:
        if not isinstance(example, Example):
            raise DataError(f"{at}: {described(example)} is no Example. Yield w2s_harness.Example.")
        _check_types(example, at)
        _check_gold(example, at, task.kind)
        _check_kind(example, at, kind_of_row(example).name if task.kind == "judged" else task.kind)
        if example.split not in (None, *SPLITS):
            near = hint(str(example.split), SPLITS)
            raise DataError(f"{at}: unknown split {described(example.split)}{near}. Use {', '.join(SPLITS)}.")
        if checked and (example.split is None) != (checked[0][1].split is None):
            raise DataError(
                f"{at}: states its split where others do not, or the reverse. Do one or the other."
            )
        if checked and task.kind == "judged":
            _check_alike(example, checked[0][1], at)
        checked.append((at, example))
    if not checked:
        raise DataError(f"task {task.name}: yields no row. Check its settings.")
    return checked


def check_splits(splits: Mapping[Split, Sequence[Located]], task: Task) -> None:
    """Raise `DataError` where a split is empty, of one class or of one question, or where two overlap.

    Also where two candidates of one question are both right and come to different answers.
    """
    _check_disjoint(splits)
    _check_answers(splits)
    for split in SPLITS:
        rows = splits[split]
        where = task.where(split) if isinstance(task, FileTask) else f"task {task.name}, split {split}"
        if not rows:
            raise DataError(f"{where}: holds no row. Every split needs rows of both classes.")
        labels = {label_of(example) for _, example in rows}
        if len(labels) == 1:
            only = described(label_of(rows[0][1]))
            if task.kind == "judged":
                what = f"most votes on every row are {int(label_of(rows[0][1]))}"
                raise DataError(f"{where}: {what}. Every split needs rows of both majorities.")
            raise DataError(f"{where}: every label is {only}. Every split needs rows of both classes.")
        if len({example.group for _, example in rows}) == 1:
            raise DataError(f"{where}: all rows belong to one question. Every split needs at least two.")


def _check_types(example: Example, at: str) -> None:
    for field in ("prompt", "group", "subset", "answer", *RESPONSES):
        value = getattr(example, field)
        optional = field in RESPONSES
        if not (isinstance(value, str) or (optional and value is None)):
            raise DataError(f"{at}: {field} is {described(value)}. It must be a text.")
        if value and not value.isascii():
            try:
                value.encode("utf-8")
            except UnicodeEncodeError:
                raise DataError(
                    f"{at}: {field} holds half of a surrogate pair. Write the character."
                ) from None


def _check_gold(example: Example, at: str, kind: str) -> None:
    if kind == "judged":
        _check_votes(example, at)
        return
    if type(example.label) is not bool:
        raise DataError(f"{at}: label is {described(example.label)}. It must be True or False.")
    if example.votes is not None or example.voters is not None:
        raise DataError(f"{at}: votes in a {kind} task. Remove them, or make the task's kind judged.")


def _check_votes(example: Example, at: str) -> None:
    """Raise `DataError` where an example of a judged task has a label, no votes, or odd ones."""
    votes: Any = example.votes
    voters: Any = example.voters
    if example.label is not None:
        raise DataError(f"{at}: has a label beside its votes. The votes are the gold; remove the label.")
    if votes is None:
        raise DataError(f"{at}: no votes. Every row of a judged task needs them.")
    if not isinstance(votes, tuple) or any(v is not None and type(v) is not int for v in votes):
        raise DataError(f"{at}: votes are {described(votes)}. Give a tuple of 0, 1 and None.")
    if any(v not in (0, 1, None) for v in votes):
        raise DataError(f"{at}: a vote is neither 0 nor 1. Write 0 or 1.")
    if all(v is None for v in votes):
        what = "holds no vote" if votes else "votes are empty"
        raise DataError(f"{at}: {what}. Give every row at least one vote, or leave the row out.")
    if voters is None:
        if None in votes:
            what = "a vote is null and nobody knows whose it would have been"
            raise DataError(f"{at}: {what}. Name the voters, or leave the missing vote out.")
        return
    if not isinstance(voters, tuple) or not all(isinstance(name, str) and name for name in voters):
        raise DataError(f"{at}: voters are {described(voters)}. Give a tuple of names.")
    if len(voters) != len(votes):
        what = f"{len(votes)} votes and {len(voters)} voters"
        raise DataError(f"{at}: {what}. Write one vote for each voter, null for who did not vote.")
    twice = next((name for i, name in enumerate(voters) if name in voters[:i]), None)
    if twice is not None:
        raise DataError(f"{at}: the voter {quoted(twice)} votes twice. Keep one vote.")


def _check_alike(example: Example, first: Example, at: str) -> None:
    """Whether a judged row is of the kind of the first one, and as silent of its voters."""
    kind = kind_of_row(example)
    if kind != kind_of_row(first):
        raise DataError(f"{at}: a {kind.name} row where the first is none. Keep to one kind of row.")
    if (example.voters is None) != (first.voters is None):
        raise DataError(f"{at}: names its voters where others do not, or the reverse. Do one or the other.")


def _check_kind(example: Example, at: str, kind: str) -> None:
    rows = next((known for known in KINDS if known.name == kind), None)
    if rows is None:
        names = ", ".join(known.name for known in KINDS)
        raise DataError(f"{at}: the task's kind is {quoted(str(kind))}. Use {names} or judged.")
    if not rows.fits(example):
        *most, last = ("prompt", *rows.columns)
        raise DataError(f"{at}: not a row of a {kind} task. Give {', '.join(most)} and {last} only.")
    if example.answer and (not rows.can_be_true or example.votes is not None):
        what = "judged" if rows.can_be_true else kind
        raise DataError(f"{at}: an answer is what one candidate comes to. Leave it out of a {what} task.")


def _check_disjoint(splits: Mapping[Split, Sequence[Located]]) -> None:
    rows: dict[tuple[str | None, ...], tuple[Split, str]] = {}
    groups: dict[str, tuple[Split, str]] = {}
    for split in SPLITS:
        for at, e in splits[split]:
            kind = kind_of_row(e)
            said = kind.responses(e)
            # a preference with its responses exchanged is the same row
            same = sorted(said, key=str) if kind.is_paired else said
            there, other = rows.setdefault((e.prompt, *same), (split, at))
            if there != split:
                raise DataError(f"{at}: the same row stands in {there} ({other}). Remove one of the two.")
            there, other = groups.setdefault(e.group, (split, at))
            if there != split:
                what = f"its question stands in {there} too ({other})"
                raise DataError(f"{at}: {what}. Keep all rows of a question in one split.")


def _check_answers(splits: Mapping[Split, Sequence[Located]]) -> None:
    right: dict[str, tuple[str, str]] = {}
    for at, e in (row for split in SPLITS for row in splits[split]):
        if label_of(e) and e.answer:
            answer, other = right.setdefault(e.group, (e.answer, at))
            if answer != e.answer:
                two = f"{quoted(e.answer)} and {quoted(answer)} ({other})"
                what = f"the answers {two} to one question are both right"
                raise DataError(f"{at}: {what}. Write them alike, or leave answers out.")
