from typing import Any

import pytest

from schemas.otlp import OtlpBatch, OtlpOptions
from tests.schemas.otlp_cases import NEW, OPTIONS, decoded, decoded_logs, evaluations
from tests.schemas.otlp_producer import Producer


def judged(options: OtlpOptions = OPTIONS, **attributes: Any) -> OtlpBatch:
    producer = Producer(service__name="judge")
    with producer.span("chat", NEW):
        named = {f"gen_ai.evaluation.{name.replace('__', '.')}": value for name, value in attributes.items()}
        producer.log("gen_ai.evaluation.result", named | {"safety.feature": "support-chat"})
    batch = decoded_logs(producer, options)
    assert batch.logs == 1
    return batch


@pytest.mark.parametrize(
    ("name", "label", "signal", "bad"),
    [
        ("Toxicity", "pass", "harmful_output", False),
        ("toxicity", "fail", "harmful_output", True),
        ("Groundedness", "yes", "ungrounded", False),
        ("hallucination", "Yes", "ungrounded", True),
        ("groundedness", "ungrounded", "ungrounded", True),
        ("refusal", "not refused", "refusal", False),
        ("refusal", "true", "refusal", True),
        ("Prompt Injection", "detected", "injection_attempt", True),
        ("jailbreak", "false", "jailbreak_success", False),
    ],
)
def test_labels(name: str, label: str, signal: str, bad: bool) -> None:
    (event,) = evaluations(judged(name=name, score__label=label, score__value=0.5))
    assert (event.signal, event.outcome, event.bad, event.score) == (signal, "evaluated", bad, 0.5)
    assert event.feature == "support-chat"
    assert event.emitter == "judge"
    assert event.trace_id is not None
    assert event.span_id is not None


def test_an_evaluator_that_failed_passed_nothing() -> None:
    producer = Producer()
    producer.log("gen_ai.evaluation.result", {
        "gen_ai.evaluation.name": "toxicity", "gen_ai.evaluation.score.label": "pass", "error.type": "timeout"
    })  # fmt: skip
    (event,) = evaluations(decoded_logs(producer))
    assert (event.outcome, event.bad) == ("error", None)


@pytest.mark.parametrize("label", ["sort of", ""])
def test_a_label_nobody_knows_is_no_verdict(label: str) -> None:
    (event,) = evaluations(judged(name="toxicity", score__label=label, score__value=0.9))
    assert (event.outcome, event.bad) == ("not_evaluated", None)


@pytest.mark.parametrize(
    ("name", "score", "bad"),
    [("toxicity", 0.9, True), ("toxicity", 0.1, False), ("groundedness", 0.9, False), ("groundedness", 0.1, True)],
)
def test_a_score_is_a_verdict_where_the_operator_gave_a_threshold(name: str, score: float, bad: bool) -> None:
    (event,) = evaluations(judged(OtlpOptions(thresholds={name: 0.5}), name=name, score__value=score))
    assert (event.outcome, event.bad) == ("evaluated", bad)
    (event,) = evaluations(judged(name=name, score__value=score))
    assert (event.outcome, event.bad) == ("not_evaluated", None)


def test_what_is_no_safety_signal_and_what_has_no_name() -> None:
    assert judged(name="Relevance", score__label="pass").skipped == {"unmapped_evaluation": 1}
    assert judged(score__label="pass").rejected == {"missing_field": 1}


def test_ids_are_the_same_for_a_repeat_and_differ_between_evaluators() -> None:
    producer = Producer()
    with producer.span("chat", NEW):
        for name in ("toxicity", "refusal", "toxicity"):
            producer.log("gen_ai.evaluation.result", {"gen_ai.evaluation.name": name})
    first, second, repeat = evaluations(decoded_logs(producer))
    assert first.event_id == repeat.event_id != second.event_id


def test_an_evaluation_told_as_an_event_of_the_span() -> None:
    producer = Producer()
    with producer.span("chat", NEW) as span:
        span.add_event("gen_ai.evaluation.result", {
            "gen_ai.evaluation.name": "pii", "gen_ai.evaluation.score.label": "leaked"
        })  # fmt: skip
    batch = decoded(producer)
    (event,) = evaluations(batch)
    assert (event.signal, event.bad, len(batch.events)) == ("pii_leak", True, 2)


def test_other_log_records_are_counted() -> None:
    producer = Producer()
    producer.log("gen_ai.user.message", {}, body={"content": "CANARY"})
    producer.log("", {"http.route": "/"}, body="CANARY")
    batch = decoded_logs(producer)
    assert (batch.events, batch.skipped, batch.content_dropped) == ([], {"other": 2}, {"body": 1})
