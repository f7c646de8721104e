"""Every PromQL of every dashboard on a real Prometheus that runs the shipped rules, with series to show."""

import http.client
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import yaml
from prometheus_client import start_http_server

from alerts.dashboards import limits
from alerts.dashboards.known import BELOW, NOT_SCORED
from monitor.alerting import SHIPPED, start_alerting
from monitor.metrics import Metrics
from tests.dashboards.grafana import SOURCES, Asked, dashboard, filled, promql
from tests.dashboards.seeds import UNCOVERED, UNHEARD, WELL, first_scrape, next_scrape
from tests.programs import ALERTMANAGER, PROMETHEUS, needs

pytestmark = [needs(*PROMETHEUS), needs(*ALERTMANAGER)]

EVERY = promql()
VALUES = SOURCES | {"feature": WELL, "kpi": "refusal_rate"}


class Asking:
    """A Prometheus that has scraped the seeds for some seconds."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url)

    def get(self, path: str, **parameters: str) -> Any:
        assert self._address.hostname is not None
        connection = http.client.HTTPConnection(self._address.hostname, self._address.port, timeout=10)
        try:
            connection.request("GET", f"{path}?{urlencode(parameters)}")
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        assert answer["status"] == "success", answer
        return answer["data"]

    def now(self, text: str, **values: str) -> dict[str, float]:
        """The series at this moment, by feature, KPI or nothing."""
        found = self.get("/api/v1/query", query=filled(text, VALUES | values))["result"]
        return {one["metric"].get("feature") or one["metric"].get("kpi", ""): float(one["value"][1]) for one in found}

    def shows(self, asked: Asked) -> bool:
        """Whether the panel would have a number to show."""
        if not asked.ranged:
            found = self.get("/api/v1/query", query=filled(asked.text, VALUES))["result"]
            return any(one["value"][1] != "NaN" for one in found)
        end = time.time()
        over = {"start": str(end - 30), "end": str(end), "step": "1"}
        found = self.get("/api/v1/query_range", query=filled(asked.text, VALUES), **over)["result"]
        return any(value != "NaN" for one in found for _, value in one["values"])


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    metrics = Metrics()
    first_scrape(metrics)
    server, thread = start_http_server(0, "127.0.0.1", metrics.registry)
    alerting = start_alerting(
        tmp_path_factory.mktemp("alerting"), [f"127.0.0.1:{server.server_address[1]}"], "http://127.0.0.1:9/"
    )
    asking = Asking(alerting.prometheus_url)
    try:
        deadline = time.monotonic() + 60
        while not (asking.now("vigil_build_info") and asking.now("ALERTS")):
            assert time.monotonic() < deadline, "nothing was scraped"
            time.sleep(0.1)
        for _ in range(6):
            next_scrape(metrics)
            time.sleep(1.0)
        yield asking
    finally:
        alerting.stop()
        server.shutdown()
        server.server_close()
        thread.join()


def of(where: str) -> Asked:
    (found,) = [asked for asked in EVERY if asked.where == where]
    return found


def test_every_query_finds_series(asking: Asking) -> None:
    assert [asked.where for asked in EVERY if not asking.shows(asked)] == []


def test_a_feature_that_only_beats_can_be_chosen(asking: Asking) -> None:
    (variable,) = [one for one in dashboard("feature")["templating"]["list"] if one["name"] == "feature"]
    selector = variable["query"]["query"].removeprefix("label_values(").removesuffix(", feature)")
    choices = asking.get("/api/v1/label/feature/values", **{"match[]": selector})
    assert choices == sorted([WELL, UNCOVERED, UNHEARD])


def test_a_rate_below_the_coverage_floor_is_withheld_and_not_0(asking: Asking) -> None:
    assert list(asking.now(of("fleet: refusal_rate (A)").text)) == [WELL]
    assert asking.now(of("feature: refusal_rate (A)").text) == {WELL: pytest.approx(0.1, abs=0.05)}
    assert asking.now(of("feature: refusal_rate (A)").text, feature=UNCOVERED) == {}


def test_the_strip_says_how_much_is_covered_and_where_nobody_knows(asking: Asking) -> None:
    shown = asking.now(of("fleet: Coverage: refusals and blocks, the least covered of the three (A)").text)
    assert shown == {WELL: 1.0, UNCOVERED: BELOW, UNHEARD: NOT_SCORED}
    strip = of("feature: Coverage: refusals and blocks (A)").text
    assert set(asking.now(strip, feature=UNHEARD).values()) == {NOT_SCORED}
    assert len(asking.now(strip, feature=UNHEARD)) == len(asking.now(strip)) == 3


def test_the_numbers_on_top_count_what_is_wrong(asking: Asking) -> None:
    for title, expected in {
        "Open incidents": 1,
        "KPIs UNKNOWN": len(dashboard("detection")["templating"]["list"][3]["options"]),
        "Features silent": 1,
        "Features losing telemetry": 2,
    }.items():
        assert asking.now(of(f"fleet: {title} (A)").text) == {"": expected}, title


def test_a_feature_without_a_scorer_has_unknown_incidents_and_not_none(asking: Asking) -> None:
    assert asking.now(of("feature: Open incidents (A)").text, feature=UNHEARD) == {}


def test_the_line_of_a_kpi_is_the_target_of_the_features_tier(asking: Asking) -> None:
    rules = yaml.safe_load((SHIPPED / "rules" / "kpis.yaml").read_text())["groups"]
    recorded = [rule for group in rules for rule in group["rules"] if "record" in rule]
    (tier,) = {
        one["metric"]["tier"]
        for one in asking.get("/api/v1/query", query=f'{limits.TIER_SERIES}{{feature="{WELL}"}}')["result"]
    }
    said = {"tier": tier, "kpi": "policy_violation_rate"}
    (target,) = [rule["expr"] for rule in recorded if rule["record"] == limits.TARGET_SERIES and rule["labels"] == said]
    drawn = asking.now(of("feature: policy_violation_rate (B)").text)
    assert [f"vector({value:g})" for value in drawn.values()] == [target]
