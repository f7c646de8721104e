import math

import pytest

from benchmarks import delays
from benchmarks.delays import Look, Tick

LOOKS = [Look(101.0, (1, 0), 0.0), Look(102.0, (3, 0), 100.0), Look(103.0, (3, 2), 110.0)]


def test_an_event_is_counted_when_the_counter_of_its_partition_has_reached_it() -> None:
    ticks = [Tick(100.0, 100.1, (1, 2)), Tick(100.5, 100.6, (2, 0))]
    assert delays.counter_delays(ticks, LOOKS, (0, 0)) == [(1.0, 1), (1.5, 2), (3.0, 2)]


def test_what_was_counted_before_is_not_taken_for_an_event() -> None:
    assert delays.counter_delays([Tick(100.0, 100.1, (1, 0))], LOOKS, (2, 0)) == [(2.0, 1)]


def test_an_event_that_is_never_counted_took_for_ever() -> None:
    [(delay, n)] = delays.counter_delays([Tick(100.0, 100.1, (0, 3))], LOOKS, (0, 0))
    assert (delay, n) == (math.inf, 3)
    assert delays.unseen([(delay, n), (1.0, 5)]) == 3


def test_an_event_is_closed_when_its_window_is_scored() -> None:
    ticks = [Tick(92.0, 92.1, (1, 1)), Tick(109.0, 109.1, (0, 4)), Tick(111.0, 111.1, (9, 0))]
    looks = [*LOOKS, Look(117.0, (3, 2), 110.0)]
    assert delays.closed_delays(ticks, looks) == [(10.0, 2), (-6.0, 4), (math.inf, 9)]


def test_each_window_counts_once_whatever_it_holds() -> None:
    ticks = [Tick(92.0, 92.1, (1,)), Tick(93.0, 93.1, (70,)), Tick(101.0, 101.1, (1,))]
    assert delays.delays_of_windows(ticks, [Look(106.0, (72,), 100.0), Look(117.5, (72,), 110.0)]) == [
        (6.0, 1),
        (7.5, 1),
    ]


def test_only_whole_windows_are_measured() -> None:
    ticks = [Tick(at, at, (1,)) for at in (95.0, 101.0, 109.9, 110.0, 119.9)]
    assert [tick.made for tick in delays.in_whole_windows(ticks, 119.9)] == [101.0, 109.9]
    assert [tick.made for tick in delays.in_whole_windows(ticks, 120.0)] == [101.0, 109.9, 110.0, 119.9]
    assert delays.in_whole_windows([], 120.0) == []


def test_a_quantile_weighs_by_events() -> None:
    found = [(5.0, 1), (1.0, 98), (3.0, 1)]
    assert [delays.quantile(found, share) for share in (0.5, 0.98, 0.99, 1.0)] == [1.0, 1.0, 3.0, 5.0]


def test_a_quantile_that_was_not_seen_is_unknown_and_not_small() -> None:
    assert delays.quantile([(1.0, 98), (math.inf, 2)], 0.99) is None
    assert delays.quantile([(1.0, 98), (math.inf, 2)], 0.5) == 1.0
    assert delays.quantile([], 0.5) is None


def test_rate_is_between_the_first_and_the_last_look() -> None:
    assert delays.rate(LOOKS) == 2.0
    with pytest.raises(ValueError, match="two looks"):
        delays.rate(LOOKS[:1])


def test_sent_is_what_was_acknowledged() -> None:
    assert delays.sent_by([Tick(1.0, 2.0, (3, 4)), Tick(1.5, 2.5, (1, 1))], 2.0) == 7
