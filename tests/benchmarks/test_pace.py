import io
import json
from collections import Counter
from datetime import UTC, datetime

from benchmarks.delays import Tick
from benchmarks.latency import FEATURES, PARTITIONS, by_partition, described
from benchmarks.pace import _MOST, Order, Pacer, _Makes, read_ticks
from schemas.codec import decode
from schemas.telemetry import TELEMETRY, Interaction

ORDER = Order("nowhere:1", PARTITIONS, FEATURES, "0a1b2c3d", "out")


def test_paced_events_pass_the_contract_each_in_the_partition_of_its_feature() -> None:
    makes, counted = _Makes(ORDER), Counter[str]()
    for number in range(400):
        event = decode(TELEMETRY, makes.event(number % PARTITIONS, b"2026-11-20T10:00:00.123"))
        assert isinstance(event, Interaction)
        assert event.ts == datetime(2026, 11, 20, 10, 0, 0, 123_000, tzinfo=UTC)
        counted[f'feature="{event.feature}"'] += 1
    assert len(counted) == FEATURES
    assert by_partition(dict(counted)) == (100,) * PARTITIONS


def test_no_paced_event_comes_twice() -> None:
    makes = _Makes(ORDER)
    ids = {json.loads(makes.event(0, b"2026-11-20T10:00:00.123"))["event_id"] for _ in range(300)}
    assert len(ids) == 300


def test_a_pace_is_kept_by_what_is_missing_from_it() -> None:
    pacer = Pacer(Order("x:1", 4, 8, "00000000", "out", rate=1000.0), io.StringIO())
    assert [pacer._due(passed) for passed in (0.0, 0.02, 0.5, 60.0)] == [0, 20, 500, _MOST]


def test_a_producer_does_not_run_further_ahead_than_its_lead() -> None:
    assert Pacer(Order("x:1", 4, 8, "00000000", "out", lead=300), io.StringIO())._due(1.0) == 300


def test_a_producer_ends_with_its_last_event() -> None:
    assert Pacer(Order("x:1", 4, 8, "00000000", "out", events=70), io.StringIO())._due(1.0) == 70


def test_ticks_are_read_in_the_order_of_making() -> None:
    lines = ['{"made": 2.0, "acked": 2.5, "counts": [1, 2]}', '{"made": 1.0, "acked": 3.0, "counts": [0, 4]}']
    assert read_ticks(lines) == [Tick(1.0, 3.0, (0, 4)), Tick(2.0, 2.5, (1, 2))]


def test_a_level_without_looks_knows_nothing() -> None:
    level = described([Tick(100.0, 100.1, (1, 0, 0, 0))], [], (0,) * PARTITIONS, 1.0, 30.0)
    assert level["counter_p50_s"] is None
    assert level["never_counted"] == level["events"] == 1
    assert level["acked_p50_s"] == 0.1
