import numpy as np
import pytest

from detectors.backtest import run
from detectors.knowledge import Knowledge
from detectors.learning import learn
from detectors.rolling import Columns, lived, roll
from detectors.schedule import HISTORY, LAG, is_moment, learned_at
from tests.detectors.streams import DAY, START, changed, stream

BUDGET = 60_480.0
SIZE = 2 * DAY + 4000
SPIKE = 2 * DAY + 3000


@pytest.fixture(name="columns", scope="module")
def _columns() -> Columns:
    streams = [
        stream(71, SIZE, factor=changed(SIZE, SPIKE, SPIKE + 300, 4.0)),
        stream(72, SIZE, wander=0.2),
        stream(73, SIZE, rate=0.0),
    ]
    evaluated = np.array([one.evaluated for one in streams], dtype=np.float64)
    return Columns(START, 10, evaluated, np.array([one.bad for one in streams], dtype=np.float64))


def later(columns: Columns, windows: int) -> int:
    return columns.start + windows * columns.seconds


def test_nothing_is_said_before_the_first_baseline_and_every_window_after_it_is_scored_once(columns: Columns) -> None:
    legs = [leg for leg in roll("chat", columns, columns.start, BUDGET) if leg.series == 0]
    assert 3600 + LAG <= legs[0].start - columns.start <= 3600 + 900 + LAG
    ends = [leg.start + 10 * len(leg.run.log_e) for leg in legs]
    assert [leg.start for leg in legs[1:]] == ends[:-1]
    assert ends[-1] == columns.end


def test_it_finds_the_spike_and_nothing_else(columns: Columns) -> None:
    opened = [
        (leg.series, leg.start + 10 * i) for leg in roll("chat", columns, columns.start, BUDGET) for i in leg.run.opened
    ]
    assert [series for series, _ in opened] == [0]
    assert 0 <= opened[0][1] - later(columns, SPIKE) <= 60


def test_scores_depend_on_the_windows_and_not_on_where_the_watching_began(columns: Columns) -> None:
    whole = {(leg.series, leg.start): leg for leg in roll("chat", columns, columns.start, BUDGET)}
    begin = later(columns, 2 * DAY)
    for leg in roll("chat", columns, begin, BUDGET):
        found = next(
            one
            for one in whole.values()
            if one.series == leg.series and one.start <= leg.start < one.start + 10 * len(one.run.log_e)
        )
        at = (leg.start - found.start) // 10
        assert (found.run.log_e[at : at + len(leg.run.log_e)] == leg.run.log_e).all()
        assert (found.run.state == leg.run.state).all()


def test_a_restart_at_any_window_goes_on_with_the_same_bits(columns: Columns) -> None:
    now = later(columns, 2 * DAY + 1234)
    at = learned_at("chat", columns.start, now)
    assert at is not None
    assert is_moment("chat", columns.start, at)
    known = columns.between(at - HISTORY, at)
    for series in range(2):
        baseline = learn(known.start, known.evaluated[series], known.bad[series], BUDGET)
        rebuilt = lived(Knowledge(baseline), at, columns.between(columns.start, now), series)
        rest = columns.between(now, columns.end)
        again = run(baseline, now, rest.evaluated[series], rest.bad[series], rebuilt.state)
        through = lived(Knowledge(baseline), at, columns, series)
        assert (through.log_e[-len(again.log_e) :] == again.log_e).all()
        assert (through.state == again.state).all()


def test_a_series_that_never_was_bad_is_cold_or_silent(columns: Columns) -> None:
    legs = [leg for leg in roll("chat", columns, columns.start, BUDGET) if leg.series == 2]
    assert all(len(leg.run.opened) == 0 for leg in legs)
