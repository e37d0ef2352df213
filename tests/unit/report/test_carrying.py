"""Code of others on public labels might carry them; nothing else might."""

import msgspec
import pytest

from w2s_harness.report.carrying import could_carry


@pytest.mark.parametrize(
    ("distribution", "exposure", "carries"),
    [
        (None, "public", True),
        ("other", "public", True),
        ("w2s-harness", "public", False),
        (None, "fresh", False),
        ("other", "private", False),
    ],
)
def test_only_foreign_code_on_public_labels_could_carry_them(board, distribution, exposure, carries):
    row = board.rows[0]
    source = msgspec.structs.replace(row.source, distribution=distribution)
    why = could_carry(msgspec.structs.replace(row, source=source, exposure=exposure))
    assert bool(why) is carries
    assert not why or "--fresh" in why
