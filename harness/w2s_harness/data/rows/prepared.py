"""A task's data, validated and split: what the host keeps of it, in memory and as bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec
import numpy as np

from w2s_harness.contract.errors import DataError
from w2s_harness.contract.kinds import KindName, kind_of, kind_of_row
from w2s_harness.contract.types import SPLITS, Split, Task
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.data.reading.file_task import FileTask
from w2s_harness.data.rows.checked import Located, check_examples, check_limit, check_splits, located
from w2s_harness.data.rows.gold import NO_VOTE, Gold, Votes, gold_of, label_of, table
from w2s_harness.data.rows.splitting import by_group, within_limit
from w2s_harness.data.rows.texts import TaskData, Texts, fixed

_Held: TypeAlias = tuple[Texts, Gold]
"""A split."""


def prepare(task: Task, *, limit: int | None) -> TaskData:
    """Load a task's examples, validate them, split them by question and cut every split to `limit` rows.

    The splits are the task's own; where it states none, whole questions go to train_label, train_unlabel
    and test in the order of a hash of their text (fractions .25, .25, .5, or a file task's sizes). The cut
    takes whole questions in the order of another hash, keeps both classes and restores file order; both
    depend on the questions alone. Raises `DataError`, one line with file and line where the task has them,
    for rows that break the task's kind, empty or one-class splits, and rows or questions in two splits;
    `UsageError` for a limit that is too small.
    """
    check_limit(limit)
    examples = check_examples(located(task), task)
    sizes = task.sizes if isinstance(task, FileTask) else None
    splits = by_group(examples, sizes, task.name)
    check_splits(splits, task)
    if limit is not None:
        splits = {split: within_limit(rows, limit, split, task.name) for split, rows in splits.items()}
    kind = kind_of_row(examples[0][1])
    return _with_digest(kind.name, {split: _held(splits[split]) for split in SPLITS})


def sizes(data: TaskData) -> dict[Split, dict[str, float]]:
    """The numbers of rows and questions of every split, and the share of its rows that are true."""
    return {
        split: {
            "rows": len(texts),
            "questions": len(set(texts.groups.tolist())),
            "true": round(float(gold_of(data, split).labels.mean()), 4),
        }
        for split, texts in data.texts.items()
    }


def _held(rows: Sequence[Located]) -> _Held:
    examples = [example for _, example in rows]
    codes: dict[str, int] = {}
    groups = [codes.setdefault(e.group, len(codes)) for e in examples]
    texts = Texts(
        rows=tuple(TextRow(e.prompt, e.candidate, e.first, e.second) for e in examples),
        groups=fixed(np.array(groups, dtype=np.int64)),
        subsets=tuple(e.subset for e in examples),
        answers=tuple(e.answer for e in examples),
    )
    labels = fixed(np.array([label_of(e) for e in examples], dtype=np.bool_))
    return texts, Gold(labels, table(examples))


def _with_digest(kind: KindName, splits: Mapping[Split, _Held]) -> TaskData:
    body = msgspec.msgpack.encode(_Digested("w2s-data/1", kind, *(_scored(*splits[s]) for s in SPLITS)))
    if splits["test"][1].votes is not None:
        body += msgspec.msgpack.encode([_voted(splits[s][1]) for s in SPLITS])
    answers = msgspec.msgpack.encode([splits[split][0].answers for split in SPLITS])
    return TaskData(
        kind,
        {split: texts for split, (texts, _) in splits.items()},
        {split: gold for split, (_, gold) in splits.items()},
        hashlib.sha256(body).hexdigest(),
        hashlib.sha256(answers).hexdigest(),
    )


# -- as bytes ---------------------------------------------------------------------------------------------


class _ScoredBytes(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    rows: tuple[TextRow, ...]
    labels: bytes
    """u1, 0 or 1."""
    groups: bytes
    """Little-endian i8."""
    subsets: tuple[str, ...]


class _Digested(msgspec.Struct, frozen=True, array_like=True):
    # Leaderboards name data by the digest of this form; another one would be other data to them.
    schema: Literal["w2s-data/1"]
    kind: KindName
    train_label: _ScoredBytes
    train_unlabel: _ScoredBytes
    test: _ScoredBytes


class _VoteBytes(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    values: bytes
    """(n, v) i1."""
    width: int
    voters: tuple[str, ...]


class _SplitBytes(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    scored: _ScoredBytes
    answers: tuple[str, ...]
    votes: _VoteBytes | None


class _TaskBytes(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    schema: Literal["w2s-data/3"]
    kind: KindName
    train_label: _SplitBytes
    train_unlabel: _SplitBytes
    test: _SplitBytes


def dump(data: TaskData) -> bytes:
    """`data` as canonical msgpack bytes: equal data give equal bytes."""
    held = ((data.texts[split], gold_of(data, split)) for split in SPLITS)
    parts = (_SplitBytes(_scored(texts, gold), texts.answers, _voted(gold)) for texts, gold in held)
    return msgspec.msgpack.encode(_TaskBytes("w2s-data/3", data.kind, *parts))


def parse(body: bytes) -> TaskData:
    """The data that `dump` wrote. Raises `DataError` for bytes that are not such a dump."""
    try:
        read = msgspec.msgpack.decode(body, type=_TaskBytes)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as bad:
        raise DataError(f"cached task data: not readable ({bad}). Remove it and run again.") from None
    splits = {split: _read(getattr(read, split), read.kind) for split in SPLITS}
    return _with_digest(read.kind, splits)


def _scored(texts: Texts, gold: Gold) -> _ScoredBytes:
    labels, groups = gold.labels.astype("u1").tobytes(), texts.groups.astype("<i8").tobytes()
    return _ScoredBytes(texts.rows, labels, groups, texts.subsets)


def _voted(gold: Gold) -> _VoteBytes | None:
    found = gold.votes
    return None if found is None else _VoteBytes(found.values.tobytes(), found.values.shape[1], found.voters)


def _votes(kept: _VoteBytes | None, n: int) -> Votes | None:
    if kept is None:
        return None
    values = np.frombuffer(kept.values, dtype=np.int8)
    if kept.width < 1 or values.size != n * kept.width or len(kept.voters) not in (0, kept.width):
        raise DataError("cached task data: votes and rows do not fit together. Remove it and run again.")
    values = values.reshape(n, kept.width).copy()
    if values.min() < NO_VOTE or values.max() > 1 or bool(np.any((values == NO_VOTE).all(axis=1))):
        raise DataError("cached task data: a vote is out of range. Remove it and run again.")
    return Votes(fixed(values), kept.voters)


def _read(whole_split: _SplitBytes, kind: KindName) -> _Held:
    split, answers = whole_split.scored, whole_split.answers
    n = len(split.rows)
    whole = len(split.labels) == n and len(split.groups) == 8 * n and len(split.subsets) == len(answers) == n
    fits = all(map(kind_of(kind).fits, split.rows))
    if not (n and whole and fits and max(split.labels) <= 1):
        raise DataError("cached task data: rows and labels do not fit together. Remove it and run again.")
    groups = np.frombuffer(split.groups, dtype="<i8").astype(np.int64)
    if groups.min() < 0 or groups.max() >= n:
        raise DataError("cached task data: a question's code is out of range. Remove it and run again.")
    labels = np.frombuffer(split.labels, dtype="u1").astype(np.bool_)
    texts = Texts(split.rows, fixed(groups), split.subsets, answers)
    return texts, Gold(fixed(labels), _votes(whole_split.votes, n))
