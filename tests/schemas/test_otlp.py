import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from schemas.otlp import OtlpOptions, decode_otlp
from schemas.outcomes import Bit, interaction_mask
from tests.schemas.otlp_cases import GENERATIONS, NEW, OPTIONS, chat, decoded, only
from tests.schemas.otlp_producer import Producer


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_generation_says_the_same(generation: str) -> None:
    producer = Producer()
    producer.leaf("chat gpt-4o", GENERATIONS[generation])
    batch = decoded(producer)
    event = only(batch)
    assert (event.provider, event.model) == ("openai", "gpt-4o-2024-08-06")
    assert (event.tokens_input, event.tokens_output) == (12, 34)
    assert (event.finish_reason, event.finish_reason_raw) == ("stop", "stop")
    assert (batch.spans, batch.rejected, batch.skipped) == (1, {}, {})


def test_identity_time_and_slice() -> None:
    producer = Producer(cloud__region="eu-central-1")
    producer.leaf("chat gpt-4o", NEW | {"safety.prompt.version": "support/v12", "safety.tenant": "0" * 32})
    event = only(decoded(producer))
    span = producer.finished[0]
    assert span.context is not None
    assert event.event_id == f"{span.context.trace_id:032x}:{span.context.span_id:016x}"
    assert event.event_id == f"{event.trace_id}:{event.span_id}"
    assert event.ts == datetime(2026, 9, 21, 14, 13, 22, tzinfo=UTC)
    assert event.latency_ms == 2000.0
    assert (event.feature, event.emitter, event.release) == ("support-chat", "support-chat", "2026.47.1")
    assert (event.prompt_version, event.region, event.tenant) == ("support/v12", "eu-central-1", "0" * 32)
    assert event.request_ref == hmac.digest(b"0123456789abcdef", b"chatcmpl-1", hashlib.sha256).hex()[:32]
    assert only(decoded(producer, OtlpOptions())).request_ref is None


def test_refusal_is_unknown_until_a_provider_says_so() -> None:
    stopped, refused = chat(), chat(gen_ai__response__finish_reasons=["stop", "refusal"])
    assert stopped.refusal is None
    assert not interaction_mask(stopped) & Bit.REFUSAL_EVALUATED
    assert refused.finish_reason == "refusal"
    assert refused.refusal is not None
    assert refused.refusal.refused
    assert interaction_mask(refused) & Bit.REFUSED


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("end_turn", "stop"),
        ("SAFETY", "content_filter"),
        ("FinishReason.MAX_TOKENS", "length"),
        ("guardrail_intervened", "content_filter"),
        ("tool_calls", "tool_call"),
        ("refusal", "refusal"),
        ("compaction", "unknown"),
        ("LANGUAGE", "unknown"),
    ],
)
def test_finish_reasons(raw: str, reason: str) -> None:
    event = chat(gen_ai__response__finish_reasons=[raw])
    assert (event.finish_reason, event.finish_reason_raw) == (reason, raw)


@pytest.mark.parametrize(
    ("raw", "kept"), [("brand_new", "brand_new"), ("I cannot help", ""), ("a@b.example", ""), ("x" * 65, ""), ("", "")]
)
def test_unknown_finish_reasons_are_counted_and_never_stop(raw: str, kept: str) -> None:
    producer = Producer()
    producer.leaf("chat gpt-4o", NEW | {"gen_ai.response.finish_reasons": ["stop", raw]})
    batch = decoded(producer)
    assert batch.unknown_finish_reasons == {kept: 1}
    assert only(batch).finish_reason == "unknown"
    assert only(batch).finish_reason_raw == (kept or None)


def test_no_finish_reason_and_errors() -> None:
    quiet = {name: value for name, value in NEW.items() if "finish" not in name}
    producer = Producer()
    producer.leaf("chat gpt-4o", quiet)
    assert only(decoded(producer)).finish_reason == "unknown"
    producer = Producer()
    producer.leaf("chat gpt-4o", quiet | {"error.type": "_OTHER"})
    failed = only(decoded(producer))
    assert (failed.finish_reason, failed.error_type) == ("error", "OTHER")
    assert chat(error__type="openai.RateLimitError").error_type == "openai.RateLimitError"
    assert chat(error__type="you wrote: my secret").error_type == "OTHER"


@pytest.mark.parametrize(
    ("attributes", "feature"),
    [
        ({}, "support-chat"),
        ({"safety.feature": "Trip Planner"}, "trip-planner"),
        ({"safety.feature": "call me at a@b.example"}, "support-chat"),
        ({"safety.feature": "this is a whole sentence"}, "support-chat"),
    ],
)
def test_feature(attributes: dict[str, str], feature: str) -> None:
    producer = Producer()
    producer.leaf("chat", NEW | attributes)
    assert only(decoded(producer)).feature == feature


def test_feature_order_allow_list_and_fallback() -> None:
    producer = Producer()
    producer.leaf("chat", NEW | {"gen_ai.agent.name": "planner"})
    agent_first = ("gen_ai.agent.name", "service.name")
    assert only(decoded(producer, OtlpOptions(feature_order=agent_first))).feature == "planner"
    allowed = OtlpOptions(feature_order=agent_first, features=frozenset({"support-chat"}))
    assert only(decoded(producer, allowed)).feature == "support-chat"
    nothing = OtlpOptions(features=frozenset({"other-thing"}))
    assert decoded(producer, nothing).rejected == {"missing_field": 1}
    assert not decoded(producer, nothing).events
    fallback = OtlpOptions(features=frozenset(), fallback_feature="unnamed")
    assert only(decoded(producer, fallback)).feature == "unnamed"


def test_values_outside_the_alphabets_are_left_out() -> None:
    event = chat(
        gen_ai__response__model="my model says hello",
        safety__tenant="alice@corp.example",
        safety__risk_tier="huge",
        gen_ai__usage__input_tokens=-1,
        gen_ai__usage__output_tokens=float("nan"),
    )
    assert (event.model, event.tenant, event.risk_tier) == ("gpt-4o", None, None)
    assert (event.tokens_input, event.tokens_output) == (None, None)
    assert chat(gen_ai__response__model="claude-3-5-sonnet@20240620").model == "claude-3-5-sonnet:20240620"


@pytest.mark.parametrize(
    ("state", "weight"),
    [("ot=th:8", 2), ("ot=rv:1234;th:c", 4), ("vendor=1,ot=th:f", 16), ("ot=th:0", 1), ("x=th:8", 7), ("", 7)],
)
def test_sample_weight_of_the_trace_state(state: str, weight: int) -> None:
    producer = Producer()
    producer.leaf("chat", NEW)
    request = ExportTraceServiceRequest.FromString(producer.traces())
    request.resource_spans[0].scope_spans[0].spans[0].trace_state = state
    batch = decode_otlp(request.SerializeToString(), OtlpOptions(sample_weight=7))
    assert only(batch).sample_weight == weight


def test_many_spans_in_a_message_of_several_resources() -> None:
    both = ExportTraceServiceRequest()
    for service in ("first", "second"):
        producer = Producer(service__name=service)
        for number in range(50):
            producer.leaf("chat", NEW | {"gen_ai.response.id": f"r{number}"})
            producer.leaf("GET /", {"http.request.method": "GET"})
        both.MergeFromString(producer.traces())
    batch = decode_otlp(both.SerializeToString(), OPTIONS)
    assert [event.feature for event in batch.events] == ["first"] * 50 + ["second"] * 50
    assert (batch.spans, batch.skipped) == (200, {"other": 100})
    assert len({event.event_id for event in batch.events}) == 100


def test_embeddings_and_plain_spans_are_no_interactions() -> None:
    producer = Producer()
    producer.leaf("embeddings x", {"gen_ai.operation.name": "embeddings", "gen_ai.request.model": "x"})
    producer.leaf("list_models", {"gen_ai.operation.name": "list_models", "gen_ai.request.model": "x"})
    producer.leaf("SELECT", {"db.system": "postgresql"})
    batch = decoded(producer)
    assert (batch.events, batch.skipped) == ([], {"other": 3})
