import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from monitor.batch import Batch
from monitor.intake import Partition
from monitor.memory import IdMemory
from monitor.records import Limits
from monitor.tally import Tally
from monitor.windows import SliceCap, Watermark
from schemas.outcomes import Bit
from schemas.topics import CHANGES_TOPIC, TELEMETRY_TOPIC, Topic
from tests.scan.native import stored, told

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
LIMITS = Limits(max_skew=timedelta(minutes=5), max_age=timedelta(days=400))


def partition(topic: Topic = TELEMETRY_TOPIC, next_offset: int = 0) -> Partition:
    return Partition(topic, 3, next_offset, IdMemory(600_000, 1000), Watermark(5.0, 15.0), SliceCap(10))


def event(number: int, at: datetime = NOW, **more: Any) -> bytes:
    text = at.isoformat().replace("+00:00", "Z")
    base = {"kind": "interaction", "event_id": f"event-{number:04d}", "ts": text, "emitter": "a", "feature": "chat"}
    return json.dumps(base | more).encode()


def take(held: Partition, *values: bytes | None, offsets: list[int] | None = None) -> Tally:
    first = held.next_offset if offsets is None else offsets[0]
    last = first + len(values) - 1 if offsets is None else offsets[-1]
    batch = Batch(held.topic.name, 3, held.next_offset, first, last, list(values), [0] * len(values), offsets)
    return held.take(batch, NOW, LIMITS)


def test_good_repeated_and_bad_records_are_told_apart() -> None:
    held = partition()
    tally = take(held, event(1), b"not json", event(1), event(2), None)
    assert (tally.records, tally.accepted, tally.duplicates) == (5, 2, 1)
    assert tally.rejected == {"not_json": 1, "empty": 1}
    assert [letter.source_offset for letter in held.pending.letters] == [1, 4]
    assert held.next_offset == 5
    assert (held.pending.offset_from, held.pending.offset_to) == (0, 4)


def test_offsets_with_gaps_are_kept_exactly() -> None:
    held = partition()
    take(held, b"x", event(1), offsets=[7, 9])
    assert held.pending.letters[0].source_offset == 7
    assert [row["offset"] for row in stored(held.pending)] == [9]
    assert (held.pending.offset_from, held.pending.offset_to, held.next_offset) == (0, 9, 10)


def test_the_stored_row_carries_position_and_mask() -> None:
    held = partition(next_offset=41)
    take(held, event(1, refusal={"refused": True}))
    [row] = stored(held.pending)
    assert (row["topic"], row["partition"], row["offset"]) == ("ai.telemetry", 3, 41)
    assert row["mask"] & Bit.REFUSED
    [((start, cut, mask), counted)] = held.pending.cells.items()
    assert (start, cut[0], mask, counted) == (int(NOW.timestamp()), "chat", row["mask"], [1, 1])


def test_a_clock_in_the_future_closes_no_window() -> None:
    held = partition()
    tally = take(held, event(1, NOW + timedelta(days=365)), event(2, NOW - timedelta(days=401)))
    assert tally.rejected == {"from_the_future": 1, "too_old": 1}
    assert held.watermark.value == 0.0


def test_a_late_event_still_counts() -> None:
    held = partition()
    take(held, event(1))
    tally = take(held, event(2, NOW - timedelta(minutes=2)))
    assert tally.late == {"chat": 1}
    assert sum(n for n, _ in held.pending.cells.values()) == 2


def test_late_is_what_comes_after_its_window_closed_whatever_the_batches() -> None:
    times = [NOW, NOW - timedelta(minutes=2), NOW - timedelta(seconds=6), NOW + timedelta(seconds=60)]
    events = [event(number, at) for number, at in enumerate(times)]
    whole, parts = partition(), partition()
    whole_late = take(whole, *events).late
    assert whole_late == {"chat": 1}
    assert sum((take(parts, value).late for value in events), Counter()) == whole_late
    assert parts.watermark == whole.watermark
    assert whole.watermark.value == NOW.timestamp() - 5.0
    assert parts.pending.cells == whole.pending.cells


def test_what_the_fast_way_leaves_is_judged_and_counted_all_the_same() -> None:
    twice = event(1, risk_tier="ga").replace(b'"risk_tier": "ga"', b'"risk_tier": "?", "risk_tier": "ga"')
    held, plain = partition(), partition()
    assert take(held, twice).accepted == take(plain, event(1, risk_tier="ga")).accepted == 1
    assert held.pending.cells == plain.pending.cells
    [[row], [same]] = [stored(p.pending) for p in (held, plain)]
    assert told(row) == told(same)


def test_a_heartbeat_is_handed_on_with_its_times_and_none_counts_before_it_starts() -> None:
    beat: dict[str, Any] = {
        "kind": "heartbeat",
        "event_id": "beat-0001",
        "ts": "2026-11-20T12:00:00.5Z",
        "emitter": "a",
    }
    beat |= {"feature": "chat", "interactions": 7, "started_at": "2026-11-20T12:00:00Z"}
    held = partition()
    early = beat | {"event_id": "beat-0002", "started_at": "2026-11-20T12:00:00.500001Z"}
    tally = take(held, json.dumps(beat).encode(), json.dumps(early).encode())
    [heartbeat] = tally.heartbeats
    assert (heartbeat.started_at, heartbeat.ts, heartbeat.interactions) == (NOW, NOW + timedelta(seconds=0.5), 7)
    assert tally.rejected == {"bad_value": 1}
    assert list(held.pending.lines) == ["heartbeats"]
    assert held.pending.rows() == 2  # and a dead letter


def test_other_topics_are_stored_without_cells() -> None:
    held = partition(CHANGES_TOPIC)
    change = {"event_id": "change-1", "ts": "2026-11-20T12:00:00Z", "emitter": "ci", "what": "model"}
    tally = take(held, json.dumps(change).encode())
    assert tally.accepted == 1
    assert list(held.pending.lines) == ["changes"]
    assert not held.pending.cells


def test_a_dead_letter_holds_no_content() -> None:
    held = partition()
    take(held, event(1, prompt="my secret is 4711"), event(2, model="secret 4711@example.com"))
    text = " ".join(letter.model_dump_json() for letter in held.pending.letters)
    assert len(held.pending.letters) == 2
    assert "4711" not in text
    assert "secret" not in text


def test_what_is_older_than_a_day_counts_in_its_windows_and_not_as_happening_now() -> None:
    held = partition()
    beat = {"kind": "heartbeat", "started_at": "2026-10-01T00:00:00Z", "interactions": 5}
    old, fresh = NOW - timedelta(hours=25), NOW - timedelta(hours=23)
    heartbeats = [event(9, old, **beat), event(10, fresh, **beat)]
    tally = take(held, event(1, old), event(2, fresh), *heartbeats)
    assert tally.masks.total() == 1
    assert [one.event_id for one in tally.heartbeats] == ["event-0010"]
    assert sum(n for n, _ in held.pending.cells.values()) == 2
    assert held.pending.events == 4


def test_the_newest_probe_is_told_by_feature_and_an_old_one_is_not() -> None:
    old, earlier, later = NOW - timedelta(days=2), NOW - timedelta(seconds=3), NOW + timedelta(microseconds=7)
    moments = [(1, old), (2, later), (3, earlier)]
    tally = take(partition(), *(event(n, at, synthetic=f"probe-{n:04d}") for n, at in moments), event(4))
    assert tally.probes == {"chat": later.timestamp()}
    assert take(partition(), event(1, old, synthetic="probe-0001"), event(2)).probes == {}
