import pytest

from w2s_harness.report.notation import printable, ranks, share, signed, span


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.6971, 3, ".697"),
        (0.999, 3, ".999"),
        (1.0, 3, "1.000"),
        (-0.05, 2, "-.05"),
        (-0.001, 2, ".00"),
        (0.0, 2, ".00"),
        (-1.25, 2, "-1.25"),
        (10.5, 2, "10.50"),
        (None, 2, "-"),
    ],
)
def test_a_share(value, digits, text):
    assert share(value, digits) == text


@pytest.mark.parametrize(("value", "text"), [(0.23, "+.23"), (-0.23, "-.23"), (0.0, ".00"), (0.001, ".00")])
def test_a_signed_share(value, text):
    assert signed(value) == text


def test_bounds_and_ranks():
    assert (span((-0.1, 0.02)), span(None)) == ("-.10 to .02", "-")
    assert (ranks((1, 1)), ranks((2, 3)), ranks(None)) == ("1", "2-3", "")


def test_control_characters_are_shown_and_not_obeyed():
    assert printable("a\x1b[31m\nb\u202e\u2028é") == "a\\x1b[31m\\nb\\u202e\\u2028é"
