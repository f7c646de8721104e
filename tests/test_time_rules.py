"""Rules of time, as someone on call would ask: whose clock is believed, what is waited for, what is late."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client
from hypothesis import given
from hypothesis import strategies as st

from monitor.batch import Batch
from monitor.intake import Partition
from monitor.memory import IdMemory
from monitor.records import Limits
from monitor.tally import Tally
from monitor.windows import SliceCap, Watermark, closed_until
from schemas.topics import TELEMETRY_TOPIC
from tests.test_scorekeeper import START, claim, fill, incidents, keeper

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
LIMITS = Limits(max_skew=timedelta(seconds=300), max_age=timedelta(days=400))


@dataclass
class Line:
    """One partition under a clock that the test moves."""

    now: float = NOON
    held: Partition = field(
        default_factory=lambda: Partition(
            TELEMETRY_TOPIC, 0, 0, IdMemory(600_000, 100_000), Watermark(5.0, 15.0), SliceCap(10)
        )
    )
    tally: Tally = field(default_factory=Tally)

    def take(self, *ages: float, feature: str = "chat") -> Tally:
        """Events that say they are this many seconds old; negative ones are from the future."""
        first = self.held.next_offset
        values: list[bytes | None] = [event(first + i, self.now - age, feature).encode() for i, age in enumerate(ages)]
        batch = Batch(TELEMETRY_TOPIC.name, 0, first, first, first + len(ages) - 1, values, [0] * len(ages), None)
        tally = self.held.take(batch, datetime.fromtimestamp(self.now, UTC), LIMITS)
        self.tally.late.update(tally.late)
        return tally

    def wait(self, seconds: int, *ages: float, caught_up: bool = True) -> None:
        """Let time go by; every second these events arrive, and Kafka says whether there is more."""
        for _ in range(seconds):
            self.now += 1.0
            if ages:
                self.take(*ages)
            self.held.watermark.tick(self.now, caught_up)

    @property
    def behind(self) -> float:
        """How far the watermark is behind the clock, in seconds."""
        return self.now - self.held.watermark.value

    def windows(self) -> dict[int, int]:
        """Events by start of their window."""
        found: dict[int, int] = {}
        for (start, _, _), (n, _) in self.held.pending.cells.items():
            found[start] = found.get(start, 0) + n
        return found


def event(number: int, at: float, feature: str = "chat") -> str:
    text = datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
    said = {"kind": "interaction", "event_id": f"event-{number:06d}", "ts": text, "emitter": "a", "feature": feature}
    return json.dumps(said)


def test_a_clock_ten_minutes_fast_is_refused_and_closes_nothing() -> None:
    line = Line()
    line.take(0.0)
    assert line.take(-10 * MINUTE).rejected == {"from_the_future": 1}
    assert line.behind == 5.0
    assert sum(line.windows().values()) == 1


def test_a_clock_four_minutes_fast_counts_in_its_own_window_and_makes_nobody_late() -> None:
    line = Line()
    line.wait(60, -4 * MINUTE, 0.0)
    assert line.behind == 5.0
    assert not line.tally.late
    assert line.windows()[int(NOON + 4 * MINUTE + 10)] == 10  # what will be joined there by the others


def test_a_clock_ten_minutes_slow_is_late_and_exact_and_holds_no_window() -> None:
    line = Line()
    line.wait(120, 10 * MINUTE)
    assert line.behind == 5.0
    assert line.tally.late.total() > 100
    assert sum(line.windows().values()) == 120
    assert line.windows()[int(NOON - 10 * MINUTE) + 10] == 10


def test_telemetry_that_takes_a_minute_is_waited_for_and_never_late() -> None:
    line = Line()
    line.wait(300, MINUTE)
    assert line.behind == MINUTE + 5.0
    assert not line.tally.late


def test_telemetry_a_minute_late_is_waited_for_again_after_a_silence() -> None:
    line = Line()
    line.wait(60, MINUTE)
    line.wait(60)
    assert line.behind == 5.0
    line.wait(120, MINUTE)
    assert line.behind == MINUTE + 5.0


def test_a_replay_of_last_month_holds_no_window_of_live_data() -> None:
    line = Line()
    line.wait(60, 30 * DAY)
    assert line.behind == 5.0
    assert sum(line.windows().values()) == 60
    assert line.windows()[int(NOON - 30 * DAY) + 10] == 10


def test_a_replay_that_always_has_records_on_their_way_holds_no_window_either() -> None:
    line = Line()
    for _ in range(12):
        line.wait(9, 30 * DAY, 30 * DAY, caught_up=False)
        line.wait(1, 30 * DAY)
    assert line.behind <= 10.0 + 5.0


def test_live_events_beside_a_replay_are_not_late() -> None:
    line = Line()
    line.wait(60, 30 * DAY, 0.0, 30 * DAY)
    assert line.behind == 5.0
    assert line.tally.late == {"chat": 119}  # all of the replay but its first event, before which nothing was closed


def test_what_is_older_than_max_age_is_a_dead_letter_and_counts_nowhere() -> None:
    line = Line()
    assert line.take(401 * DAY).rejected == {"too_old": 1}
    assert line.windows() == {}
    assert line.held.watermark.value == 0.0


def test_a_partition_an_hour_behind_holds_every_window_and_loses_none_when_it_is_read() -> None:
    slow, live = Line(), Line()
    slow.take(0.0)
    slow.wait(3600, caught_up=False)  # its records wait in Kafka
    live.wait(3600, 0.0)
    held = closed_until([slow.held.watermark.value, live.held.watermark.value])
    assert held == NOON - 10.0
    slow.take(*range(3595, -1, -5))
    slow.wait(1, 0.0)
    assert not slow.tally.late
    assert closed_until([slow.held.watermark.value, live.held.watermark.value]) == NOON + 3590.0


def test_an_idle_partition_beside_a_busy_one_closes_windows_a_grace_after_their_end() -> None:
    idle, busy = Line(), Line()
    idle.take(0.0)
    idle.wait(60)
    busy.wait(60, 0.0)
    assert closed_until([idle.held.watermark.value, busy.held.watermark.value]) == NOON + 50.0


def test_a_broker_that_is_silent_for_a_minute_makes_no_partition_idle() -> None:
    line = Line()
    line.wait(30, 0.0)
    line.wait(60, caught_up=False)
    assert line.behind == 65.0
    line.wait(14)
    assert line.behind == 79.0, "producers may still hold what they could not send"
    line.wait(1)
    assert line.behind == 5.0


Moves = st.lists(
    st.one_of(
        st.tuples(st.just("event"), st.sampled_from([-299.0, -20.0, 0.0, 7.0, 60.0, 299.0, 301.0, HOUR, 30 * DAY])),
        st.tuples(st.just("caught up"), st.sampled_from([0.5, 2.0, 10.0, 15.0, 40.0])),
        st.tuples(st.just("behind"), st.sampled_from([0.5, 2.0, 10.0, 15.0, 40.0])),
    ),
    max_size=40,
)


@given(Moves)
def test_a_watermark_never_goes_back_nor_beyond_the_clock_and_every_event_counts_once(
    moves: list[tuple[str, float]],
) -> None:
    line, expected = Line(), dict[int, int]()
    before = line.held.watermark.value
    for what, number in moves:
        if what == "event":
            line.take(number)
            start = int((line.now - number) // 10) * 10
            expected[start] = expected.get(start, 0) + 1
        else:
            line.now += number
            line.held.watermark.tick(line.now, what == "caught up")
        assert before <= line.held.watermark.value <= line.now - 5.0
        before = line.held.watermark.value
    assert line.windows() == expected


def test_late_events_of_scored_windows_open_nothing_and_stay_in_the_totals(store: Client) -> None:
    fill(store, 0, [0.04] * 1000, seed=1)
    claim(store, 1000)
    scorer, metrics = keeper(store)
    scorer.tick()
    scores = store.query("SELECT count() FROM scores").result_rows
    fill(store, 900, [1.0] * 50, seed=2)  # yesterday's disaster, sent again
    scorer.tick()
    assert incidents(store) == []
    assert store.query("SELECT count() FROM scores").result_rows == scores
    assert metrics.registry.get_sample_value("vigil_scored_until_timestamp_seconds") == START + 10_000
    query = f"SELECT sum(n) FROM windows WHERE window_start = toDateTime({START + 9_000}, 'UTC')"
    assert store.query(query).result_rows == [(400,)]


def test_a_replay_of_last_month_opens_no_incident_even_after_a_restart(store: Client) -> None:
    fill(store, 0, [0.04] * 1000, seed=1)
    fill(store, -300_000, [1.0] * 400, seed=2)
    claim(store, 1000)
    first, _ = keeper(store)
    first.tick()
    fill(store, 1000, [0.04] * 10, seed=3)
    fill(store, -299_600, [1.0] * 100, seed=4)
    claim(store, 1010)
    first.tick()
    second, _ = keeper(store)
    second.tick()
    assert incidents(store) == []
    assert store.query("SELECT countIf(state = 'ALARM') FROM scores").result_rows == [(0,)]
