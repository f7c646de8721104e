import json
from typing import Any, get_args

import pytest

from schemas.kpis import CATALOGUE, counts
from schemas.outcomes import evaluation_mask, interaction_mask
from schemas.telemetry import Evaluation, Interaction
from schemas.vocabulary import Category, Signal

NOW = "2026-11-20T23:00:00Z"
Fields = dict[str, Any]


def interaction(fields: Fields) -> Interaction:
    base = {"kind": "interaction", "event_id": "event-0001", "emitter": "gateway", "feature": "chat", "ts": NOW}
    return Interaction.model_validate_json(json.dumps(base | fields))


def evaluation(fields: Fields) -> Evaluation:
    base = {"kind": "evaluation", "event_id": "event-0002", "emitter": "judge", "feature": "chat", "ts": NOW}
    return Evaluation.model_validate_json(json.dumps(base | {"evaluator": "judge-a"} | fields))


def guardrail(**fields: Any) -> Fields:
    base = {"name": "g", "stage": "output", "category": "hate", "verdict": "allow", "action": "allow"}
    return base | {"outcome": "evaluated"} | fields


def kpis_of(mask: int) -> dict[str, str]:
    """KPI to "bad" or "good"; those that nobody evaluated are absent."""
    judged = {name: counts(kpi, mask) for name, kpi in CATALOGUE.items()}
    return {name: "bad" if bad else "good" for name, (bad, evaluated, _) in judged.items() if evaluated}


def differences(mask: int) -> dict[str, str]:
    """What these fields change in the KPIs of a bare interaction; by category only where it is bad."""
    bare = kpis_of(interaction_mask(interaction({})))
    return {
        name: word
        for name, word in kpis_of(mask).items()
        if bare.get(name) != word and not (word == "good" and "." in name)
    }


GUARDED = {"guardrail_bypass_rate": "good", "guardrail_error_rate": "good"}
CLEAN = GUARDED | {"policy_violation_rate": "good", "harmful_output_rate": "good"}
VIOLATED = GUARDED | {"policy_violation_rate": "bad", "policy_violation_rate.hate": "bad"}

INTERACTIONS: list[tuple[str, Fields, dict[str, str]]] = [
    ("bare", {}, {}),
    ("refused", {"refusal": {"refused": True}}, {"refusal_rate": "bad"}),
    ("not refused", {"refusal": {"refused": False}}, {"refusal_rate": "good"}),
    ("finished", {"finish_reason": "stop"}, {"unknown_outcome_rate": "good"}),
    ("provider filter", {"finish_reason": "content_filter"}, {"block_rate": "bad", "unknown_outcome_rate": "good"}),
    ("guardrail passed", {"guardrails": [guardrail()]}, CLEAN),
    ("policy lets pass", {"guardrails": [guardrail(verdict="warn", action="audit")]}, CLEAN),
    ("failed open", {"guardrails": [guardrail(outcome="bypassed")]}, GUARDED | {"guardrail_bypass_rate": "bad"}),
    ("erred", {"guardrails": [guardrail(outcome="error")]}, GUARDED | {"guardrail_error_rate": "bad"}),
    ("skipped", {"guardrails": [guardrail(outcome="not_evaluated")]}, GUARDED),
    (
        "erred and failed closed",
        {"guardrails": [guardrail(outcome="error", action="block")]},
        GUARDED | {"guardrail_error_rate": "bad", "block_rate": "bad"},
    ),
    (
        "violation delivered",
        {"guardrails": [guardrail(verdict="deny", action="allow")]},
        VIOLATED | {"harmful_output_rate": "bad"},
    ),
    (
        "violation only recorded",
        {"guardrails": [guardrail(verdict="escalate", action="audit")]},
        VIOLATED | {"harmful_output_rate": "bad"},
    ),
    (
        "violation blocked",
        {"guardrails": [guardrail(verdict="deny", action="block")]},
        VIOLATED | {"harmful_output_rate": "good", "block_rate": "bad"},
    ),
    (
        "violation modified",
        {"guardrails": [guardrail(verdict="modify", action="modify")]},
        VIOLATED | {"harmful_output_rate": "good"},
    ),
    (
        "one let it pass, another blocked it",
        {"guardrails": [guardrail(verdict="deny", action="audit"), guardrail(verdict="deny", action="block")]},
        VIOLATED | {"harmful_output_rate": "good", "block_rate": "bad"},
    ),
    (
        "a blocked tool call withholds no answer",
        {"guardrails": [guardrail(verdict="deny"), guardrail(stage="tool", verdict="deny", action="block")]},
        VIOLATED | {"harmful_output_rate": "bad", "block_rate": "bad"},
    ),
    ("violation in the input", {"guardrails": [guardrail(stage="input", verdict="deny")]}, VIOLATED),
    ("PII in the output", {"pii": {"output": ["email"]}}, {"pii_leak_rate": "bad"}),
    ("PII in the input, output not scanned", {"pii": {"input": ["email"]}}, {}),
    ("PII in the input only", {"pii": {"input": ["email"], "output": []}}, {"pii_leak_rate": "good"}),
    ("no injection", {"injection": {"detected": False}}, {"injection_attempt_rate": "good"}),
    ("injection, unknown", {"injection": {"detected": True}}, {"injection_attempt_rate": "bad"}),
    (
        "injection worked",
        {"injection": {"detected": True, "succeeded": True}},
        {"injection_attempt_rate": "bad", "injection_success_rate": "bad"},
    ),
    (
        "injection failed",
        {"injection": {"detected": True, "succeeded": False}},
        {"injection_attempt_rate": "bad", "injection_success_rate": "good"},
    ),
    (
        "unsafe tool call executed",
        {"tool_calls": [{"name": "pay", "permitted": False, "executed": True}]},
        {"unsafe_tool_call_rate": "bad"},
    ),
    (
        "unsafe tool call stopped",
        {"tool_calls": [{"name": "pay", "permitted": False, "executed": False}]},
        {"unsafe_tool_call_rate": "good"},
    ),
    (
        "permitted tool call, and one stopped",
        {"tool_calls": [{"name": "a", "permitted": True, "executed": True},
                        {"name": "b", "permitted": False, "executed": False}]},
        {"unsafe_tool_call_rate": "good"},
    ),
    ("ungrounded", {"grounding": {"required": True, "grounded": False}}, {"ungrounded_rate": "bad"}),
    ("grounded", {"grounding": {"required": True, "grounded": True}}, {"ungrounded_rate": "good"}),
    ("grounding unchecked", {"grounding": {"required": True}}, {}),
    ("grounding not required", {"grounding": {"required": False, "grounded": False}}, {}),
    (
        "all fields there",
        {"model": "m", "prompt_version": "1", "policy_version": "1", "release": "1"},
        {"field_completeness": "good"},
    ),
    ("one field missing", {"model": "m", "prompt_version": "1", "policy_version": "1"}, {}),
    ("redacted", {"redaction": {"status": "applied"}}, {"redaction_compliance": "good"}),
    ("nothing to redact", {"redaction": {"status": "clean"}}, {"redaction_compliance": "good"}),
    ("redaction failed", {"redaction": {"status": "failed"}}, {}),
    ("redaction skipped", {"redaction": {"status": "skipped"}}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "expected"), [c[1:] for c in INTERACTIONS], ids=[c[0] for c in INTERACTIONS])
def test_interaction(fields: Fields, expected: dict[str, str]) -> None:
    assert differences(interaction_mask(interaction(fields))) == expected


def test_a_bare_interaction_is_incomplete_unredacted_and_of_unknown_outcome() -> None:
    assert kpis_of(interaction_mask(interaction({}))) == {
        "block_rate": "good",
        "unknown_outcome_rate": "bad",
        "field_completeness": "bad",
        "redaction_compliance": "bad",
    }


EVALUATIONS: list[tuple[str, str]] = [
    ("refusal", "refusal_rate"),
    ("policy_violation", "policy_violation_rate"),
    ("harmful_output", "harmful_output_rate"),
    ("pii_leak", "pii_leak_rate"),
    ("injection_attempt", "injection_attempt_rate"),
    ("injection_success", "injection_success_rate"),
    ("jailbreak_success", "jailbreak_success_rate"),
    ("ungrounded", "ungrounded_rate"),
]


@pytest.mark.parametrize(("signal", "kpi"), EVALUATIONS)
def test_evaluation(signal: str, kpi: str) -> None:
    def words(**fields: Any) -> dict[str, str]:
        mask = evaluation_mask(evaluation({"signal": signal} | fields))
        return {name: word for name, word in kpis_of(mask).items() if "." not in name}

    assert words(outcome="evaluated", bad=True) == {kpi: "bad"}
    assert words(outcome="evaluated", bad=False) == {kpi: "good"}
    assert words(outcome="evaluated") == {}
    assert all(words(outcome=outcome, bad=True) == {} for outcome in ("not_evaluated", "error", "bypassed"))
    assert words(outcome="evaluated", bad=True, synthetic="probe-0001") == {}


def test_every_signal_has_its_mask() -> None:
    assert {signal for signal, _ in EVALUATIONS} | {"refusal_quality"} == set(get_args(Signal))
    quality = evaluation({"signal": "refusal_quality", "outcome": "evaluated", "bad": True})
    assert evaluation_mask(quality) == 0


def test_category_of_a_later_verdict() -> None:
    fields = {"outcome": "evaluated", "bad": True, "category": "weapons"}
    violation = kpis_of(evaluation_mask(evaluation(fields | {"signal": "policy_violation"})))
    assert violation["policy_violation_rate.weapons"] == "bad"
    assert violation["policy_violation_rate.hate"] == "good"
    assert "policy_violation_rate.weapons" not in kpis_of(evaluation_mask(evaluation(fields | {"signal": "refusal"})))


@pytest.mark.parametrize("category", get_args(Category))
def test_category_of_a_guardrail(category: str) -> None:
    mask = interaction_mask(interaction({"guardrails": [guardrail(category=category, verdict="deny")]}))
    by_category = {name: word for name, word in kpis_of(mask).items() if "." in name}
    assert [name for name, word in by_category.items() if word == "bad"] == [f"policy_violation_rate.{category}"]
