"""What the filters made of a probe follows from its mask alone."""

import json

import pytest

from schemas.outcomes import Bit, interaction_mask
from schemas.probes import PROBE, is_probe, probe_outcome
from schemas.telemetry import Interaction

BASE = {"kind": "interaction", "event_id": "probe-00001", "ts": "2026-11-20T12:00:00Z", "emitter": "gateway"}
LOOKS = {"name": "toxicity", "stage": "input", "category": "jailbreak", "outcome": "evaluated"}
FINDS = LOOKS | {"verdict": "deny", "action": "block"}
PASSES = LOOKS | {"verdict": "allow", "action": "allow"}
ERRS = LOOKS | {"outcome": "error", "action": "allow"}


def outcome_of(**said: object) -> str:
    probe = Interaction.model_validate_json(json.dumps(BASE | {"feature": "chat", "synthetic": "probe-00001"} | said))
    assert is_probe(interaction_mask(probe))
    return probe_outcome(interaction_mask(probe))


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("caught", {"guardrails": [FINDS]}),
        ("caught", {"guardrails": [FINDS | {"action": "allow"}]}),  # it was seen, if only noted
        ("caught", {"guardrails": [PASSES, FINDS]}),
        ("caught", {"injection": {"detected": True}}),
        ("caught", {"finish_reason": "content_filter"}),
        ("missed", {"guardrails": [PASSES]}),
        ("missed", {"guardrails": [PASSES, ERRS]}),
        ("missed", {"guardrails": [LOOKS | {"verdict": "warn", "action": "allow"}]}),
        ("missed", {"injection": {"detected": False}}),
        ("missed", {"guardrails": [PASSES], "finish_reason": "refusal"}),  # the model refused; no filter did
        ("not_evaluated", {}),
        ("not_evaluated", {"finish_reason": "refusal"}),
        ("not_evaluated", {"guardrails": [ERRS]}),
        ("not_evaluated", {"guardrails": [ERRS | {"action": "block"}]}),  # failing closed blocks good and bad
        ("not_evaluated", {"guardrails": [LOOKS | {"outcome": "bypassed", "action": "allow"}]}),
    ],
)
def test_unknown_is_neither_caught_nor_missed(outcome: str, said: dict[str, object]) -> None:
    assert outcome_of(**said) == outcome


def test_only_a_synthetic_interaction_is_a_probe() -> None:
    assert is_probe(PROBE | Bit.REFUSED)
    assert not is_probe(Bit.INTERACTION)
    assert not is_probe(Bit.SYNTHETIC | Bit.POLICY_EVALUATED)  # a later verdict on one
