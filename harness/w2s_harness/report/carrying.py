"""Whether a row's method could have carried the labels that it is scored by."""

from __future__ import annotations

from w2s_harness.report.document import Row


def could_carry(row: Row) -> str:
    """Why the row's code may know the labels, in one line; an empty string where it cannot.

    Code that w2s-harness does not ship was written by somebody who may have seen published labels, and a
    label is one bit: no search of its files rules that out. Fresh and private labels it cannot have.
    """
    if row.exposure != "public" or row.source.is_shipped:
        return ""
    return "labels are public and the code is not w2s-harness's, so a claim needs --fresh or private labels"
