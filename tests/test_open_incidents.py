from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry, Gauge

from monitor.open_incidents import OpenIncidents
from schemas.finding import Incident

A, B = "a" * 32, "b" * 32
NAME = "vigil_incident_open"


def incident(incident_id: str, feature: str = "chat", **other: Any) -> Incident:
    said: dict[str, Any] = {
        "incident_id": incident_id,
        "feature": feature,
        "kpi": "refusal_rate",
        "state": "open",
        "severity": "critical",
        "direction": "up",
        "onset": datetime(2026, 11, 20, tzinfo=UTC),
        "detected_at": datetime(2026, 11, 20, tzinfo=UTC),
        "evaluated": 1,
        "bad": 1,
        "observed_rate": 1.0,
        "expected_rate": 0.1,
        "interval_low": 0.0,
        "interval_high": 1.0,
        "log_e": 30.0,
        "coverage": 1.0,
        "detector": "d",
        "policy_version": "v",
    }
    return Incident.model_validate(said | other)


def made(label: str | None = None) -> tuple[OpenIncidents, CollectorRegistry]:
    registry = CollectorRegistry()
    gauge = Gauge(NAME, "Whether an incident is open.", ["feature", "kpi", "direction"], registry=registry)
    return OpenIncidents(gauge, lambda feature: label or feature), registry


def shown(registry: CollectorRegistry, feature: str = "chat") -> float | None:
    return registry.get_sample_value(NAME, {"feature": feature, "kpi": "refusal_rate", "direction": "up"})


def test_a_gauge_is_one_from_the_begin_to_the_end() -> None:
    incidents, registry = made()
    incidents.tell(incident(A))
    assert shown(registry) == 1
    incidents.tell(incident(A, state="resolved"))
    assert shown(registry) == 0


def test_of_features_that_share_a_label_one_keeps_it_up() -> None:
    incidents, registry = made("other")
    incidents.tell(incident(A, "chat"))
    incidents.tell(incident(B, "search"))
    incidents.tell(incident(A, "chat", state="resolved"))
    assert shown(registry, "other") == 1
    incidents.hush({B})
    assert shown(registry, "other") == 0


def test_a_quiet_incident_stays_quiet_when_it_is_told_again_and_is_among_the_open_ones() -> None:
    incidents, registry = made()
    incidents.hush({A})
    incidents.tell(incident(A))
    assert shown(registry) == 0
    assert list(incidents.ids) == [A]


def test_what_is_not_resolved_any_more_shows_again() -> None:
    incidents, registry = made()
    incidents.tell(incident(A))
    incidents.hush({A})
    incidents.hush(set())
    assert shown(registry) == 1


def test_a_worker_that_lost_its_features_shows_none_of_them() -> None:
    incidents, registry = made()
    incidents.tell(incident(A))
    incidents.clear()
    assert shown(registry) is None
    assert list(incidents.ids) == []
    incidents.hush({B})
    assert shown(registry) is None
