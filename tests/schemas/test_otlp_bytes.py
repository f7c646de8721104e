"""Encodings, their traps, and bytes that are none of them."""

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from schemas.aliases import load
from schemas.otlp import OtlpBatch, OtlpOptions, decode_otlp
from schemas.vocabulary import Action, Category, FinishReason, Outcome, RejectReason, Signal, Stage, Verdict
from tests.schemas.otlp_cases import NEW, OPTIONS, checked, only
from tests.schemas.otlp_producer import Producer

IDS = {"traceId": "4BF92F3577B34DA6A3CE929D0E0E4736", "spanId": "00f067aa0ba902b7"}
TIMES = {"startTimeUnixNano": "1790000000000000000", "endTimeUnixNano": "1790000001500000000"}


def sample() -> Producer:
    producer = Producer()
    with producer.span("chat", NEW | {"gen_ai.input.messages": "x"}) as span:
        span.add_event("guard.evaluation", {"guard.name": "g", "guard.action": "deny"})
        producer.log("gen_ai.evaluation.result", {"gen_ai.evaluation.name": "toxicity"}, body="x")
    return producer


SAMPLE = sample()
MESSAGES = [SAMPLE.traces(), SAMPLE.logs(), SAMPLE.traces_json(), SAMPLE.logs_json()]


def promised(batch: OtlpBatch) -> OtlpBatch:
    """What holds of every answer."""
    checked(batch)
    aliases = OPTIONS.aliases
    assert set(batch.rejected) <= set(get_args(RejectReason))
    assert set(batch.content_dropped) <= {*aliases.kinds, *(f"{family}*" for family in aliases.families), "body"}
    if batch.reject is not None:
        assert batch == OtlpBatch(reject=batch.reject, rejected=batch.rejected)
    return batch


def spans_json(*spans: dict[str, Any], **more: Any) -> bytes:
    group = {"resource": {"attributes": [string("service.name", "s")]}, "scopeSpans": [{"spans": list(spans)}]}
    return json.dumps({"resourceSpans": [group]} | more).encode()


def string(name: str, value: str) -> dict[str, Any]:
    return {"key": name, "value": {"stringValue": value}}


CHAT = [string("gen_ai.operation.name", "chat")]


@given(st.binary(max_size=300))
def test_any_bytes(value: bytes) -> None:
    promised(decode_otlp(value, OPTIONS))


@given(st.binary(max_size=40), st.sampled_from(MESSAGES), st.data())
def test_damaged_messages(noise: bytes, message: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(message)))
    end = data.draw(st.integers(start, min(len(message), start + 60)))
    promised(decode_otlp(message[:start] + noise + message[end:], OPTIONS))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from([*IDS, *TIMES, "parentSpanId", "name", "attributes", "events", "status", "traceState"]),
        json_values,
    ),
    st.dictionaries(
        st.sampled_from(["stringValue", "intValue", "doubleValue", "boolValue", "arrayValue"]), json_values
    ),
    st.sampled_from(sorted(OPTIONS.aliases.kinds)),
)
def test_any_json_in_any_field(fields: dict[str, Any], value: dict[str, Any], name: str) -> None:
    attributes = [*CHAT, {"key": name, "value": value}]
    promised(decode_otlp(spans_json(IDS | TIMES | {"attributes": attributes}), OPTIONS))
    promised(decode_otlp(spans_json(IDS | TIMES | {"attributes": attributes} | fields), OPTIONS))


@pytest.mark.parametrize("message", MESSAGES, ids=["traces", "logs", "traces_json", "logs_json"])
def test_every_truncation(message: bytes) -> None:
    for end in range(0, len(message), 3):
        batch = promised(decode_otlp(message[:end], OPTIONS))
        assert batch.reject is not None or message[:1] != b"{"
    assert decode_otlp(message, OPTIONS).reject is None


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "empty"),
        (None, "empty"),
        (b"{", "not_json"),
        (b'{"resourceSpans":1}', "wrong_type"),
        (b'{"resourceSpans":[]}', "empty"),
        (b'{"resourceMetrics":[{}]}', "other_signal"),
        (b'{"kind":"interaction"}', "not_otlp"),
        (b'{"a":' + b"[" * 100_000, "too_deep"),
        (b"\xff\xff\xff", "not_otlp"),
        (b"hello", "not_otlp"),
        (b"\n\x00", "other_signal"),
        (b"[]", "not_otlp"),
        (b"x" * 101, "too_large"),
    ],
)
def test_messages_refused_as_a_whole(value: bytes | None, reason: str) -> None:
    options = OtlpOptions(max_bytes=100) if reason == "too_large" else OPTIONS
    batch = promised(decode_otlp(value, options))
    assert batch.reject is not None
    assert batch.reject.reason == reason
    assert batch.rejected == {reason: 1}


def test_a_message_of_more_events_than_the_store_can_tell_apart_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    value = max(MESSAGES, key=lambda message: len(decode_otlp(message, OPTIONS).records))
    held = len(decode_otlp(value, OPTIONS).records)
    monkeypatch.setattr("schemas.otlp.MOST_EVENTS", held)
    assert decode_otlp(value, OPTIONS).reject is None
    monkeypatch.setattr("schemas.otlp.MOST_EVENTS", held - 1)
    batch = promised(decode_otlp(value, OPTIONS))
    assert batch.reject is not None
    assert batch.rejected == {"too_large": 1}
    assert not batch.records


def test_signals_are_told_apart_and_can_be_limited() -> None:
    for index in (0, 2):
        assert decode_otlp(MESSAGES[index], OPTIONS).spans == 1
        assert decode_otlp(MESSAGES[index + 1], OPTIONS).logs == 1
        assert decode_otlp(MESSAGES[index + 1], OtlpOptions(signals=frozenset({"traces"}))).reject is not None
        assert decode_otlp(MESSAGES[index], OtlpOptions(signals=frozenset({"logs"}))).reject is not None


def test_a_log_record_that_would_parse_as_a_span_is_a_log_record() -> None:
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add()
    record.time_unix_nano = 1_790_000_000 * 10**9
    value = request.SerializeToString()
    assert ExportTraceServiceRequest.FromString(value).resource_spans[0].scope_spans[0].spans
    assert (decode_otlp(value, OPTIONS).logs, decode_otlp(value, OPTIONS).spans) == (1, 0)


def test_metrics_are_refused() -> None:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add()
    metric.name = "gen_ai.client.token.usage"
    assert decode_otlp(request.SerializeToString(), OPTIONS).rejected == {"other_signal": 1}


def test_protobuf_that_begins_like_json_after_a_newline() -> None:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    span.trace_id, span.span_id, span.name = b"t" * 16, b"s" * 8, "x"
    group = request.resource_spans[0]
    group.schema_url = "u" * (123 - group.ByteSize() - 2)
    value = request.SerializeToString()
    assert value[:2] == b"\n{"
    assert decode_otlp(value, OPTIONS).spans == 1


def test_json_after_blanks() -> None:
    assert decode_otlp(b" \n\t\r" + MESSAGES[2] + b"\n", OPTIONS) == decode_otlp(MESSAGES[2], OPTIONS)


@pytest.mark.parametrize("number", [7, "7", 7.0])
@pytest.mark.parametrize("nanos", [1790000001500000000, "1790000001500000000"])
def test_integers_come_as_numbers_or_strings(number: object, nanos: object) -> None:
    attributes = [*CHAT, {"key": "gen_ai.usage.input_tokens", "value": {"intValue": number}}]
    times = {"startTimeUnixNano": 1_790_000_000 * 10**9, "endTimeUnixNano": nanos}
    event = only(promised(decode_otlp(spans_json(IDS | times | {"attributes": attributes}), OPTIONS)))
    assert (event.tokens_input, event.latency_ms) == (7, 1500.0)
    assert event.trace_id == IDS["traceId"].lower()


def test_unknown_fields_nulls_and_enums_of_any_kind() -> None:
    span: dict[str, Any] = (
        IDS | TIMES | {"attributes": CHAT, "kind": 3, "flags": 257, "droppedAttributesCount": 1, "events": None}
    )
    span |= {"links": [{"deep": [[[{}]]]}], "newField": {"a": [1]}, "status": {"code": 2, "message": "CANARY"}}
    batch = decode_otlp(spans_json(span, future={"a": 1}), OPTIONS)
    assert only(batch).error_type == "OTHER"
    assert "CANARY" not in repr(batch)
    named = IDS | TIMES | {"attributes": CHAT, "status": {"code": "STATUS_CODE_ERROR"}}
    assert only(decode_otlp(spans_json(named), OPTIONS)).error_type == "OTHER"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"traceId": "S/kvNXezTaajzpKdDg5HNg=="}, "bad_identifier"),  # base64, as protobuf's own JSON has it
        ({"spanId": ""}, "bad_identifier"),
        ({"endTimeUnixNano": "0"}, "bad_time"),
        ({"endTimeUnixNano": "1790000001"}, "bad_time"),  # seconds
        ({"endTimeUnixNano": "soon"}, "bad_time"),
        ({"endTimeUnixNano": 10**30}, "bad_time"),
    ],
)
def test_one_bad_span_leaves_its_neighbour(fields: dict[str, Any], reason: RejectReason) -> None:
    good = IDS | TIMES | {"attributes": CHAT}
    bad = good | {"spanId": "1" * 16} | fields
    batch = promised(decode_otlp(spans_json(bad, good), OPTIONS))
    assert only(batch).span_id == IDS["spanId"]
    assert batch.rejected == {reason: 1}


@pytest.mark.parametrize("value", [{"stringValue": 7}, {"intValue": "many"}, {"kvlistValue": {}}, None, 3, []])
def test_an_attribute_of_a_wrong_type_is_absent(value: Any) -> None:
    attributes = [*CHAT, *({"key": key, "value": value} for key in ("gen_ai.request.model", "llm.token_count.prompt"))]
    event = only(promised(decode_otlp(spans_json(IDS | TIMES | {"attributes": attributes}), OPTIONS)))
    assert (event.model, event.tokens_input) == (None, None)


def test_the_alias_table_speaks_the_contract_s_words() -> None:
    table = load(1)
    words = table.words
    expected = {"finish_reasons": FinishReason, "stages": Stage, "verdicts": Verdict, "outcomes": Outcome,
                "actions": Action, "assumed_actions": Action, "categories": Category}  # fmt: skip
    for name, vocabulary in expected.items():
        assert set(words[name].values()) <= set(get_args(vocabulary)), name
        assert all(word == word.lower() for word in words[name]), name
    assert set(words["assumed_actions"]) == set(get_args(Verdict))
    assert {meaning.signal for meaning in table.evaluations.values()} <= set(get_args(Signal))
    assert {meaning.category for meaning in table.evaluations.values()} <= {*get_args(Category), None}
    roles = {role for _, answers in table.roles for role in answers.values()} | set(table.span_names.values())
    assert roles == {"inference", "tool", "retrieval", "guardrail", "evaluator", "wrapper", "other"}
    assert "unknown" not in words["finish_reasons"].values()
