"""The shipped rules and routes on a real Prometheus and a real Alertmanager, with a receiver in PagerDuty's place."""

import asyncio
import http.client
import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIServer

import pytest
import yaml
from prometheus_client import start_http_server

from alerts.policy import seconds_of
from monitor.alerting import (
    LOCAL_ROUTING_KEY,
    SHIPPED,
    Alerting,
    Intervals,
    alertmanager_config,
    prometheus_config,
    replaced,
    start_alerting,
)
from monitor.errors import UserError
from monitor.metrics import Metrics
from monitor.pagerduty import ENQUEUE, Page, Receiver
from tests.programs import ALERTMANAGER, PROMETHEUS, needs


def get(url: str) -> Any:
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=5.0)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def alert_states(alerting: Alerting) -> dict[str, str]:
    """State in Alertmanager of each alert by "name feature"."""
    found = get(f"{alerting.alertmanager_url}/api/v2/alerts")
    return {f"{one['labels']['alertname']} {one['labels'].get('feature', '')}": one["status"]["state"] for one in found}


async def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.1)


def serve(metrics: Metrics) -> tuple[WSGIServer, int]:
    server, _ = start_http_server(0, "127.0.0.1", metrics.registry)
    return server, int(server.server_address[1])


def set_incident(metrics: Metrics, feature: str, value: int) -> None:
    metrics.incident_open.labels(feature, "refusal_rate", "up").set(value)


async def story(alerting: Alerting, receiver: Receiver, metrics: Metrics) -> None:
    pages = receiver.pages
    # `blind` and `other` had their last heartbeat before the 2 minutes that the rule allows; `chat` is heard.
    metrics.last_heartbeat.labels("blind").set(time.time() - 300)
    metrics.last_heartbeat.labels("other").set(time.time() - 300)
    metrics.last_heartbeat.labels("chat").set(time.time())
    set_incident(metrics, "chat", 0)

    await until(lambda: alert_states(alerting).get("Watchdog ") == "active")
    assert pages == []
    set_incident(metrics, "chat", 1)
    await until(lambda: any(page.component == "chat" for page in pages))
    set_incident(metrics, "chat", 0)
    await until(lambda: any(page.action == "resolve" for page in pages))

    await until(lambda: {"blind", "other"} <= {page.component for page in pages})
    set_incident(metrics, "blind", 1)
    await until(lambda: alert_states(alerting).get("VigilRefusalSpike blind") == "suppressed")
    set_incident(metrics, "other", 1)  # later than the muted one, and paged: `other` stands for many features
    await until(lambda: any(page.component == "other" and page.kpi == "refusal_rate" for page in pages))
    # It is heard again, so the page that was muted comes.
    metrics.last_heartbeat.labels("blind").set(time.time())
    await until(lambda: any(page.component == "blind" and page.kpi == "refusal_rate" for page in pages))


def tell(directory: Path) -> list[Page]:
    """Every page of the story."""
    metrics, receiver = Metrics(), Receiver()

    async def run() -> None:
        url = f"http://127.0.0.1:{await receiver.start()}{ENQUEUE}"
        server, port = serve(metrics)
        alerting = await asyncio.to_thread(start_alerting, directory, [f"127.0.0.1:{port}"], url)
        try:
            await story(alerting, receiver, metrics)
        finally:
            await asyncio.to_thread(alerting.stop)
            server.shutdown()
            server.server_close()
            await receiver.stop()
        assert not any(child.alive() for child in alerting.children)

    asyncio.run(run())
    assert receiver.refused == []
    return receiver.pages


@needs(*PROMETHEUS)
@needs(*ALERTMANAGER)
@pytest.mark.slow
def test_pages_come_with_what_is_needed_and_only_when_telemetry_is_whole(tmp_path: Path) -> None:
    told = tell(tmp_path)
    trigger, resolve = [page for page in told if page.component == "chat"]
    assert (trigger.action, resolve.action) == ("trigger", "resolve")
    assert trigger.dedup_key == resolve.dedup_key
    assert (trigger.severity, trigger.kpi) == ("critical", "refusal_rate")
    assert trigger.summary == "An AI feature refuses far more requests than its baseline explains: chat, refusal_rate"
    runbook = "https://runbooks.example.com/vigil/VigilRefusalSpike.md"
    assert trigger.links == (runbook, f"{runbook}#diagnosis")
    assert trigger.details["alert"] == "VigilRefusalSpike"
    assert trigger.details["firing"].strip() == "Incident open on refusal_rate of feature chat."
    since = datetime.fromisoformat(trigger.details["since"])
    assert timedelta() <= trigger.received_at - since < timedelta(minutes=1)
    assert trigger.details["incidents"] == "vigil incidents list --feature chat"
    assert trigger.details["query"].split(" --param ") == [
        "vigil sql --query-name which_slices",
        "feature=chat",
        "kpi=refusal_rate",
        f"from={since - timedelta(minutes=15):%FT%TZ}",
        f"to={since + timedelta(hours=1):%FT%TZ}",
        "baseline_minutes=60",
    ]

    blind = [(page.action, page.kpi) for page in told if page.component == "blind"]
    assert blind.index(("trigger", "telemetry_completeness")) < blind.index(("trigger", "refusal_rate"))
    order = [(page.component, page.kpi, page.action) for page in told]
    assert order.index(("other", "refusal_rate", "trigger")) < order.index(("blind", "refusal_rate", "trigger"))
    assert {page.component for page in told} == {"chat", "blind", "other"}  # Watchdog pages nobody


def post_alerts(alerting: Alerting, *labels: dict[str, str]) -> None:
    """Hand alerts to Alertmanager as Prometheus would."""
    body = json.dumps([{"labels": one | {"service": "vigil"}, "annotations": {"summary": "s"}} for one in labels])
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(alerting.alertmanager_url).port or 0, timeout=5.0)
    try:
        connection.request("POST", "/api/v2/alerts", body, {"Content-Type": "application/json"})
        assert connection.getresponse().status == http.HTTPStatus.OK
    finally:
        connection.close()


def alert(name: str, feature: str, kpi: str, severity: str = "critical") -> dict[str, str]:
    return {"alertname": name, "feature": feature, "kpi": kpi, "severity": severity}


@needs(*PROMETHEUS)
@needs(*ALERTMANAGER)
def test_routes_mute_one_kpi_for_its_own_gap_and_map_severities(tmp_path: Path) -> None:
    receiver = Receiver()

    async def run() -> None:
        url = f"http://127.0.0.1:{await receiver.start()}{ENQUEUE}"
        alerting = await asyncio.to_thread(start_alerting, tmp_path, [], url)
        try:
            post_alerts(alerting, alert("VigilTelemetryIncomplete", "half", "policy_violation_rate"))
            await until(lambda: len(receiver.pages) == 1)
            post_alerts(
                alerting,
                alert("VigilViolationRateHigh", "half", "policy_violation_rate"),
                alert("VigilViolationRateHigh", "whole", "policy_violation_rate"),
                alert("VigilRefusalSpike", "half", "refusal_rate"),
                alert("Unplanned", "half", "", severity="urgent"),
                alert("Later", "half", "", severity="warning"),
                {"alertname": "VigilScorerStale", "severity": "error"},
            )
            await until(lambda: len(receiver.pages) == 5)
            await until(lambda: alert_states(alerting).get("VigilViolationRateHigh half") == "suppressed")
        finally:
            await asyncio.to_thread(alerting.stop)
            await receiver.stop()

    asyncio.run(run())
    assert receiver.refused == []
    assert {(page.component, page.kpi, page.severity) for page in receiver.pages} == {
        ("half", "policy_violation_rate", "critical"),  # the gap itself
        ("whole", "policy_violation_rate", "critical"),
        ("half", "refusal_rate", "critical"),
        ("half", "", "error"),
        ("", "", "error"),
    }
    (health,) = [page for page in receiver.pages if not page.component]
    assert health.summary == "s"  # nothing hangs where a feature would stand


@needs(*PROMETHEUS)
@needs(*ALERTMANAGER)
def test_a_prometheus_that_restarts_begins_no_wait_of_the_shipped_rules_anew(tmp_path: Path) -> None:
    alerting = start_alerting(tmp_path, [], "http://127.0.0.1:9/v2/enqueue")
    try:
        flags = get(f"{alerting.prometheus_url}/api/v1/status/flags")["data"]
        groups = get(f"{alerting.prometheus_url}/api/v1/rules?type=alert")["data"]["groups"]
    finally:
        alerting.stop()
    waits = {rule["duration"] for group in groups for rule in group["rules"]} - {0.0}
    # Prometheus restores a wait only where that is longer than this.
    assert min(waits) > seconds_of(flags["rules.alert.for-grace-period"])


def test_only_addresses_intervals_and_the_key_file_differ_from_what_is_shipped(tmp_path: Path) -> None:
    ours = yaml.safe_load(prometheus_config(["127.0.0.1:1", "127.0.0.1:2"], "127.0.0.1:3"))
    shipped = yaml.safe_load((SHIPPED / "prometheus" / "prometheus.yaml").read_text())
    assert ours["rule_files"] == [str(SHIPPED / "rules" / "*.yaml")]
    assert ours["scrape_configs"][0].pop("static_configs") == [{"targets": ["127.0.0.1:1", "127.0.0.1:2"]}]
    assert ours["alerting"]["alertmanagers"][0]["static_configs"] == [{"targets": ["127.0.0.1:3"]}]
    shipped["scrape_configs"][0].pop("static_configs")
    assert ours["scrape_configs"] == shipped["scrape_configs"]

    key_file = tmp_path / "a key: file"
    routes = yaml.safe_load(alertmanager_config("http://127.0.0.1:4/v2/enqueue", key_file))
    expected = yaml.safe_load((SHIPPED / "alertmanager" / "alertmanager.yaml").read_text())
    expected["global"]["pagerduty_url"] = "http://127.0.0.1:4/v2/enqueue"
    expected["receivers"][0]["pagerduty_configs"][0]["routing_key_file"] = str(key_file)
    expected["route"] |= {"group_wait": "0s", "group_interval": "1s"}
    assert routes == expected
    assert len(LOCAL_ROUTING_KEY) == 32


def test_without_intervals_those_of_the_shipped_files_stay(tmp_path: Path) -> None:
    ours = yaml.safe_load(prometheus_config(["127.0.0.1:1"], "127.0.0.1:3", None))
    assert ours["global"] == yaml.safe_load((SHIPPED / "prometheus" / "prometheus.yaml").read_text())["global"]
    routes = yaml.safe_load(alertmanager_config("http://127.0.0.1:4/v2/enqueue", tmp_path / "key", None))
    shipped = yaml.safe_load((SHIPPED / "alertmanager" / "alertmanager.yaml").read_text())
    assert routes["route"] == shipped["route"]


def test_intervals_are_taken_as_they_are_given(tmp_path: Path) -> None:
    chosen = Intervals("5s", "6s", "7s", "8s")
    ours = yaml.safe_load(prometheus_config(["127.0.0.1:1"], "127.0.0.1:3", chosen))
    assert ours["global"] == {"scrape_interval": "5s", "evaluation_interval": "6s"}
    routes = yaml.safe_load(alertmanager_config("http://127.0.0.1:4/v2/enqueue", tmp_path / "key", chosen))
    assert (routes["route"]["group_wait"], routes["route"]["group_interval"]) == ("7s", "8s")


def test_a_shipped_file_that_no_longer_fits_is_said_so() -> None:
    with pytest.raises(UserError, match="'b' is 2 times"):
        replaced("a b b", {"b": "c"})


def test_without_the_programs_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="apt-get install prometheus prometheus-alertmanager"):
        start_alerting(tmp_path, [], "http://127.0.0.1:9/v2/enqueue")
