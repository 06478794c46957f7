"""Units of one kind convert into each other, whatever a target file calls them."""

import pytest

from perflab.errors import NotComparable
from perflab.units import canonical, convert, interval_text


@pytest.mark.parametrize(
    ("value", "unit", "wanted", "expected"),
    [
        (50.0, "sessions", "users", 50.0),
        (50.0, "users", "connections", 50.0),
        (600.0, "requests/min", "messages/s", 10.0),
        (600.0, "requests/min", "messages/min", 600.0),
        (600.0, "requests/min", "turns/min", 600.0),
        (600.0, "requests/min", "rps", 10.0),
    ],
)
def test_what_is_answered_and_who_is_served_are_one_kind_each(value, unit, wanted, expected):
    assert convert(value, unit, wanted) == pytest.approx(expected)
    assert convert(expected, wanted, unit) == pytest.approx(value)


def test_users_are_no_rate_and_keep_their_name():
    with pytest.raises(NotComparable, match="sessions cannot be compared with one in rps"):
        convert(1.0, "sessions", "rps")
    assert canonical(500.0, "connections") == (500.0, "users")
    assert interval_text(100, 100, 100, "sessions") == "100 sessions"  # known, not estimated: told once
