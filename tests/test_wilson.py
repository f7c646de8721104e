"""The interval of a share."""

import pytest

from monitor.incidents import wilson


@pytest.mark.parametrize("evaluated", [1, 7, 49, 1000, 123_457])
def test_it_begins_at_0_where_nothing_is_bad_and_ends_at_1_where_all_is(evaluated: int) -> None:
    low, high = wilson(0, evaluated)
    assert low == 0.0
    assert 0.0 < high < 1.0
    low, high = wilson(evaluated, evaluated)
    assert 0.0 < low < 1.0
    assert high == 1.0


def test_it_is_everything_where_nothing_was_evaluated() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


def test_it_holds_the_share_and_narrows() -> None:
    wide, narrow = wilson(1, 10), wilson(100, 1000)
    assert wide[0] < narrow[0] < 0.1 < narrow[1] < wide[1]
