"""Whether code is the harness's own is read off its record."""

import pytest

from w2s_harness.report.records import SourceRecord


@pytest.mark.parametrize(
    ("distribution", "shipped"), [("w2s-harness", True), ("other", False), (None, False)]
)
def test_code_is_shipped_only_by_the_package_itself(distribution, shipped):
    found = SourceRecord(distribution=distribution, version=None, sha256=None, editable=False)
    assert found.is_shipped is shipped
