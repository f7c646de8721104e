"""What opens and ends when one baseline follows another: as in a worker."""

import numpy as np

from detectors.backtest import Run
from detectors.baseline import cold, decided
from detectors.knowledge import Knowledge
from detectors.rolling import Leg
from detectors.rows import EVIDENCE, OPEN, SHARES, STATE
from monitor.backtest.incidents import Incident, Story, size_at, story
from monitor.backtest.legs import Memory


def leg(opened: list[int], closed: list[int], ends_open: bool, windows: int = 10) -> Leg:
    state = np.zeros(STATE)
    state[OPEN] = float(ends_open)
    path = np.arange(windows, dtype=np.float64)
    up = np.ones(len(opened), dtype=np.bool_)
    run = Run(
        path, np.full(windows, 0.1), np.array(opened, dtype=np.int64), np.array(closed, dtype=np.int64), up, state
    )
    return Leg(0, 0, Knowledge(decided(cold(0, 10), 12.0, False)), run)


def open_state(_: Leg) -> np.ndarray:
    state = np.zeros(STATE)
    state[[OPEN, EVIDENCE]] = 1.0, 17.0
    state[SHARES] = 1.0
    return state


def told(*legs: Leg, begin: int = -1) -> list[Incident]:
    return story(10 * len(legs), [(10 * i, one) for i, one in enumerate(legs)], begin, open_state).incidents


def test_an_incident_that_both_baselines_see_goes_on() -> None:
    assert told(leg([4], [], True), leg([], [3], False)) == [Incident(4, True, 4.0, closed=13)]


def test_an_incident_that_the_new_baseline_does_not_see_ends_with_the_old() -> None:
    assert told(leg([4], [], True), leg([], [], False)) == [Incident(4, True, 4.0, closed=9)]


def test_an_incident_that_only_the_new_baseline_sees_opens_with_it() -> None:
    assert told(leg([], [], False), leg([], [], True)) == [Incident(10, True, 17.0, taken_up=True)]
    assert told(leg([], [], False), leg([6], [2, 8], False)) == [
        Incident(10, True, 17.0, taken_up=True, closed=12),
        Incident(16, True, 6.0, closed=18),
    ]


def test_an_incident_ends_where_no_baseline_follows() -> None:
    [found] = story(40, [(0, leg([4], [], True)), (30, leg([], [], False))], -1, open_state).incidents
    assert found.closed == 9
    [last] = story(40, [(0, leg([4], [], True))], -1, open_state).incidents
    assert last.closed == 9


def test_what_was_open_when_the_watching_began_is_not_new() -> None:
    assert told(leg([], [], True), begin=0) == []
    assert told(leg([5], [2], True), begin=0) == [Incident(5, True, 5.0)]


def remembered(first: int, end: int) -> Memory:
    size = end - first
    return Memory(first, np.full(size, 50.0), np.full(size, 25.0), np.full(size, 0.1))


def test_an_onset_lies_after_the_incident_before_and_where_something_is_remembered() -> None:
    whole = Story(np.full(100, 0.1), np.where(np.arange(100) < 59, 0.4, 1.0), [])
    one = Incident(60, True, 12.0)
    assert size_at(one, 0, whole, remembered(20, 61), 10).first == 20
    assert size_at(one, 40, whole, remembered(20, 61), 10).first == 40
    found = size_at(one, 40, whole, remembered(20, 61), 10)
    assert (found.evaluated, found.bad) == (21 * 50, 21 * 25)


def test_an_incident_that_a_new_baseline_finds_is_measured_before_the_first_window_scored_by_it() -> None:
    whole = Story(np.full(100, 0.1), np.full(100, 0.4), [])
    found = size_at(Incident(60, True, 12.0, taken_up=True), 40, whole, remembered(20, 60), 10)
    assert (found.first, found.evaluated, found.bad) == (40, 20 * 50, 20 * 25)


def test_an_onset_is_looked_for_within_an_hour_and_longer_where_evidence_grew_longer() -> None:
    one = Incident(999, True, 12.0)
    for seconds, rising, first in ((10, 10, 640), (10, 180, 640), (10, 300, 400), (3600, 5, 976), (3600, 20, 960)):
        raised = np.where(np.arange(1000) < 999 - rising + 1, 0.5, 0.8)
        whole = Story(np.full(1000, 0.1), raised, [])
        assert size_at(one, 0, whole, remembered(0, 1000), seconds).first == first
