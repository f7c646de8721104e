from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from monitor.errors import UserError
from monitor.replay.heartbeats import LONGEST_SILENCE, Heartbeats
from monitor.replay.timing import WINDOW, arrivals, pace, repeated, window_start

SECOND = 1_000_000
FIRST, LAST = 1_000_003 * SECOND, 1_000_963 * SECOND
NOW = 1_770_000_007 * SECOND


def test_at_full_speed_the_last_window_ends_now() -> None:
    found = pace(FIRST, LAST, 0, NOW)
    assert found.shift % WINDOW == 0
    assert window_start(LAST + found.shift) + WINDOW == window_start(NOW)
    assert found.due(LAST) == 0


@pytest.mark.parametrize("speed", [0.5, 1.0])
def test_at_recorded_speed_or_slower_the_first_event_is_now(speed: float) -> None:
    found = pace(FIRST, LAST, speed, NOW)
    assert 0 <= NOW - (FIRST + found.shift) < 2 * WINDOW
    assert found.due(LAST) == pytest.approx(960 / speed)


@pytest.mark.parametrize("speed", [0.25, 1.0, 3.0, 60.0])
def test_no_event_is_ahead_of_the_clock_when_it_is_sent(speed: float) -> None:
    found = pace(FIRST, LAST, speed, NOW)
    for moment in range(FIRST, LAST + 1, 7 * SECOND):
        assert moment + found.shift <= NOW + found.due(moment) * SECOND
    assert LAST + found.shift > NOW + found.due(LAST) * SECOND - 2 * WINDOW - (0 if speed >= 1 else 10**13)


def test_times_are_kept_when_asked() -> None:
    assert pace(FIRST, LAST, 1.0, None).shift == 0


def test_arrivals_come_sorted_and_are_repeated_by_their_span(tmp_path: Path) -> None:
    path = tmp_path / "times.csv"
    pd.DataFrame({"t": ["1000000009", "", "1000000000", "1000000004"]}).to_csv(path, index=False)
    found = arrivals(path, "t")
    assert (found // SECOND - 10**9).tolist() == [0, 4, 9]
    assert (repeated(found, 8) // SECOND - 10**9).tolist() == [0, 4, 9, 9, 13, 18, 18, 22]
    assert np.all(np.diff(repeated(found, 100)) >= 0)
    with pytest.raises(UserError, match="no column 'u'; it has t"):
        arrivals(path, "u")
    path.write_text("t\nnoon\n")
    with pytest.raises(UserError, match="'noon' in column 't' is not a time"):
        arrivals(path, "t")


def sent(moments: list[int], features: list[str]) -> tuple[list[tuple[int, str, int]], Heartbeats]:
    beats = Heartbeats(0, "seed")
    out = []
    for moment, feature in zip(moments, features, strict=True):
        out += [*beats.before(moment * SECOND), *beats.count(moment * SECOND, "e", feature)]
    out += beats.end()
    assert len({values["event_id"] for _, values in out}) == len(out)
    return [(moment // SECOND, values["feature"], values["interactions"]) for moment, values in out], beats


def test_heartbeats_count_what_came_before_each_boundary() -> None:
    found, beats = sent([103, 109, 110, 131], ["a", "a", "b", "a"])
    assert found == [
        (100, "a", 0),
        (110, "a", 2), (110, "b", 0),
        (120, "a", 2), (120, "b", 1),
        (130, "a", 2), (130, "b", 1),
        (140, "a", 3), (140, "b", 1),
    ]  # fmt: skip
    assert beats.skipped == 0


def test_a_long_silence_has_a_heartbeat_at_each_end() -> None:
    quiet = (LONGEST_SILENCE + 5) * 10
    found, beats = sent([100, 100 + quiet], ["a", "a"])
    assert found == [(100, "a", 0), (110, "a", 1), (100 + quiet, "a", 1), (110 + quiet, "a", 2)]
    assert beats.skipped == LONGEST_SILENCE + 3


def test_a_shifted_heartbeat_keeps_its_id() -> None:
    here, there = Heartbeats(0, "seed"), Heartbeats(WINDOW, "seed")
    ((_, a),), ((_, b),) = here.count(SECOND, "e", "f"), there.count(SECOND, "e", "f")
    assert a["event_id"] == b["event_id"]
    later = datetime.fromisoformat(b["started_at"]) - datetime.fromisoformat(a["started_at"])
    assert later.total_seconds() == 10
