"""Whether a method ships more data than code needs: numbers, long literals, files too large to be read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

MOST_NUMBERS = 2000
"""Numbers in one text file. The shipped methods have under 40 each; a table of one number for each of the
1000 training rows of a shipped task, with its key, has 2000."""
MOST_UNBROKEN = 4000
"""Characters of one file in runs of `_RUN` or more without a space or a quote: base64, hex, packed bytes.
Code formatted to any line length has next to none."""
MOST_CODE_KIB = 256
"""KiB of one `.py` file."""
MOST_DATA_KIB = 64
"""KiB of one other file. READMEs and licences have under 40."""
MOST_TOTAL_KIB = 1024
"""KiB of all files together."""
_RUN = 80
_UNBROKEN = re.compile(rb"""[^\s"']{%d,}""" % _RUN)
_NUMBER = re.compile(rb"(?<![\w.])[-+]?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)(?![\w])")
_LISTS = (".dist-info/RECORD", ".dist-info/METADATA", ".lock")
"""Files that packaging writes, which hold digests and links of their own."""


@dataclass(frozen=True, slots=True)
class Big:
    """The file that stands out, and why."""

    file: str
    why: str
    """The rest of a sentence that starts with the file's name."""


def biggest(
    files: Mapping[str, bytes], *, data_kib: float = MOST_DATA_KIB, total_kib: float = MOST_TOTAL_KIB
) -> Big | None:
    """The first file, by name, that holds more data than an ordinary method's does, or `None`.

    :param files: content by name. :param data_kib: KiB allowed of a file that is not code.
    :param total_kib: KiB allowed of all files together.
    """
    for name in sorted(files):
        why = _why(name, files[name], data_kib)
        if why:
            return Big(name, why)
    total = sum(map(len, files.values())) / 1024
    if total > total_kib:
        largest = max(sorted(files), key=lambda name: len(files[name]))
        return Big(largest, f"is the largest of files of {total:.0f} KiB in all; {total_kib:.0f} are usual")
    return None


def _why(name: str, data: bytes, data_kib: float) -> str:
    limit = MOST_CODE_KIB if name.endswith(".py") else data_kib
    if len(data) > 1024 * limit:
        return f"has {len(data) / 1024:.0f} KiB; {limit:.0f} are usual"
    if name.endswith(_LISTS):
        return ""
    # An array of 4 to 8 bytes a number.
    if b"\0" in data and len(data) > 4 * MOST_NUMBERS and not _is_wide_text(data):
        return f"holds {len(data) / 1024:.0f} KiB that are no text"
    numbers = len(_NUMBER.findall(data))
    if numbers >= MOST_NUMBERS:
        return f"holds {numbers} numbers"
    unbroken = sum(map(len, _UNBROKEN.findall(data)))
    if unbroken >= MOST_UNBROKEN:
        return f"holds {unbroken} characters of packed data"
    return ""


def _is_wide_text(data: bytes) -> bool:
    return data[:2] in (b"\xff\xfe", b"\xfe\xff")
