"""Canaries: a text in every place where content travels, and in every place where a name is expected."""

import pytest

from schemas.aliases import CONTENT, PRIVATE, load
from schemas.otlp import OtlpBatch, OtlpOptions
from schemas.telemetry import Interaction
from tests.schemas.otlp_cases import GENERATIONS, NEW, decoded, decoded_logs, only
from tests.schemas.otlp_producer import Producer

CANARY = "the canary sings at bob@mine.example"
ALIASES = load()
INDEXED = [
    "gen_ai.prompt.0.content", "gen_ai.completion.12.content", "gen_ai.completion.0.tool_calls.0.arguments",
    "llm.input_messages.3.message.content", "llm.output_messages.0.message.contents.0.message_content.text",
    "retrieval.documents.0.document.content", "gen_ai.input.messages.0",
]  # fmt: skip
DROPPED = [name for name, kind in ALIASES.kinds.items() if kind in (CONTENT, PRIVATE)]


def silent(batch: OtlpBatch) -> OtlpBatch:
    assert "canary" not in repr(batch).lower()
    assert "bob" not in repr(batch).lower()
    return batch


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("name", [*DROPPED, *INDEXED])
def test_content_attributes_are_dropped_and_counted(name: str, generation: str) -> None:
    producer = Producer()
    producer.leaf("chat", GENERATIONS[generation] | {name: CANARY})
    batch = silent(decoded(producer))
    counted = name if name in ALIASES.kinds else next(f"{f}*" for f in ALIASES.families if name.startswith(f))
    assert batch.content_dropped == {counted: 1}
    redaction = only(batch).redaction
    assert redaction is not None
    assert redaction.status == ("clean" if ALIASES.kinds.get(name) == PRIVATE else "failed")


def test_content_says_that_the_redactor_failed_whatever_it_says_itself() -> None:
    producer = Producer()
    told = {"safety.redaction.status": "applied", "safety.redaction.version": "r7"}
    producer.leaf("chat", NEW | told)
    producer.leaf("chat", NEW | told | {"gen_ai.input.messages": CANARY})
    events = [event for event in decoded(producer).events if isinstance(event, Interaction)]
    assert [event.redaction.status for event in events if event.redaction] == ["applied", "failed"]
    assert [event.redaction.version for event in events if event.redaction] == ["r7", "r7"]


def test_everything_else_a_producer_can_fill_with_text() -> None:
    options = OtlpOptions(reference_key=b"key", fallback_feature="unnamed")
    producer = Producer(host__name=CANARY, service__instance__id=CANARY, user=CANARY, service__version=CANARY)
    known = dict.fromkeys((name for name in ALIASES.kinds if name not in ALIASES.names["operation"]), CANARY)
    producer.leaf(f"chat {CANARY}", known | {"my.own.attribute": CANARY, "gen_ai.operation.name": "chat"})
    with producer.span(f"run_guardrail {CANARY}", known | {"gen_ai.operation.name": "run_guardrail"}) as span:
        span.add_event(CANARY, known)
        span.add_event("guard.evaluation", known)
        span.add_event("gen_ai.evaluation.result", known)
        span.record_exception(ValueError(CANARY))
    with producer.span(f"execute_tool {CANARY}", known):
        names = list(known)
        for start in range(0, len(names), 100):  # the SDK keeps 128 attributes of a log record
            some = dict.fromkeys(names[start : start + 100], CANARY)
            producer.log("gen_ai.evaluation.result", some, body=CANARY)
            producer.log("gen_ai.evaluation.result", some | {"gen_ai.evaluation.name": "toxicity"}, body=CANARY)
            producer.log("gen_ai.client.inference.operation.details", some, body={"a": CANARY})
    batch = silent(decoded(producer, options))
    assert batch.events
    assert set(batch.content_dropped) >= set(DROPPED)
    assert silent(decoded_logs(producer, options)).events


def test_counters_have_no_names_a_producer_can_choose() -> None:
    producer = Producer()
    producer.leaf("chat", NEW | {f"gen_ai.prompt.{CANARY}": "x", f"input.value.{CANARY}": "x", CANARY: "x"})
    batch = silent(decoded(producer))
    assert batch.content_dropped == {"gen_ai.prompt.*": 1}


def test_structured_content_in_any_value_is_never_read() -> None:
    producer = Producer()
    with producer.span("chat", NEW):
        producer.log(
            "gen_ai.client.inference.operation.details",
            {"gen_ai.input.messages": [{"role": "user", "parts": [{"content": CANARY}]}]},
        )
    batch = silent(decoded_logs(producer))
    assert batch.content_dropped == {"gen_ai.input.messages": 1}
