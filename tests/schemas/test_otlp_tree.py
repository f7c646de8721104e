from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from schemas.otlp import OtlpOptions, decode_otlp
from schemas.telemetry import Interaction
from tests.schemas.otlp_cases import NEW, OPENINFERENCE, decoded, only
from tests.schemas.otlp_producer import Producer

AGENT = {"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}
TOOL = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "send_mail"}


def test_wrappers_are_counted_and_not_interactions() -> None:
    producer = Producer()
    with (
        producer.span("invoke_workflow w", {"gen_ai.operation.name": "invoke_workflow"}),
        producer.span("chain", {"openinference.span.kind": "CHAIN"}),
        producer.span("task", {"traceloop.span.kind": "task"}),
        producer.span("invoke_agent a", AGENT),
    ):
        producer.leaf("chat", NEW)
        producer.leaf("chat", NEW | {"gen_ai.response.id": "chatcmpl-2"})
    batch = decoded(producer)
    assert len(batch.events) == 2
    assert batch.wrappers_skipped == 4


def test_a_framework_span_around_a_provider_span_counts_once() -> None:
    producer = Producer()
    outer = OPENINFERENCE | {"safety.feature": "inner-feature", "llm.finish_reason": "stop"}
    with producer.span("ChatOpenAI", outer), producer.span("http", {"http.method": "POST"}):
        producer.leaf("chat", NEW | {"gen_ai.response.finish_reasons": ["refusal"]})
    batch = decoded(producer)
    event = only(batch)
    assert event.finish_reason == "refusal"
    assert event.feature == "inner-feature"
    assert batch.skipped == {"wrapper": 1, "other": 1}


def test_siblings_with_one_response_id_count_once_and_the_graver_is_kept() -> None:
    for reasons in (["stop"], ["refusal"]), (["refusal"], ["stop"]):
        producer = Producer()
        with producer.span("GET", {}):
            for reason in reasons:
                producer.leaf("chat", NEW | {"gen_ai.response.finish_reasons": reason})
        batch = decoded(producer)
        assert only(batch).finish_reason == "refusal"
        assert batch.skipped == {"double": 1, "other": 1}


def test_one_response_id_in_two_traces_is_two_responses() -> None:
    producer = Producer()
    producer.leaf("chat", NEW)
    producer.leaf("chat", NEW)
    assert len(decoded(producer).events) == 2


def test_a_judge_below_a_guardrail_is_no_interaction() -> None:
    producer = Producer()
    with producer.span("chat", NEW), producer.span("guard", {"openinference.span.kind": "GUARDRAIL"}):
        producer.leaf("chat", NEW | {"gen_ai.response.id": "judge-1"})
    batch = decoded(producer)
    assert only(batch).request_ref is not None
    assert len(only(batch).guardrails) == 1
    assert batch.skipped == {"judge": 1}


def test_a_tool_that_asks_a_model_makes_a_request_of_its_own() -> None:
    producer = Producer()
    with producer.span("chat", NEW), producer.span("execute_tool t", TOOL):
        producer.leaf("chat", NEW | {"gen_ai.response.id": "chatcmpl-2"})
    assert len(decoded(producer).events) == 2


def test_tool_calls_below_and_beside() -> None:
    producer = Producer()
    permitted = TOOL | {"safety.tool.permitted": True}
    refused = TOOL | {"safety.tool.permitted": False, "safety.tool.executed": False, "safety.tool.risk": "high"}
    with producer.span("invoke_agent a", AGENT):
        producer.leaf("chat", NEW)
        producer.leaf("execute_tool send_mail", permitted)
        with producer.span("chat", NEW | {"gen_ai.response.id": "chatcmpl-2"}):
            producer.leaf("execute_tool send_mail", refused)
    first, second = [event for event in decoded(producer).events if isinstance(event, Interaction)]
    calls = sorted((*first.tool_calls, *second.tool_calls), key=lambda call: call.permitted)
    assert [(call.name, call.permitted, call.executed, call.risk) for call in calls] == [
        ("send_mail", False, False, "high"),
        ("send_mail", True, True, None),
    ]
    assert len(first.tool_calls) == len(second.tool_calls) == 1


def test_a_tool_call_nobody_judged_is_counted_unless_told_otherwise() -> None:
    producer = Producer()
    with producer.span("chat", NEW):
        producer.leaf("execute_tool send_mail", TOOL)
    batch = decoded(producer)
    assert (only(batch).tool_calls, batch.skipped) == ((), {"unjudged_tool": 1})
    call = only(decoded(producer, OtlpOptions(assume_tools_permitted=True))).tool_calls[0]
    assert (call.name, call.permitted, call.executed) == ("send_mail", True, True)


def test_a_tool_call_without_its_request_is_an_orphan() -> None:
    producer = Producer()
    producer.leaf("execute_tool t", TOOL | {"safety.tool.permitted": True})
    producer.leaf("retrieval", {"gen_ai.operation.name": "retrieval"})
    assert decoded(producer).skipped == {"orphan": 2}


def test_retrieval_beside_or_below_makes_grounding_required() -> None:
    for kind in {"gen_ai.operation.name": "retrieval"}, {"openinference.span.kind": "RETRIEVER"}:
        producer = Producer()
        with producer.span("invoke_agent", AGENT):
            producer.leaf("retrieval", kind)
            producer.leaf("chat", NEW)
        grounding = only(decoded(producer)).grounding
        assert grounding is not None
        assert (grounding.required, grounding.grounded) == (True, None)
    producer = Producer()
    with producer.span("chat", NEW):
        producer.leaf("retrieval", {"gen_ai.operation.name": "retrieval"})
    assert only(decoded(producer)).grounding is not None


def test_parents_in_a_circle_end() -> None:
    producer = Producer()
    with producer.span("chat", NEW):
        producer.leaf("chat", NEW)
    request = ExportTraceServiceRequest.FromString(producer.traces())
    inner, outer = request.resource_spans[0].scope_spans[0].spans
    outer.parent_span_id = inner.span_id
    batch = decode_otlp(request.SerializeToString(), OtlpOptions())
    assert (batch.spans, len(batch.events)) == (2, 1)
