from typing import Any

import pytest

from schemas.outcomes import Bit, category_bit, evaluation_mask, interaction_mask
from schemas.telemetry import Guardrail
from tests.schemas.otlp_cases import NEW, chat, decoded, decoded_logs, evaluations, only
from tests.schemas.otlp_producer import Producer

PROPOSED = {
    "gen_ai.operation.name": "run_guardrail",
    "gen_ai.guardrail.component.name": "PII Filter",
    "gen_ai.guardrail.target.type": "output",
    "gen_ai.guardrail.target.subtype": "llm",
    "gen_ai.guardrail.verdict.type": "deny",
    "gen_ai.guardrail.action.type": "block",
    "gen_ai.guardrail.security.risk.category": "pii",
    "gen_ai.guardrail.security.risk.score": 0.9,
}
SECURITY = {
    "gen_ai.operation.name": "apply_guardrail",
    "gen_ai.guardian.name": "PII Filter",
    "gen_ai.security.target.type": "llm_output",
    "gen_ai.security.decision.type": "deny",
    "gen_ai.security.action.type": "block",
    "gen_ai.security.risk.category": "pii",
    "gen_ai.security.risk.score": 0.9,
}
SPANS: dict[str, tuple[str, dict[str, Any]]] = {
    "proposed": ("run_guardrail PII Filter", PROPOSED),
    "security": ("apply_guardrail PII Filter", SECURITY),
    "named by the span alone": (
        "execute_guardrail PII Filter",
        {"guardrail_mode": "post_call", "guardrail_status": "guardrail_intervened"},
    ),
    "litellm": (
        "guardrail",
        {
            "openinference.span.kind": "guardrail",
            "guardrail_name": "PII Filter",
            "guardrail_mode": "post_call",
            "guardrail_status": "guardrail_intervened",
            "guardrail_action": "GUARDRAIL_INTERVENED",
        },
    ),
    "ours": (
        "check",
        {
            "openinference.span.kind": "GUARDRAIL",
            "safety.guardrail.name": "PII Filter",
            "safety.guardrail.stage": "output",
            "safety.guardrail.verdict": "deny",
            "safety.guardrail.action": "block",
        },
    ),
}


def guarded(name: str, attributes: dict[str, Any]) -> Guardrail:
    producer = Producer()
    with producer.span("chat", NEW):
        producer.leaf(name, attributes)
    (guardrail,) = only(decoded(producer)).guardrails
    return guardrail


@pytest.mark.parametrize("dialect", SPANS)
def test_a_guardrail_span_below_its_request(dialect: str) -> None:
    name, attributes = SPANS[dialect]
    guardrail = guarded(name, attributes)
    assert (guardrail.name, guardrail.stage) == ("pii-filter", "output")
    assert (guardrail.verdict, guardrail.action, guardrail.outcome) == ("deny", "block", "evaluated")
    assert guardrail.latency_ms == 2000.0
    scored = any("risk.score" in key for key in attributes)
    assert (guardrail.category, guardrail.score) == (("pii", 0.9) if scored else ("other", None))


@pytest.mark.parametrize("dialect", SPANS)
def test_a_guardrail_span_whose_request_is_elsewhere(dialect: str) -> None:
    name, attributes = SPANS[dialect]
    producer = Producer()
    with producer.span("POST /v1/chat", {}):
        producer.leaf(name, attributes)
    (event,) = evaluations(decoded(producer))
    assert (event.signal, event.outcome, event.bad) == ("policy_violation", "evaluated", True)
    assert event.evaluator == "pii-filter"
    inside = guarded(name, attributes)
    outside = evaluation_mask(event)
    assert outside & Bit.POLICY_VIOLATED
    assert outside & category_bit(inside.category)


def test_openlit_tells_guardrails_as_events_of_the_request() -> None:
    producer = Producer()
    told = {
        "guard.name": "prompt_injection",
        "guard.phase": "preflight",
        "guard.action": "deny",
        "guard.score": 0.8,
        "guard.classification": "prompt_injection",
        "guard.explanation": "CANARY",
        "guard.latency_ms": 3.5,
    }
    with producer.span("chat", NEW) as span:
        span.add_event("guard.evaluation", told)
    batch = decoded(producer)
    event = only(batch)
    (guardrail,) = event.guardrails
    assert (guardrail.stage, guardrail.verdict, guardrail.action, guardrail.score) == ("input", "deny", "block", 0.8)
    assert guardrail.latency_ms == 3.5
    assert event.injection is not None
    assert (event.injection.detected, event.injection.vector) == (True, "direct")
    assert batch.assumed_actions == 1
    assert batch.content_dropped == {"guard.explanation": 1}


def test_openlit_events_of_a_span_that_is_no_request() -> None:
    producer = Producer()
    with producer.span("handle", {}) as span:
        span.add_event("guard.evaluation", {"guard.name": "g", "guard.action": "allow", "guard.phase": "preflight"})
    (event,) = evaluations(decoded(producer))
    assert (event.outcome, event.bad, event.evaluator) == ("evaluated", False, "g")


def test_a_prompt_injection_seen_elsewhere_is_an_attempt_too() -> None:
    producer = Producer()
    producer.leaf("run_guardrail x", PROPOSED | {
        "gen_ai.guardrail.target.type": "input", "gen_ai.guardrail.security.risk.category": "prompt_injection"
    })  # fmt: skip
    events = evaluations(decoded(producer))
    assert [event.signal for event in events] == ["policy_violation", "injection_attempt"]
    assert len({event.event_id for event in events}) == 2


def test_findings_of_a_guardrail_are_one_entry_each() -> None:
    producer = Producer()
    bare = {name: value for name, value in PROPOSED.items() if "security" not in name}
    with producer.span("chat", NEW), producer.span("run_guardrail x", bare) as span:
        for category in ("pii", "toxicity"):
            span.add_event("gen_ai.guardrail.security.finding", {"gen_ai.guardrail.security.risk.category": category})
    assert [entry.category for entry in only(decoded(producer)).guardrails] == ["pii", "toxicity"]


@pytest.mark.parametrize(
    ("attributes", "outcome", "bit"),
    [
        ({"error.type": "timeout"}, "error", Bit.GUARDRAIL_ERROR),
        ({"error.type": "timeout", "gen_ai.guardrail.action.type": "allow"}, "bypassed", Bit.GUARDRAIL_BYPASSED),
        ({"error.type": "timeout", "safety.guardrail.failed_open": True}, "bypassed", Bit.GUARDRAIL_BYPASSED),
        ({"guardrail_status": "guardrail_failed_to_respond"}, "error", Bit.GUARDRAIL_ERROR),
        ({"guardrail_status": "not_run"}, "not_evaluated", 0),
        ({"gen_ai.guardrail.verdict.type": "a new word"}, "not_evaluated", 0),
        ({}, "not_evaluated", 0),
    ],
)
def test_no_verdict_is_never_a_pass(attributes: dict[str, Any], outcome: str, bit: int) -> None:
    producer = Producer()
    with producer.span("chat", NEW):
        producer.leaf("run_guardrail g", {"gen_ai.operation.name": "run_guardrail"} | attributes)
    event = only(decoded(producer))
    assert (event.guardrails[0].outcome, event.guardrails[0].verdict) == (outcome, None)
    mask = interaction_mask(event)
    assert not mask & Bit.POLICY_EVALUATED
    assert mask & (Bit.GUARDRAIL_ERROR | Bit.GUARDRAIL_BYPASSED) == bit


def test_a_verdict_in_the_span_of_the_request_itself() -> None:
    event = chat(gen_ai__security__decision__type="deny", gen_ai__security__target__type="llm_input")
    assert [(entry.stage, entry.verdict) for entry in event.guardrails] == [("input", "deny")]


def test_more_guardrails_than_an_event_holds_are_counted() -> None:
    producer = Producer()
    with producer.span("chat", NEW):
        for _ in range(40):
            producer.leaf("run_guardrail g", PROPOSED)
    batch = decoded(producer)
    assert len(only(batch).guardrails) == 32
    assert batch.rejected == {"out_of_range": 8}


def test_the_result_event_of_agents() -> None:
    producer = Producer()
    with producer.span("guardrail", {}):
        producer.log("gen_ai.guardrail.result", {
            "gen_ai.guardrail.component.name": "content_filter", "gen_ai.guardrail.verdict.type": "deny"
        })  # fmt: skip
    (event,) = evaluations(decoded_logs(producer))
    assert (event.signal, event.bad, event.evaluator) == ("policy_violation", True, "content_filter")
