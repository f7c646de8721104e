"""OTLP messages through the intake into a real store: items, repeats, refusals, and no content."""

from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client

from monitor.batch import Batch
from monitor.memory import IdMemory
from monitor.otlp import OtlpPartition
from monitor.records import Limits
from monitor.store.events import insert_blocks, insert_rows, read_ids
from monitor.tally import Tally
from monitor.windows import SliceCap, Watermark
from schemas.otlp import OtlpOptions
from schemas.topics import OTLP_TOPIC
from tests.schemas.otlp_producer import START, Producer

NOW = datetime.fromtimestamp(START / 10**9 + 3600, UTC)
LIMITS = Limits(max_skew=timedelta(minutes=5), max_age=timedelta(days=400))
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.input.messages": "my secret is XYZZY",
}


def partition() -> OtlpPartition:
    return OtlpPartition(OTLP_TOPIC, 0, 0, IdMemory(600_000, 1000), Watermark(5.0, 15.0), SliceCap(10))


def take(held: OtlpPartition, *values: bytes | None) -> Tally:
    first = held.next_offset
    batch = Batch(OTLP_TOPIC.name, 0, first, first, first + len(values) - 1, list(values), [0] * len(values), None)
    return held.take(batch, NOW, LIMITS)


def two_spans() -> bytes:
    producer = Producer()
    producer.leaf("chat gpt-4o", CHAT)
    producer.leaf("chat gpt-4o", CHAT | {"gen_ai.response.finish_reasons": ["refusal"]})
    return producer.traces()


def test_a_message_of_two_spans_is_two_events_at_one_offset(store: Client) -> None:
    held = partition()
    tally = take(held, two_spans())
    assert (tally.records, tally.accepted, tally.duplicates) == (1, 2, 0)
    assert tally.content.total() == 2
    for _ in range(2):  # in which form depends on whether their slice was met before
        for rows in held.pending.lines.values():
            insert_rows(store, "telemetry", rows)
        for blocks in held.pending.blocks.values():
            insert_blocks(store, "telemetry", blocks)
    found = store.query("SELECT offset, item, model, refusal.refused FROM events ORDER BY item").result_rows
    assert found == [(0, 0, "gpt-4o", None), (0, 1, "gpt-4o", True)]
    assert len(set(read_ids(store, OTLP_TOPIC.name, 0, 0))) == 2
    assert store.query("SELECT count() FROM telemetry WHERE toString(tuple(*)) LIKE '%XYZZY%'").result_rows[0][0] == 0


def test_a_message_sent_again_is_two_repeats() -> None:
    held, message = partition(), two_spans()
    tally = take(held, message, message)
    assert (tally.accepted, tally.duplicates) == (2, 2)
    assert sum(n for n, _ in held.pending.cells.values()) == 2


def test_what_is_no_otlp_is_one_dead_letter_and_its_neighbours_are_counted() -> None:
    held = partition()
    tally = take(held, b"XYZZY is no message", None, two_spans())
    assert tally.accepted == 2
    assert [letter.source_offset for letter in held.pending.letters] == [0, 1]
    assert "XYZZY" not in " ".join(letter.model_dump_json() for letter in held.pending.letters)


def test_spans_of_another_age_are_refused_and_counted() -> None:
    held = partition()
    batch = Batch(OTLP_TOPIC.name, 0, 0, 0, 0, [two_spans()], [0], None)
    tally = held.take(batch, NOW + timedelta(days=500), LIMITS)
    assert tally.accepted == 0
    assert tally.rejected == {"too_old": 2}
    assert len(held.pending.letters) == 1


def test_an_event_that_breaks_the_contract_is_a_dead_letter_and_no_crash() -> None:
    held = partition()
    held.options = OtlpOptions(features=frozenset(), fallback_feature="No Name")
    tally = take(held, two_spans())
    assert (tally.accepted, tally.rejected) == (0, {"bad_identifier": 2})
    assert [(letter.reason, letter.source_offset) for letter in held.pending.letters] == [("bad_identifier", 0)]
