"""The records that OTLP becomes: the hot path's decoder takes all of them, and pydantic says the same."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from schemas.aliases import load
from schemas.otlp import OtlpOptions, decode_otlp
from schemas.otlp_fields import Reader
from schemas.otlp_item import Attributes, Item
from schemas.topics import TELEMETRY_TOPIC
from tests.schemas.test_fast import agrees
from tests.schemas.test_otlp_attributes import pairs, texts

START = 1_790_000_000 * 10**9
OPTIONS = OtlpOptions(reference_key=b"0123456789abcdef", fallback_feature="unnamed", assume_tools_permitted=True)
ROLES = ["chat", "chat", "chat", "execute_tool", "retrieval", "run_guardrail", "invoke_agent", "evaluate"]
EVENTS = list(load().events)
ids = st.integers(1, 5).map(lambda number: bytes([number]) * 8)
marks = st.builds(Span.Event, name=st.sampled_from(EVENTS), attributes=pairs, time_unix_nano=st.just(START))


@st.composite
def spans(draw: st.DrawFn) -> Span:
    """A span among a few that are each other's parents, doubles and guardrails."""
    role = KeyValue(key="gen_ai.operation.name", value=AnyValue(string_value=draw(st.sampled_from(ROLES))))
    return Span(
        trace_id=b"t" * 16,
        span_id=draw(ids),
        parent_span_id=draw(st.just(b"") | ids),
        name=draw(texts),
        start_time_unix_nano=START,
        end_time_unix_nano=START + draw(st.integers(0, 10**12)),
        attributes=[*draw(pairs), role],
        events=draw(st.lists(marks, max_size=2)),
    )


def message(some: list[Span], resource: list[KeyValue]) -> bytes:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.extend(resource)
    group.scope_spans.add().spans.extend(some)
    return request.SerializeToString()  # type: ignore[no-any-return]  # it ships no types


@given(st.lists(spans(), min_size=1, max_size=5), pairs)
def test_the_fast_way_takes_every_record_and_pydantic_agrees(some: list[Span], resource: list[KeyValue]) -> None:
    batch = decode_otlp(message(some, resource), OPTIONS)
    assert batch.reject is None
    for record in batch.records:
        assert agrees(TELEMETRY_TOPIC, record), record


NAMES = ["safety.feature", "service.name", "gen_ai.agent.name", "gen_ai.system", "gen_ai.provider.name",
         "gen_ai.request.model", "gen_ai.response.model", "safety.tenant", "safety.arm", "safety.risk_tier",
         "safety.locale", "cloud.region", "service.version", "safety.synthetic"]  # fmt: skip
words = st.sampled_from(["a", "b", "OpenAI", "canary", "ga", "de-DE", "0" * 32, "Trip Planner", "no name at all, this"])
attributes: st.SearchStrategy[dict[str, Any]] = st.dictionaries(st.sampled_from(NAMES), words, max_size=8)


def envelope(reader: Reader, item: Item) -> Any:
    return reader.envelope(item, reader.layout(item.attributes), "interaction", "e" * 8, START)


@given(st.lists(st.tuples(attributes, attributes), min_size=2, max_size=6))
def test_what_is_remembered_of_one_item_is_told_of_no_other(said: list[tuple[Attributes, Attributes]]) -> None:
    used = Reader(OPTIONS)
    for own, resource in [*said, *reversed(said)]:
        item = Item(resource, own, "0" * 32, "1" * 16, "", "chat", START, START)
        told = envelope(used, item)
        assert told == envelope(Reader(OPTIONS), item)
        assert isinstance(told, dict)
        told.clear()  # the caller may do with it what it likes


def test_of_several_names_the_best_whose_value_fits_is_taken_and_the_item_comes_before_its_resource() -> None:
    def model(own: Attributes, resource: Attributes) -> Any:
        fields = envelope(Reader(OPTIONS), Item(resource, own, "", "", "", "", 0, START))
        assert isinstance(fields, dict)
        return fields.get("model")

    response, request = "gen_ai.response.model", "gen_ai.request.model"
    assert model({request: "second", response: "first"}, {}) == "first"
    assert model({request: "second", response: "no identifier"}, {}) == "second"
    assert model({request: "second"}, {response: "first"}) == "second"
    assert model({response: "no identifier"}, {request: "second"}) == "second"
    assert model({}, {}) is None
