"""What OTLP says counts the same and is stored the same, whether the scanner reads its events or leaves them all."""

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from monitor.batch import Batch
from monitor.memory import IdMemory
from monitor.otlp import OtlpPartition
from monitor.records import Limits
from monitor.scan.scanner import Scanner
from monitor.store.events import insert_blocks, insert_rows
from monitor.windows import SliceCap, Watermark
from schemas.otlp import OtlpOptions
from schemas.topics import OTLP_TOPIC
from tests.scan.both_ways import both_ways, nothing
from tests.scan.native import stored, told
from tests.schemas.otlp_producer import SECOND, START, otlp_json

NOW = datetime.fromtimestamp(START / 10**9 + 3600, UTC)
LIMITS = Limits(max_skew=timedelta(minutes=5), max_age=timedelta(days=400))
OPTIONS = OtlpOptions(reference_key=b"0123456789abcdef", thresholds={"toxicity": 0.5})
AGES = [3000] * 8 + [2995, 2990, 2900, 3599, 3650, 5000, -400 * 86_400, -100]
"""Seconds after the first moment there is; events of the last but one are too old, of 5000 from the future."""
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.response.finish_reasons": ["stop"]}
EXTRAS: list[dict[str, Any]] = [
    {}, {}, {}, {}, {"gen_ai.input.messages": "my secret is XYZZY"}, {"safety.tenant": "0" * 32},
    {"gen_ai.response.finish_reasons": ["refusal"]}, {"gen_ai.response.finish_reasons": ["nobody knows", "odd"]},
    {"gen_ai.response.finish_reasons": []}, {"safety.sample_weight": 3}, {"safety.synthetic": "probe-0001"},
    {"safety.feature": "a name of too many words"}, {"safety.feature": "summaries", "safety.locale": "de-DE"},
    {"gen_ai.operation.name": "execute_tool", "safety.tool.permitted": False}, {"gen_ai.operation.name": "nothing"},
    {"gen_ai.operation.name": "retrieval"}, {"safety.grounding.required": True, "safety.grounding.grounded": False},
    {"gen_ai.operation.name": "run_guardrail", "safety.guardrail.verdict": "deny"},
    {"safety.guardrail.verdict": "deny", "safety.guardrail.stage": "output", "safety.guardrail.score": 0.25},
    {"gen_ai.response.id": "answer-1"}, {"error.type": "timeout"}, {"gen_ai.usage.input_tokens": 12},
    {"gen_ai.usage.output_tokens": -3}, {"gen_ai.request.model": "no model"}, {"safety.redaction.status": "applied"},
]  # fmt: skip
FINDING = {"gen_ai.evaluation.name": "toxicity", "gen_ai.evaluation.score.value": 0.75}


def fill(pairs: Any, attributes: dict[str, Any]) -> None:
    for name, value in attributes.items():
        pair = pairs.add(key=name)
        if isinstance(value, list):
            pair.value.array_value.SetInParent()
            for word in value:
                pair.value.array_value.values.add(string_value=word)
        else:
            kind = {str: "string_value", int: "int_value", float: "double_value", bool: "bool_value"}[type(value)]
            setattr(pair.value, kind, value)


def traces(chance: random.Random) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    if chance.random() < 0.9:
        fill(group.resource.attributes, {"service.name": f"shop-{chance.randrange(3)}", "service.version": "1"})
    spans = group.scope_spans.add().spans
    few = chance.random() < 0.3
    for _ in range(chance.choice([0, 1, 2, 5, 9])):
        end = START + chance.choice(AGES) * SECOND + chance.randrange(1000) * 1_000_000
        ids = [bytes([chance.randrange(3 if few else 250)]) * 8 for _ in range(2)]
        span = spans.add(trace_id=b"t" * 16, span_id=ids[0], name="chat", end_time_unix_nano=max(end, 0))
        span.start_time_unix_nano = end - chance.choice([0, 1, 500_000_000, 99_999_999_999]) if end > 10**12 else 0
        if chance.random() < 0.3:
            span.parent_span_id = ids[1]
        if chance.random() < 0.03:
            span.span_id = b"short"
        fill(span.attributes, CHAT | {"gen_ai.request.model": f"m{chance.randrange(2)}"} | chance.choice(EXTRAS))
        if chance.random() < 0.1:
            mark = span.events.add(name="gen_ai.evaluation.result", time_unix_nano=span.end_time_unix_nano)
            fill(mark.attributes, FINDING | chance.choice(EXTRAS))
    return request


def logs(chance: random.Random) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    fill(group.resource.attributes, {"service.name": "judge", "safety.feature": f"shop-{chance.randrange(3)}"})
    time = START + chance.choice(AGES[:-2]) * SECOND
    name = chance.choice(["gen_ai.evaluation.result", "gen_ai.evaluation.result", "something.else"])
    record = group.scope_logs.add().log_records.add(time_unix_nano=time, event_name=name, trace_id=b"t" * 16)
    record.span_id = bytes([chance.randrange(9)]) * 8
    fill(record.attributes, FINDING | chance.choice(EXTRAS))
    return request


def message(chance: random.Random) -> bytes | None:
    request = traces(chance) if chance.random() < 0.8 else logs(chance)
    proto, text = request.SerializeToString(), otlp_json(request)
    compact = json.dumps(json.loads(text), separators=(",", ":")).encode()
    return chance.choice([*[proto, compact] * 8, text, None, b"", b"{}", b"XYZZY", proto[:-7], compact[:-7]])  # type: ignore[no-any-return]  # of protobuf


def batches_of(seed: int) -> list[list[bytes | None]]:
    """Messages of which some come again, in the same batch or in a later one."""
    chance = random.Random(seed)
    found: list[list[bytes | None]] = []
    for size in (0, 1, 30, 60, 3, 60):
        earlier = [value for values in found for value in values]
        fresh = [message(chance) for _ in range(size)]
        found.append([chance.choice([*earlier, *fresh]) if chance.random() < 0.1 else value for value in fresh])
    return found


def partition() -> OtlpPartition:
    memory = IdMemory(600_000, 100)
    return OtlpPartition(OTLP_TOPIC, 2, 0, memory, Watermark(5.0, 15.0), SliceCap(20), options=OPTIONS)


def intake_of(batches: Sequence[list[bytes | None]], gap: int) -> tuple[OtlpPartition, list[Any]]:
    held, tallies = partition(), []
    for values in batches:
        first = held.next_offset
        offsets = [first + at * (1 + gap) for at in range(len(values))]
        last = offsets[-1] if offsets else first - 1
        logged = [1_795_000_000_000 + offset for offset in offsets]
        batch = Batch(OTLP_TOPIC.name, 2, first, first, last, list(values), logged, offsets if gap else None)
        tallies.append(held.take(batch, NOW, LIMITS))
    return held, tallies


def outcome(batches: Sequence[list[bytes | None]], gap: int) -> Any:
    held, tallies = intake_of(batches, gap)
    pending = held.pending
    rows = sorted(map(told, stored(pending)), key=lambda row: (int(row["offset"]), row["item"]))
    letters = [(letter.source_offset, letter.reason, letter.payload_bytes) for letter in pending.letters]
    return tallies, pending.cells, letters, pending.tally, pending.events, held.watermark, held.memory, rows


@pytest.mark.parametrize("seed", range(8))
def test_both_ways_agree_on_everything_they_say(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = batches_of(seed)
    outcome(batches, 0)  # the slices are learnt
    whole, other, scanned = both_ways(lambda: outcome(batches, seed % 3), monkeypatch)
    assert whole == other
    assert scanned > 0.5 * sum(tally.accepted for tally in whole[0])


def test_the_messages_hold_what_is_odd() -> None:
    tally = outcome(batches_of(0), 0)[3]
    told_apart = intake_of(batches_of(0), 0)[1]
    assert tally.duplicates > 0
    assert tally.late.total() > 0
    assert {"from_the_future", "too_old", "bad_identifier", "missing_field", "not_otlp", "empty"} <= set(tally.rejected)
    assert sum(one.unknown_reasons for one in told_apart) > 0
    assert sum(one.content.total() for one in told_apart) > 0
    assert sum(len(one.probes) for one in told_apart) > 0


def test_a_dead_letter_is_written_once_for_a_message_and_names_its_first_reason() -> None:
    chance = random.Random(3)
    batches = [[message(chance) for _ in range(200)]]
    held, _ = intake_of(batches, 0)
    offsets = [letter.source_offset for letter in held.pending.letters]
    assert offsets == sorted(set(offsets))
    for letter in held.pending.letters:
        alone, [tally] = intake_of([[batches[0][letter.source_offset]]], 0)
        [single] = alone.pending.letters
        assert (single.reason, single.payload_sha256) == (letter.reason, letter.payload_sha256)
        assert single.reason in tally.rejected


def test_both_forms_are_the_same_rows_of_the_real_table(store: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = batches_of(5)
    intake_of(batches, 0)
    scanned, _ = intake_of(batches, 0)
    monkeypatch.setattr(Scanner, "scan", nothing)
    plain, _ = intake_of(batches, 0)
    assert list(scanned.pending.blocks) == ["telemetry"]
    assert not plain.pending.blocks
    columns = "SELECT * EXCEPT inserted_at FROM telemetry FINAL ORDER BY offset, item"
    insert_blocks(store, "telemetry", scanned.pending.blocks["telemetry"])
    insert_rows(store, "telemetry", scanned.pending.lines["telemetry"])
    one = store.query(columns).result_rows
    store.command("TRUNCATE TABLE telemetry")
    insert_rows(store, "telemetry", plain.pending.lines["telemetry"])
    assert len(one) == plain.pending.events
    assert one == store.query(columns).result_rows
