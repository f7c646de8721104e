import json

import pytest

from schemas.codec import MAX_RECORD_BYTES, Reject, decode
from schemas.topics import TELEMETRY_TOPIC
from tests.schemas.promises import check

DEPTH = 10_000


def test_content_is_named_before_other_faults() -> None:
    value = b'{"kind": "heartbeat", "feature": 1, "tokens": 2, "prompt": "x"}'
    assert decode(TELEMETRY_TOPIC.adapter, value) == Reject("content_field", "heartbeat")


@pytest.mark.parametrize(
    ("time", "good"),
    [
        ("0001-01-01T00:00:00Z", False),
        ("1999-12-31T23:59:59Z", False),
        ("2000-01-01T00:00:00+00:00", True),
        ("2199-12-31T23:59:59.999999999Z", True),
        ("2200-01-01T00:00:00Z", False),
        ("9999-12-31T23:59:59.999999999Z", False),
    ],
)
def test_times_are_of_these_centuries(time: str, good: bool) -> None:
    """A store holds no year 1, and an emitter that started then is none."""
    beat = {"kind": "heartbeat", "event_id": "heartbeat-1", "emitter": "e", "feature": "f", "interactions": 1}
    answer = check(TELEMETRY_TOPIC, json.dumps(beat | {"ts": time, "started_at": time}).encode())
    assert isinstance(answer, Reject) != good


def test_longest_honest_message_fits_a_record() -> None:
    guardrail = {"name": "g" * 63, "version": "v" * 64, "stage": "retrieval", "category": "sensitive_info_disclosure",
                 "verdict": "escalate", "action": "escalate", "outcome": "not_evaluated", "score": 0.1234567890123456,
                 "latency_ms": 12345678.123456789}  # fmt: skip
    call = {"name": "t" * 63, "permitted": False, "executed": False, "risk": "medium"}
    event = {"kind": "interaction", "event_id": "e" * 64, "ts": "2026-11-20T23:00:00.123456789+00:00",
             "emitter": "e" * 63, "feature": "f" * 63, "guardrails": [guardrail] * 32, "tool_calls": [call] * 128,
             "pii": {"input": ["date_of_birth"] * 16, "output": ["date_of_birth"] * 16}}  # fmt: skip
    event |= dict.fromkeys(("provider", "model", "prompt_version", "policy_version", "release", "region"), "x" * 64)
    value = json.dumps(event, indent=1).encode()
    assert not isinstance(check(TELEMETRY_TOPIC, value), Reject)
    assert len(value) < MAX_RECORD_BYTES


def test_by_size_alone() -> None:
    adapter = TELEMETRY_TOPIC.adapter
    assert decode(adapter, None) == decode(adapter, b"") == Reject("empty")
    assert decode(adapter, b" " * MAX_RECORD_BYTES) == Reject("not_json")
    assert decode(adapter, b" " * (MAX_RECORD_BYTES + 1)) == Reject("too_large")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\xff", "not_utf8"),
        (b'{"kind": "\xff"}', "not_utf8"),
        (b'{"\xff": 1}', "not_utf8"),
        (b"[" * DEPTH + b"]" * DEPTH, "too_deep"),
        (b'{"kind": "interaction", "tokens_input": ' + b"9" * 5000 + b"}", "out_of_range"),
        (b'{"kind": "interaction"} {}', "not_json"),
        (b"null", "not_object"),
    ],
)
def test_reason_of_a_broken_text(value: bytes, reason: str) -> None:
    assert decode(TELEMETRY_TOPIC.adapter, value) == Reject(reason)  # type: ignore[arg-type]  # from the table
