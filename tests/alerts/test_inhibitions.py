"""What mutes what, asked of a real Alertmanager with the shipped routes."""

import asyncio
import http.client
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from monitor.alerting import Alerting, start_alerting
from monitor.pagerduty import ENQUEUE, Receiver
from tests.programs import ALERTMANAGER, PROMETHEUS, needs

INCOMPLETE = {"alertname": "VigilTelemetryIncomplete", "severity": "critical"}


def ask(alerting: Alerting, method: str, body: Any = None, path: str = "/api/v2/alerts") -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(alerting.alertmanager_url).port or 0, timeout=5.0)
    try:
        connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == http.HTTPStatus.OK
        return json.loads(answer.read() or b"null")
    finally:
        connection.close()


def muted(folder: Path, alerts: dict[str, dict[str, str]]) -> set[str]:
    """Names, as the caller calls them, of the alerts that Alertmanager mutes when all of these fire."""

    async def run() -> set[str]:
        receiver = Receiver()
        url = f"http://127.0.0.1:{await receiver.start()}{ENQUEUE}"
        alerting = await asyncio.to_thread(start_alerting, folder, [], url)
        try:
            posted = [{"labels": {"service": "vigil", "name": name} | one} for name, one in alerts.items()]
            await asyncio.to_thread(ask, alerting, "POST", posted)
            return await asyncio.to_thread(settled, alerting, len(alerts))
        finally:
            await asyncio.to_thread(alerting.stop)
            await receiver.stop()

    return asyncio.run(run())


def settled(alerting: Alerting, count: int) -> set[str]:
    """The muted ones, once all have been looked at and two looks agree."""
    before, deadline = None, time.monotonic() + 20
    while time.monotonic() < deadline:
        found = [one for one in ask(alerting, "GET") if "name" in one["labels"]]
        states = {one["labels"]["name"]: one["status"]["state"] for one in found}
        if len(states) == count and "unprocessed" not in states.values() and states == before:
            return {name for name, state in states.items() if state == "suppressed"}
        before = states
        time.sleep(0.5)
    raise AssertionError("Alertmanager did not make up its mind")


@needs(*PROMETHEUS)
@needs(*ALERTMANAGER)
def test_a_gap_mutes_what_is_derived_from_it_and_no_fact(tmp_path: Path) -> None:
    gap = INCOMPLETE | {"kpi": "telemetry_completeness", "symptom": "lost"}
    burn = {"alertname": "VigilTargetBurnFast", "severity": "critical", "kpi": "pii_leak_rate"}
    leak = {"alertname": "VigilPiiLeak", "severity": "warning", "kpi": "pii_leak_rate", "basis": "count"}
    incident = {"alertname": "VigilKpiIncident", "severity": "warning", "kpi": "block_rate"}
    assert muted(
        tmp_path,
        {
            "gap": gap | {"feature": "chat"},
            "derived": burn | {"feature": "chat"},
            "fact": leak | {"feature": "chat"},
            "other gap": gap | {"feature": "other"},
            "of other": burn | {"feature": "other"},
            "elsewhere": incident | {"feature": "search"},
            "critical": burn | {"feature": "mail"},
            "same KPI": burn | {"feature": "mail", "severity": "warning"},
            "same KPI, a fact": leak | {"feature": "mail"},
            "another KPI": incident | {"feature": "mail"},
            "health, critical": {"alertname": "VigilScorerStale", "severity": "critical"},
            "health, warning": {"alertname": "VigilLagHigh", "severity": "warning"},
        },
    ) == {"derived", "same KPI"}


@needs(*PROMETHEUS)
@needs(*ALERTMANAGER)
def test_when_all_workers_are_gone_one_page_stands_for_every_silent_feature(tmp_path: Path) -> None:
    silent = INCOMPLETE | {"kpi": "telemetry_completeness", "symptom": "silent"}
    assert muted(
        tmp_path,
        {
            "workers": {"alertname": "VigilWorkersAbsent", "severity": "critical"},
            "silent": silent | {"feature": "chat"},
            "silent other": silent | {"feature": "other"},
            "lost": silent | {"feature": "search", "symptom": "lost"},
            "no probe": {"alertname": "VigilProbeLost", "severity": "critical"},
        },
    ) == {"silent", "silent other", "no probe"}


@needs(*PROMETHEUS)
@needs(*ALERTMANAGER)
def test_a_lost_probe_and_a_partition_of_changes_mute_nothing_and_a_missed_probe_is_a_fact(tmp_path: Path) -> None:
    """A sender that is down would otherwise hide a feature that is silent."""
    gap = INCOMPLETE | {"kpi": "telemetry_completeness", "feature": "chat"}
    missed = {"alertname": "VigilProbeMissed", "severity": "critical", "feature": "chat"}
    uncovered = missed | {"severity": "warning", "kpi": "policy_violation_rate", "symptom": "unevaluated"}
    unguarded = {"alertname": "VigilNoGuardrailEvaluations", "severity": "critical", "kpi": "policy_violation_rate"}
    assert muted(
        tmp_path,
        {
            "no probe": {"alertname": "VigilProbeLost", "severity": "critical"},
            "silent": gap | {"symptom": "silent"},
            "missed": missed | {"basis": "count", "symptom": "missed"},
            "stale": {"alertname": "VigilWatermarkStale", "severity": "warning", "topic": "ai.changes"},
            "scorer that does not wait for that": {"alertname": "VigilScorerStale", "severity": "error"},
            "the same of traffic": unguarded | {"feature": "mail"},
            "not looked at": uncovered | {"feature": "mail"},
        },
    ) == {"not looked at"}


@needs(*PROMETHEUS)
@needs(*ALERTMANAGER)
def test_when_no_worker_gets_on_one_page_stands_for_all_that_follows(tmp_path: Path) -> None:
    silent = INCOMPLETE | {"kpi": "telemetry_completeness", "symptom": "silent"}
    critical = {"severity": "critical"}
    assert muted(
        tmp_path,
        {
            "stopped": critical | {"alertname": "VigilIntakeStopped"},
            "silent": silent | {"feature": "chat"},
            "lost": silent | {"feature": "search", "symptom": "lost"},
            "partition": critical | {"alertname": "VigilWatermarkStale", "partition": "3"},
            "scorer": critical | {"alertname": "VigilScorerStale", "instance": "a"},
            "no probe": critical | {"alertname": "VigilProbeLost"},
            "audit": critical | {"alertname": "VigilOffsetAuditFailed"},
            "workers": critical | {"alertname": "VigilWorkersAbsent"},
        },
    ) == {"silent", "partition", "scorer", "no probe"}


@needs(*PROMETHEUS)
@needs(*ALERTMANAGER)
def test_one_page_stands_for_all_silent_features_and_a_partition_for_the_scorers_that_wait_for_it(
    tmp_path: Path,
) -> None:
    silent = INCOMPLETE | {"kpi": "telemetry_completeness", "symptom": "silent"}
    assert muted(
        tmp_path,
        {
            "stopped": {"alertname": "VigilTelemetryStopped", "severity": "critical"},
            "silent": silent | {"feature": "chat"},
            "silent other": silent | {"feature": "other"},
            "lost": silent | {"feature": "search", "symptom": "lost"},
            "no probe": {"alertname": "VigilProbeLost", "severity": "critical"},
            "partition": {"alertname": "VigilWatermarkStale", "severity": "error", "topic": "ai.telemetry.otlp"},
            "scorer": {"alertname": "VigilScorerStale", "severity": "error", "instance": "a"},
            "store": {"alertname": "VigilInsertFailures", "severity": "error"},
        },
    ) == {"silent", "silent other", "scorer"}
