"""A claim and its cells are one part, taken once, and read back as they were."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from clickhouse_connect.driver.client import Client

from monitor.store.windows import (
    Claim,
    Stamp,
    audit_errors,
    insert_claim,
    insert_idle_claims,
    read_claims,
    read_flushes,
    read_watermarks,
)
from monitor.windows import DIMENSIONS, CellKey

NOW = datetime(2026, 11, 20, 12, 0, 0, 123_000, tzinfo=UTC)
STAMP = Stamp("worker-1", "flush-1", NOW)


def claim(first: int, last: int, partition: int = 0, mark: datetime = NOW) -> Claim:
    return Claim("ai.telemetry", partition, first, last, mark, last - first + 1, 7, 1, 2, 3, 4, 5, 6, NOW)


def cells(count: int) -> dict[CellKey, list[int]]:
    rest = ("",) * (len(DIMENSIONS) - 2)
    return {
        (1_790_000_000 + 10 * (i % 6), ("chat", f"m/{i}:x+1", *rest), 1 << 58 | i): [i, 2 * i] for i in range(count)
    }


def parts(store: Client) -> int:
    query = "SELECT count() FROM system.parts WHERE table = 'windows' AND active AND database = currentDatabase()"
    return int(store.query(query).result_rows[0][0])


def test_a_large_claim_is_one_part(store: Client) -> None:
    insert_claim(store, claim(0, 299_999), cells(300_000), STAMP)
    assert parts(store) == 1
    total = store.query("SELECT count(), sum(n), sum(weight), uniqExact(model) FROM windows").result_rows[0]
    assert total == (300_001, sum(range(300_000)), 2 * sum(range(300_000)), 300_001)


def test_a_claim_is_read_back_as_it_was(store: Client) -> None:
    mine = claim(10, 19)
    insert_claim(store, mine, cells(3), STAMP)
    assert read_claims(store, [("ai.telemetry", 0), ("ai.telemetry", 1)], NOW - timedelta(days=1)) == {
        ("ai.telemetry", 0): mine
    }
    assert read_flushes(store, [mine], STAMP) == {("ai.telemetry", 0, 10, 19, "flush-1")}


@pytest.mark.parametrize("seconds", [0, 1, 999, 1_200.19, 9_999.999, 123_456, 1_790_000_000.5])
def test_a_claim_keeps_whatever_record_time_a_producer_has_set(store: Client, seconds: float) -> None:
    mine = replace(claim(10, 19), split_at=datetime.fromtimestamp(seconds, UTC))
    insert_claim(store, mine, {}, STAMP)
    assert read_claims(store, [("ai.telemetry", 0)], NOW - timedelta(days=1)) == {("ai.telemetry", 0): mine}


def test_of_two_claims_that_begin_at_one_offset_the_first_is_taken(store: Client) -> None:
    insert_claim(store, claim(0, 9), cells(3), STAMP)
    insert_claim(store, claim(0, 24), cells(8), Stamp("worker-2", "flush-2", NOW))
    assert read_flushes(store, [claim(0, 24)], STAMP) == {("ai.telemetry", 0, 0, 9, "flush-1")}
    assert store.query("SELECT count() FROM windows WHERE row_kind = 'cell'").result_rows[0][0] == 3


def test_an_old_claim_is_found_when_there_is_no_recent_one(store: Client) -> None:
    insert_claim(store, claim(0, 9), {}, Stamp("worker-1", "old", NOW - timedelta(days=30)))
    found = read_claims(store, [("ai.telemetry", 0)], NOW - timedelta(days=1))
    assert found["ai.telemetry", 0].offset_to == 9


def test_idle_claims_move_the_watermark_and_claim_nothing(store: Client) -> None:
    insert_claim(store, claim(0, 9), {}, STAMP)
    later = NOW + timedelta(seconds=30)
    insert_idle_claims(store, [claim(10, 9, mark=later), claim(0, -1, 1)], Stamp("worker-1", "idle-1", NOW))
    marks = read_watermarks(store, ["ai.telemetry"], NOW - timedelta(minutes=1))
    assert marks == {("ai.telemetry", 0): later.timestamp(), ("ai.telemetry", 1): NOW.timestamp()}
    assert read_claims(store, [("ai.telemetry", 0)], NOW - timedelta(days=1))["ai.telemetry", 0].offset_to == 9
    insert_claim(store, claim(10, 14), {}, Stamp("worker-1", "flush-2", NOW))
    assert audit_errors(store, NOW - timedelta(days=1)) == 0


def test_the_audit_sees_a_gap_and_an_overlap_of_one_size(store: Client) -> None:
    for number, (first, last) in enumerate([(0, 9), (12, 19), (18, 29)]):
        insert_claim(store, claim(first, last), {}, Stamp("worker-1", f"flush-{number}", NOW))
    assert audit_errors(store, NOW - timedelta(days=1)) == 1
