"""An afternoon with an incident, for Prometheus and for the store. One feature each: well, uncovered, unheard."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client

from monitor.metrics import Metrics
from schemas.kpis import KPIS, VIOLATION_KPIS
from schemas.probes import PROBE_FEATURE, PROBE_OUTCOMES
from tests.store.seeds import START, at, beat, cell, insert, span

GOOD = BAD = 0
for _kpi in KPIS:
    GOOD |= _kpi.evaluated | _kpi.population
    BAD |= _kpi.evaluated | _kpi.population | _kpi.bad
BAD |= VIOLATION_KPIS[0].bad

INCIDENT = f"{7:032x}"
ONSET, END = 3600, 5400
LENGTH = 6000
WELL, UNCOVERED, UNHEARD = "chat", "search", "mute"


def first_scrape(metrics: Metrics) -> None:
    """Every series, so that what comes later is an increase."""
    now = time.time()
    metrics.build_info.labels("0", "3").set(1)
    metrics.policy_info.labels("p1").set(1)
    metrics.policy_reloaded_at.set(now - 60)
    for topic in ("ai.telemetry", "ai.telemetry.otlp"):
        metrics.lag.labels(topic, "0").set(12)
        metrics.watermark.labels(topic, "0").set(now - 7)
    for feature in (WELL, UNCOVERED):
        metrics.kpis.begin(feature)
    for feature in (WELL, UNCOVERED, UNHEARD):
        metrics.interactions_expected.labels(feature)
        metrics.last_heartbeat.labels(feature).set(now - (600 if feature == UNHEARD else 0))
        metrics.late_events.labels(feature)
        for kpi in KPIS:
            if feature != UNHEARD:
                metrics.coverage.labels(feature, kpi.name).set(1.0 if feature == WELL else 0.2)
                metrics.anomaly_score.labels(feature, kpi.name).set(13.0)
                metrics.anomaly_threshold.labels(feature, kpi.name).set(11.0)
                metrics.incident_open.labels(feature, kpi.name, "up").set(
                    feature == WELL and kpi.name == "refusal_rate"
                )
    for counter in (metrics.dead_letters.labels("ai.telemetry", "too_large"), metrics.records.labels("ai.telemetry")):
        counter.inc(0)
    for counter in (metrics.duplicates.labels("ai.telemetry"), metrics.offsets_skipped.labels("ai.telemetry")):
        counter.inc(0)
    begin_probes(metrics, now - 20)
    metrics.change_events.labels("sent")
    metrics.otlp_content_dropped.labels("gen_ai.input.messages")
    metrics.otlp_not_counted.labels("wrapper")
    metrics.slices_capped.labels("tenant")
    metrics.offset_audit_errors.set(0)
    metrics.features_not_scored.set(0)


def begin_probes(metrics: Metrics, newest: float) -> None:
    """Of Vigil's own the time, Unix seconds; of a feature's the counters."""
    metrics.last_probe.labels(PROBE_FEATURE).set(newest)
    for outcome in PROBE_OUTCOMES:
        metrics.probes.labels(WELL, outcome)


def next_scrape(metrics: Metrics) -> None:
    """A second of traffic. Nothing of `search` is evaluated but by a few; of `mute` nothing arrives."""
    now = time.time()
    metrics.kpis.add({(WELL, GOOD): 90, (WELL, BAD): 10, (UNCOVERED, GOOD): 20})
    for feature in (WELL, UNCOVERED, UNHEARD):
        metrics.interactions_expected.labels(feature).inc(100)
    metrics.records.labels("ai.telemetry").inc(200)
    for outcome, n in zip(PROBE_OUTCOMES, (3, 1, 0), strict=True):
        metrics.probes.labels(WELL, outcome).inc(n)
    metrics.dead_letters.labels("ai.telemetry", "too_large").inc()
    metrics.insert_seconds.observe(0.03)
    metrics.last_insert.set(now)
    metrics.scored_until.set(now - 9)


def seed_store(store: Client, start: datetime) -> None:
    """An hour and a half of `chat` from `start`, bad after the first hour; no evaluations in its last ten minutes."""
    by = start - START
    cells, events, scores, beats = [], [], [], []
    for second in range(0, LENGTH, 10):
        cut = {"feature": WELL, "model": "m1" if second < ONSET else "m2", "tenant": "t1", "region": "eu"}
        bad = 3 if ONSET <= second < END else 1
        blind = second >= END
        unevaluated = KPIS[0].population
        masks = [(unevaluated, 10)] if blind else [(BAD, bad), (GOOD, 10 - bad)]
        cells += [{**cell(second, mask, n=n), **cut} for mask, n in masks]
        events.append(_event(second, BAD if bad == 3 and not blind else GOOD, cut))
        beats.append(beat(second + 10, second + 10, offset=second))
        scores.append(_score(second, bad, blind))
    insert(store, "windows", [_shifted(row, by) for row in cells])
    insert(store, "windows", [_shifted(span(0, 0, 99, watermark=LENGTH), by)])
    insert(store, "telemetry", [_shifted(row, by) for row in events])
    insert(store, "heartbeats", [_shifted(row, by) for row in beats])
    insert(store, "scores", [_shifted(row, by) for row in scores])
    insert(store, "changes", [_shifted(row, by) for row in (_change(ONSET - 60, WELL), _change(ONSET - 900, ""))])
    insert(store, "incidents", [_shifted(_incident(), by)])


def start_of(now: float) -> datetime:
    """A start that makes the seeds end just before `now`, Unix seconds, on a window's edge."""
    return datetime.fromtimestamp(now // 10 * 10 - LENGTH, UTC)


def _shifted(row: dict[str, Any], by: timedelta) -> dict[str, Any]:
    return {name: value + by if isinstance(value, datetime) else value for name, value in row.items()}


def _event(second: int, mask: int, cut: dict[str, str]) -> dict[str, Any]:
    place = {"topic": "ai.telemetry", "partition": 0, "offset": second, "kind": "interaction", "mask": mask}
    return {**place, **cut, "event_id": f"e{second}", "ts": at(second), "trace_id": f"{second:032x}"}


def _score(second: int, bad: int, blind: bool) -> dict[str, Any]:
    state = "UNKNOWN" if blind else "ALARM" if bad == 3 else "OK"
    return {
        "window_start": at(second),
        "feature": WELL,
        "kpi": "refusal_rate",
        "detector": "mixture-1",
        "policy_version": "p1",
        "evaluated": 0 if blind else 10,
        "bad": 0 if blind else bad,
        "expected_rate": 0.1,
        "interval_low": 0.05,
        "interval_high": 0.2,
        "log_e": 13.0 if bad == 3 else 0.5,
        "threshold": 11.0,
        "coverage": 0.0 if blind else 1.0,
        "state": state,
    }


def _change(second: int, feature: str) -> dict[str, Any]:
    return {
        "topic": "ai.changes",
        "partition": 0,
        "offset": second,
        "kind": "change",
        "event_id": f"c{second}",
        "ts": at(second),
        "emitter": "deploys",
        "what": "policy",
        "feature": feature,
        "subject": "refusals",
        "from_version": "1",
        "to_version": "2",
        "rollout": 0.5,
        "region": "",
        "author_ref": "a1",
    }


def _incident() -> dict[str, Any]:
    return {
        "incident_id": INCIDENT,
        "feature": WELL,
        "kpi": "refusal_rate",
        "state": "open",
        "severity": "warning",
        "direction": "up",
        "onset": at(ONSET),
        "detected_at": at(ONSET + 20),
        "resolved_at": None,
        "evaluated": 20,
        "bad": 6,
        "observed_rate": 0.3,
        "expected_rate": 0.1,
        "interval_low": 0.2,
        "interval_high": 0.4,
        "log_e": 13.0,
        "coverage": 1.0,
        "detector": "mixture-1",
        "policy_version": "p1",
        "updated_at": at(ONSET + 20),
    }
