"""Incidents and answers for tests, as rows of the store."""

from typing import Any

from tests.store.seeds import at

ANN, BOB = "a" * 32, "b" * 32
RESPONSE, VERDICT = "incident_response", "incident_verdict"


def number(n: int) -> str:
    """The id of an incident."""
    return f"{n:032x}"


def incident(n: int, **other: Any) -> dict[str, Any]:
    """What the scorer wrote: an hour's rise of refusals, detected after a minute."""
    return {
        "incident_id": number(n),
        "feature": "chat",
        "kpi": "refusal_rate",
        "state": "open",
        "severity": "critical",
        "direction": "up",
        "onset": at(0),
        "detected_at": at(60),
        "resolved_at": None,
        "evaluated": 1200,
        "bad": 480,
        "observed_rate": 0.4,
        "expected_rate": 0.04,
        "interval_low": 0.364,
        "interval_high": 0.437,
        "log_e": 40.25,
        "coverage": 0.98,
        "detector": "statespace",
        "policy_version": "v1",
        "updated_at": at(60),
    } | other


def answer(offset: int, n: int, said: str, seconds: float, by: str = ANN, **other: Any) -> dict[str, Any]:
    """What somebody said of an incident, as it is stored."""
    steps = ("acknowledged", "mitigated", "resolved")
    return {
        "topic": "ai.reviews",
        "partition": 0,
        "offset": offset,
        "event_id": f"review-{offset:04d}",
        "ts": at(seconds),
        "emitter": "vigil",
        "source": RESPONSE if said in steps else VERDICT,
        "verdict": said,
        "incident_id": number(n),
        "reviewer_ref": by,
    } | other
