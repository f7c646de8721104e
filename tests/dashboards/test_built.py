"""The dashboards as files: current, findable, bounded, and with the coverage above every KPI."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.build.rule import BOARDS
from alerts.dashboards import limits, links, sources
from alerts.dashboards.build import DASHBOARDS, built, dashboards, rules_of
from alerts.dashboards.groups import GROUPS
from alerts.dashboards.known import BELOW, on_a_step
from alerts.policy import Policy
from monitor.metrics import Metrics
from monitor.policy import SHIPPED_POLICY, load_policy
from monitor.windows import WINDOW_SECONDS
from schemas.kpis import KPIS
from tests.dashboards.grafana import FOLDER, dashboard, panels

PROVISIONING = FOLDER.parent / "provisioning"
FLEET = load_policy(Path(__file__).parents[1] / "alerts" / "fleet.yaml")
RULES = rules_of(load_policy(SHIPPED_POLICY))
RUNBOOKS = FOLDER.parents[1] / "runbooks"
UNKNOWN_COLOUR = "purple"


def test_the_committed_dashboards_are_what_the_code_builds() -> None:
    committed = {path.name: path.read_text("utf-8") for path in FOLDER.iterdir()}
    assert committed == built(RULES), "run `vigil policy build`"


def test_the_dashboards_that_the_mixin_lists_are_those_that_there_are() -> None:
    assert set(BOARDS) == set(DASHBOARDS)


def test_a_policy_of_ones_own_has_its_targets_floors_and_runbooks_on_its_dashboards() -> None:
    made = dashboards(FLEET)
    feature = json.loads(made["dashboards/built/feature.json"])
    shown = {panel["title"]: panel for panel in feature["panels"]}
    assert FLEET.floor("refusal_rate", 0) == 0.9
    for title, least in (("refusal_rate", "0.9"), ("block_rate", "0.5")):
        assert f'kpi="{title}"}}) < {least})' in shown[title]["targets"][0]["expr"]
    assert "(0.5, 0.9)" in shown["Coverage: refusals and blocks"]["description"]
    assert [link["url"] for link in shown["pii_leak_rate"]["links"]] == [f"{FLEET.runbooks}VigilPiiLeak.md"]
    drawn = {title for title, panel in shown.items() if limits.TARGET_SERIES in str(panel.get("targets"))}
    assert drawn == {kpi for kpi, one in FLEET.kpis.items() if one.targets}


def test_a_policy_that_says_nothing_but_a_floor_has_dashboards() -> None:
    made = dashboards(Policy(version="a", coverage_floor=1 / 3))
    assert "< 0.333333)" in made["dashboards/built/fleet.json"]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_has_a_fixed_uid_utc_and_panels_on_the_grid(name: str) -> None:
    whole = dashboard(name)
    assert whole["uid"] == f"vigil-{name}"
    assert (whole["timezone"], whole["editable"]) == ("utc", False)
    taken: set[tuple[int, int]] = set()
    for panel in whole["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        cells = {(place["x"] + i, place["y"] + j) for i in range(place["w"]) for j in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
    ids = [panel["id"] for panel in whole["panels"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_panel_says_what_it_means_and_unknown_where_it_has_nothing(name: str) -> None:
    for panel in panels(name):
        assert panel["description"].endswith((".", "`")) or "vigil sql --query-name" in panel["description"]
        assert panel["fieldConfig"]["defaults"]["noValue"] == "UNKNOWN"


@pytest.mark.parametrize("name", ["fleet", "feature"])
def test_each_row_of_kpis_begins_with_its_coverage(name: str) -> None:
    every = dashboard(name)["panels"]
    for title, kpis in GROUPS:
        (row,) = [i for i, panel in enumerate(every) if panel["type"] == "row" and panel["title"] == title]
        strip, *rates = every[row + 1 : row + 2 + len(kpis)]
        assert strip["type"] == "state-timeline"
        assert strip["title"].startswith("Coverage: ")
        assert [panel["title"].removeprefix("1 - ") for panel in rates] == list(kpis)
        assert all(kpi in strip["targets"][0]["expr"] for kpi in kpis)


def test_every_kpi_stands_in_one_row() -> None:
    assert sorted(kpi for _, kpis in GROUPS for kpi in kpis) == sorted(kpi.name for kpi in KPIS)


def mapped(panel: dict[str, Any], value: float) -> tuple[str | None, str]:
    """Text and colour that Grafana shows for a number: the first mapping that fits."""
    for mapping in panel["fieldConfig"]["defaults"]["mappings"]:
        options = mapping["options"]
        if mapping["type"] == "value" and f"{value:g}" in options:
            result = options[f"{value:g}"]
        elif mapping["type"] == "range" and _within(value, options["from"], options["to"]):
            result = options["result"]
        else:
            continue
        return result.get("text"), result["color"]
    raise AssertionError(value)


def _within(value: float, least: float | None, most: float | None) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)


@pytest.mark.parametrize("name", ["fleet", "feature", "detection", "incident"])
def test_a_strip_shows_unknown_in_a_colour_of_its_own(name: str) -> None:
    strips = [panel for panel in panels(name) if panel["title"].startswith("Coverage")]
    assert strips
    for strip in strips:
        assert mapped(strip, -1) == ("UNKNOWN: no score", UNKNOWN_COLOUR)
        assert mapped(strip, BELOW) == ("UNKNOWN", UNKNOWN_COLOUR)
        text, colour = mapped(strip, 0)
        assert (text, colour) == mapped(strip, 1.0)
        assert text is None
        assert colour != UNKNOWN_COLOUR


def test_a_limit_that_rounding_would_carry_across_is_refused() -> None:
    assert on_a_step(0.95) == 0.95
    with pytest.raises(ValueError, match="no multiple"):
        on_a_step(0.92)


def test_panels_draw_the_lines_of_the_rules() -> None:
    rules = yaml.safe_load((FOLDER.parents[1] / "rules" / "telemetry.yaml").read_text())["groups"]
    expressions = " ".join(rule["expr"] for group in rules for rule in group["rules"] if "alert" in rule)
    (arrived,) = [panel for panel in panels("feature") if panel["title"] == "Arrived of expected"]
    (beat,) = [panel for panel in panels("feature") if panel["title"] == "Last heartbeat"]
    incomplete = arrived["fieldConfig"]["defaults"]["thresholds"]["steps"][1]["value"]
    silent = beat["fieldConfig"]["defaults"]["thresholds"]["steps"][1]["value"]
    assert f"ratio_rate5m < {incomplete:g}\n" in expressions
    assert f"timestamp_seconds:max > {silent:g}" in expressions


def test_a_kpi_with_a_recorded_target_shows_it_and_no_other_does() -> None:
    assert RULES.targets
    for panel in panels("feature"):
        kpi = panel["title"].removeprefix("1 - ")
        if kpi in {one.name for one in KPIS}:
            drawn = any(limits.TARGET_SERIES in target["expr"] for target in panel["targets"])
            assert drawn == (kpi in RULES.targets), kpi


def test_a_limit_is_the_one_number_that_the_alerts_agree_on() -> None:
    def rules(*expressions: str) -> limits.Rules:
        alerts = [{"alert": "A", "expr": text, "annotations": {"runbook_url": "x"}} for text in expressions]
        return limits.read(alerts, Policy(version="a"))

    assert limits.limit(rules("a:b < 0.95\n and c > 3"), "a:b", "<") == 0.95
    with pytest.raises(ValueError, match="nothing"):
        limits.limit(rules("a:b > 1"), "a:b", "<")
    with pytest.raises(ValueError, match=r"0\.9, 0\.95"):
        limits.limit(rules("a:b < 0.9", "a:b < 0.95"), "a:b", "<")


@pytest.mark.parametrize("line", [limits.WATERMARK, limits.SCORER, limits.REFUSED])
def test_the_pipeline_draws_what_its_alerts_compare_and_their_line(line: tuple[str, str]) -> None:
    (panel,) = [one for one in panels("pipeline") if line[0] in one["targets"][0].get("expr", "")]
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [step["value"] for step in steps] == [None, limits.limit(RULES, *line)]
    assert panel["fieldConfig"]["defaults"]["custom"]["thresholdsStyle"] == {"mode": "dashed"}


def test_a_changed_rule_changes_the_dashboards() -> None:
    expressions = tuple(text.replace("< 0.95", "< 0.97") for text in RULES.expressions)
    stricter = dataclasses.replace(RULES, expressions=expressions)
    assert built(stricter) != built(RULES)


def test_every_alert_on_a_kpi_has_its_runbook_beside_the_kpi() -> None:
    linked = {
        link["url"] for panel in panels("feature") for link in panel.get("links", []) if "Runbook" in link["title"]
    }
    charted = {address for kpi, (_, address) in RULES.runbooks.items() if kpi != "arrivals"}  # no rate, so no chart
    assert linked == charted | {RULES.addresses["VigilLateShareHigh"]}
    assert all((RUNBOOKS / Path(address).name).exists() for address in linked)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_link_to_a_dashboard_leads_to_one_with_these_variables(name: str) -> None:
    text = (FOLDER / f"{name}.json").read_text()
    uids = {f"vigil-{other}": {one["name"] for one in dashboard(other)["templating"]["list"]} for other in DASHBOARDS}
    for uid, query in re.findall(r'"url": "/d/([\w-]+)\?([^"]*)"', text):
        assert set(re.findall(r"var-(\w+)=", query)) <= uids[uid]
    assert uids.keys() == {links.FLEET, links.FEATURE, links.DETECTION, links.INCIDENT, links.PIPELINE}


def test_changes_are_drawn_into_every_dashboard_and_incidents_into_those_of_kpis() -> None:
    for name in DASHBOARDS:
        drawn = {one["name"] for one in dashboard(name)["annotations"]["list"]}
        assert drawn == ({"Changes"} if name == "pipeline" else {"Changes", "Incidents"})


def test_a_ratio_is_never_made_of_hard_wired_intervals_where_the_zoom_decides() -> None:
    for name in DASHBOARDS:
        for panel in panels(name):
            for target in panel["targets"]:
                for interval in re.findall(r"\[([^\]]+)\]", target.get("expr", "")):
                    assert interval in {"$__rate_interval", "5m", "15m", "1d"}, panel["title"]  # as in the rules


def test_a_series_from_the_store_has_no_steps_shorter_than_a_window() -> None:
    shown = [panel for name in DASHBOARDS for panel in panels(name) if panel["type"] == "timeseries"]
    stored = [panel for panel in shown if "rawSql" in panel["targets"][0]]
    assert {panel.get("interval") for panel in stored} == {f"{WINDOW_SECONDS}s"}


def test_every_metric_is_on_a_dashboard_or_in_a_rule() -> None:
    suffixes = {"counter": ("_total",), "histogram": ("_bucket",)}
    families = Metrics().registry.collect()
    names = {family.name + suffix for family in families for suffix in suffixes.get(family.type, ("",))}
    shown = " ".join(path.read_text() for path in FOLDER.iterdir())
    ruled = " ".join(path.read_text() for path in (FOLDER.parents[1] / "rules").glob("*.yaml"))
    assert {name for name in names if name not in shown + ruled} == set()


def test_what_is_provisioned_is_what_the_dashboards_choose() -> None:
    given = yaml.safe_load((PROVISIONING / "datasources" / "vigil.yaml").read_text())["datasources"]
    assert {(one["uid"], one["type"]) for one in given} == {
        (sources.PROMETHEUS_UID, sources.PROMETHEUS_TYPE),
        (sources.CLICKHOUSE_UID, sources.CLICKHOUSE_TYPE),
    }
    scraped = yaml.safe_load((FOLDER.parents[1] / "prometheus" / "prometheus.yaml").read_text())
    assert given[0]["jsonData"]["timeInterval"] == scraped["global"]["scrape_interval"]
    for name in DASHBOARDS:
        chosen = {
            one["current"]["value"] for one in dashboard(name)["templating"]["list"] if one["type"] == "datasource"
        }
        assert chosen == {one["uid"] for one in given}


def test_provisioning_holds_no_address_and_no_secret() -> None:
    for path in PROVISIONING.rglob("*.yaml"):
        text = path.read_text()
        assert ":" + "//" not in text
        for name in ("url", "host", "username", "password", "path"):
            assert all(value.startswith("$VIGIL_") for value in re.findall(rf"(?m)^ +{name}: (.+)$", text))
