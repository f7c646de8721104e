"""What is built from a policy: committed byte for byte, and right for a policy that is not the shipped one."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.build import files
from alerts.build.asking import COMMAND
from alerts.build.text import yaml_text
from alerts.dashboards.build import DASHBOARDS
from alerts.policy import DAYS, Policy
from alerts.queries import NAMES as QUERIES
from alerts.queries import load as load_query
from monitor.policy import SHIPPED_POLICY, load_policy
from schemas.kpis import KPIS
from tests.programs import needs

ALERTS = SHIPPED_POLICY.parent
FLEET = load_policy(Path(__file__).parent / "fleet.yaml")
BUILT = files(load_policy(SHIPPED_POLICY))
OF_FLEET = files(FLEET)


def rules_of(built: dict[str, str]) -> list[dict[str, Any]]:
    texts = [text for path, text in sorted(built.items()) if path.startswith("rules/")]
    return [rule for text in texts for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def written(built: dict[str, str], folder: Path) -> Path:
    for path, text in built.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("path", sorted(BUILT))
def test_what_is_committed_is_what_the_policy_builds(path: str) -> None:
    assert (ALERTS / path).read_text() == BUILT[path], "run `vigil policy build`"


def test_nothing_is_committed_that_no_policy_builds() -> None:
    folders = ("rules", "alertmanager", "adopt")
    there = {str(path.relative_to(ALERTS)) for name in folders for path in (ALERTS / name).rglob("*") if path.is_file()}
    assert there == {path for path in BUILT if path.split("/")[0] in folders}


@pytest.mark.parametrize(
    "value",
    ["a b", "yes", "10", "1e5", "0x1f", "10s", "", " a", "a ", "a: b", "a:b", "a #b", "- a", "{a}", "a, b", "%a", "'a'",
     '"a"', "|", "null", "~", "2026-11-21", "a\nb", "a\n  b\n\nc", "#ai", "@x", "*x", "&x", "!x", "é", "a\\b", "x:"],
)  # fmt: skip
def test_every_text_comes_back_from_yaml(value: str) -> None:
    shape = {"k": value, "list": [value.replace("\n", " "), "z"], "deep": [{"a": value, "b": {"c": value}}, {"d": []}]}
    assert yaml.safe_load(yaml_text(shape, "head\nmore")) == shape


@needs("promtool")
def test_promtool_accepts_the_rules_of_another_policy(tmp_path: Path) -> None:
    folder = written(OF_FLEET, tmp_path)
    paths = map(str, [*(folder / "rules").glob("*.yaml"), *(folder / "adopt" / "anomaly").glob("*.yaml")])
    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", *paths)


@needs("promtool")
def test_single_severe_events_page_in_the_tiers_that_say_so_and_are_tickets_elsewhere(tmp_path: Path) -> None:
    def fired(feature: str, severity: str, tier: str) -> dict[str, Any]:
        labels = {"severity": severity, "service": "vigil", "basis": "count", "feature": feature, "tier": tier}
        return {
            "exp_labels": labels | {"kpi": "pii_leak_rate"},
            "exp_annotations": {
                "summary": "An AI feature sent personal data in an answer",
                "description": f"2 answers of feature {feature} (tier {tier}) in 5m, by pii_leak_rate.",
                "runbook_url": "https://wiki.example.com/runbooks/VigilPiiLeak.md",
                "dashboard_url": f"https://grafana.example.com/d/vigil-feature?var-feature={feature}",
                "query": "which_events",
            },
        }

    names = ("health-faq", "health.beta", "search", "unheard-of")
    kpi = 'kpi="pii_leak_rate"'
    series = [{"series": f'vigil_interactions_total{{feature="{name}"}}', "values": "0+9x40"} for name in names]
    series += [{"series": f'vigil_kpi_bad_total{{feature="{name}",{kpi}}}', "values": "0x8 2x30"} for name in names]
    expected = [
        fired("health-faq", "critical", "regulated"),
        fired("health.beta", "warning", "beta"),
        fired("search", "warning", "ga"),
        fired("unheard-of", "warning", "internal"),
    ]
    check = {"eval_time": "3m", "alertname": "VigilPiiLeak", "exp_alerts": expected}
    case = {"interval": "15s", "input_series": series, "alert_rule_test": [check]}
    folder = written(OF_FLEET, tmp_path)
    suite = {"rule_files": ["rules/counts.yaml", "rules/kpis.yaml"], "evaluation_interval": "15s", "tests": [case]}
    (folder / "case.yaml").write_text(json.dumps(suite))
    run("promtool", "test", "rules", "case.yaml", cwd=folder)


def test_each_feature_has_one_tier_and_one_that_is_not_named_has_the_default() -> None:
    tiers = [rule for rule in rules_of(OF_FLEET) if rule.get("record") == "feature:vigil_risk_tier:info"]
    found: dict[str, list[str]] = {}
    for name in ("health-faq", "health.beta", "healthxbeta", "search", "batch", "new"):
        for rule in tiers:
            matcher = re.search(r'feature(=~|!~)"([^"]*)"', rule["expr"])
            assert matcher is not None
            if bool(re.fullmatch(matcher[2], name)) == (matcher[1] == "=~"):
                found.setdefault(name, []).append(rule["labels"]["tier"])
    assert found == {
        "health-faq": ["regulated"], "health.beta": ["beta"], "healthxbeta": ["internal"],
        "search": ["ga"], "batch": ["internal"], "new": ["internal"],
    }  # fmt: skip


def incident_alerts(policy: Policy) -> dict[tuple[str, str], tuple[str, str]]:
    """(KPI, direction) to (alert, severity), as the rules have it."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for rule in rules_of(files(policy)):
        seen = re.search(
            r'vigil_incident_open\{kpi=~?"([^"]+)", direction="(\w+)", feature!~"pool:.\+"\}', rule["expr"]
        )
        for kpi in seen[1].split("|") if seen else ():
            assert seen is not None
            assert (kpi, seen[2]) not in found, "two alerts would page one incident"
            found[kpi, seen[2]] = (rule["alert"], rule["labels"]["severity"])
    return found


def test_an_incident_pages_as_the_policy_says_and_a_fall_is_never_critical() -> None:
    shipped = incident_alerts(load_policy(SHIPPED_POLICY))
    names = [kpi.name for kpi in KPIS] + ["telemetry_completeness", "arrivals"]
    assert set(shipped) == {(name, direction) for name in names for direction in ("up", "down")}
    assert shipped["refusal_rate", "up"] == ("VigilRefusalSpike", "critical")
    assert shipped["pii_leak_rate", "up"] == ("VigilKpiIncident", "critical")
    assert {severity for (_, direction), (_, severity) in shipped.items() if direction == "down"} == {"warning"}
    fleet = incident_alerts(FLEET)
    assert not {("block_rate", "up"), ("block_rate", "down"), ("refusal_rate", "down")} & set(fleet)
    assert ("refusal_rate", "up") in fleet
    assert fleet["ungrounded_rate", "up"] == ("VigilKpiIncident", "critical")


def test_floors_and_features_without_guardrails_reach_the_rules() -> None:
    text = OF_FLEET["rules/telemetry.yaml"]
    assert 'ratio_rate5m{kpi="refusal_rate"} < 0.9' in text
    assert 'ratio_rate5m{kpi="policy_violation_rate"} < 0.5' in text
    everywhere = files(Policy(version="a", coverage_floor=0.8))["rules/telemetry.yaml"]
    assert set(re.findall(r"evaluated_per_interaction:ratio_rate(?:5m|1h)\S* [<>]=? (0\S+)", everywhere)) == {"0.8"}
    unguarded = [rule for rule in rules_of(OF_FLEET) if rule.get("alert") == "VigilNoGuardrailEvaluations"]
    assert len(unguarded) == 2
    assert all('{feature!~"batch"}' in rule["expr"] for rule in unguarded)


def test_a_policy_that_says_nothing_still_builds_what_does_not_depend_on_it() -> None:
    names = {rule.get("alert") for rule in rules_of(files(Policy(version="a")))}
    assert {"Watchdog", "VigilTelemetryIncomplete", "VigilRefusalSpike", "VigilScorerStale"} <= names
    assert not {"VigilPiiLeak", "VigilTargetBurnFast", "VigilViolationRateHigh"} & names


def routes_of(policy: Policy) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(files(policy)["alertmanager/alertmanager.yaml"])
    return loaded


def all_routes(route: dict[str, Any]) -> list[dict[str, Any]]:
    return [route, *(found for one in route.get("routes", ()) for found in all_routes(one))]


@pytest.mark.parametrize("policy", [load_policy(SHIPPED_POLICY), FLEET], ids=["shipped", "fleet"])
def test_quiet_hours_never_silence_what_is_critical(policy: Policy) -> None:
    quiet = [route for route in all_routes(routes_of(policy)["route"]) if "mute_time_intervals" in route]
    assert quiet
    for route in quiet:
        matcher = re.fullmatch(r'severity=~"([^"]+)"', route["matchers"][0])
        assert matcher is not None
        assert not re.fullmatch(matcher[1], "critical")
        assert not re.fullmatch(matcher[1], "urgent"), "what nobody planned for wakes somebody"
        assert "routes" not in route


def test_a_night_is_the_evening_and_the_morning_of_the_day_after() -> None:
    (quiet,) = routes_of(FLEET)["time_intervals"]
    evening, morning, noon = quiet["time_intervals"]
    assert evening["times"] == [{"start_time": "22:00", "end_time": "24:00"}]
    assert (evening["weekdays"], evening["location"]) == (["friday", "saturday"], "Europe/Berlin")
    assert morning["times"] == [{"start_time": "00:00", "end_time": "07:00"}]
    assert morning["weekdays"] == ["saturday", "sunday"]
    assert (noon["weekdays"], noon["location"]) == ([*DAYS], "UTC")


@needs("amtool")
@pytest.mark.parametrize(
    ("receiver", "labels"),
    [
        ("pagerduty-health", ["severity=critical", "feature=health-faq"]),
        ("pagerduty-health", ["severity=urgent", "feature=health.beta"]),
        ("tickets-health", ["severity=warning", "feature=health-faq"]),
        ("pagerduty", ["severity=critical", "feature=healthxbeta"]),
        ("pagerduty", ["severity=critical", "feature=search"]),
        ("tickets", ["severity=warning", "feature=search"]),
        ("pagerduty", ["severity=critical"]),
        ("dead-man", ["alertname=Watchdog", "severity=none"]),
    ],
)
def test_a_feature_goes_to_its_owner(receiver: str, labels: list[str], tmp_path: Path) -> None:
    config = written(OF_FLEET, tmp_path) / "alertmanager" / "alertmanager.yaml"
    run("amtool", "check-config", str(config))
    run("amtool", "config", "routes", "test", f"--config.file={config}", f"--verify.receivers={receiver}", *labels)


def test_each_team_has_a_key_file_of_its_own_and_tickets_go_where_it_says() -> None:
    receivers = {one["name"]: one for one in routes_of(FLEET)["receivers"]}
    keys = [receivers[name]["pagerduty_configs"][0]["routing_key_file"] for name in ("pagerduty", "pagerduty-health")]
    assert [Path(key).name for key in keys] == ["pagerduty-routing-key", "health-routing-key"]
    assert receivers["tickets"]["slack_configs"][0]["channel"] == "#ai-safety"
    assert "pagerduty_configs" not in receivers["tickets"]
    (low,) = receivers["tickets-health"]["pagerduty_configs"]
    assert Path(low["routing_key_file"]).name == "health-tickets-key"
    shipped = {one["name"]: one for one in routes_of(load_policy(SHIPPED_POLICY))["receivers"]}
    assert shipped["tickets"] == {"name": "tickets"}


def test_a_page_links_to_runbook_and_queries_and_to_the_dashboard_where_the_policy_says_where_grafana_is() -> None:
    def links(policy: Policy) -> list[str]:
        (pagerduty,) = next(one for one in routes_of(policy)["receivers"] if one["name"] == "pagerduty")[
            "pagerduty_configs"
        ]
        return [link["text"] for link in pagerduty["links"]]

    assert links(load_policy(SHIPPED_POLICY)) == ["Runbook", "Queries"]
    assert links(FLEET) == ["Runbook", "Dashboard", "Queries"]
    slack = next(one for one in routes_of(FLEET)["receivers"] if one["name"] == "tickets")["slack_configs"][0]
    assert re.findall(r"\|(\w+)>", slack["text"]) == ["Runbook", "Queries", "Dashboard"]


def test_each_dashboard_that_an_alert_links_to_exists_and_opens_on_the_feature_of_an_alert_that_has_one() -> None:
    linked = [rule["annotations"]["dashboard_url"] for rule in rules_of(OF_FLEET) if "alert" in rule]
    found = {re.fullmatch(r"https://grafana\.example\.com/d/vigil-(\w+)(\?var-feature=.+)?", url) for url in linked}
    boards = {(one[1], one[2]) for one in found if one}
    assert None not in found
    assert boards == {("pipeline", None), ("detection", None), ("feature", "?var-feature={{ $labels.feature }}")}
    assert {name for name, _ in boards} <= set(DASHBOARDS)


def test_the_command_of_a_page_gives_each_stored_query_what_it_asks_for() -> None:
    _, *parts = re.split(r'{{ if eq \$first.Annotations.query "(\w+)" }}', COMMAND)
    given = {query: re.findall(r"--param (\w+)=", text) for query, text in zip(parts[::2], parts[1::2], strict=True)}
    assert given == {query: [one.name for one in load_query(query).parameters] for query in QUERIES}


def test_what_others_adopt_is_the_same_rules() -> None:
    groups = [
        group for path, text in BUILT.items() if path.startswith("rules/") for group in yaml.safe_load(text)["groups"]
    ]
    kubernetes = yaml.safe_load(BUILT["adopt/kubernetes/prometheusrule.yaml"])
    often = [{"interval": "5s"} | group for group in groups]  # the Operator would evaluate them every 30 s
    assert (kubernetes["kind"], kubernetes["spec"]) == ("PrometheusRule", {"groups": often})
    mixin = BUILT["adopt/mixin/mixin.libsonnet"]
    parts = [json.loads(BUILT[f"adopt/mixin/{name}"]) for name in re.findall(r"import '(\w+\.json)'", mixin)]
    rules = [rule for part in parts for group in part["groups"] for rule in group["rules"]]
    assert len(parts) == 2
    assert sorted(map(str, rules)) == sorted(str(rule) for group in groups for rule in group["rules"])


def test_sloth_gets_one_specification_for_each_named_feature_and_one_for_the_rest() -> None:
    names = {Path(path).stem for path in OF_FLEET if path.startswith("adopt/sloth/")}
    assert names == {*FLEET.features, "everything-else"}
    one = yaml.safe_load(OF_FLEET["adopt/sloth/health-faq.yaml"])
    assert (one["version"], one["service"]) == ("prometheus/v1", "vigil-health-faq")
    slo = next(slo for slo in one["slos"] if slo["name"] == "pii-leak-rate")
    assert slo["objective"] == 99.9
    assert slo["sli"]["events"] == {
        "error_query": 'sum(rate(vigil_kpi_bad_total{kpi="pii_leak_rate", feature="health-faq"}[{{.window}}]))',
        "total_query": 'sum(rate(vigil_kpi_evaluated_total{kpi="pii_leak_rate", feature="health-faq"}[{{.window}}]))',
    }
    rest = yaml.safe_load(OF_FLEET["adopt/sloth/everything-else.yaml"])
    assert 'feature!~"batch|health-faq|health[.]beta|search"' in rest["slos"][0]["sli"]["events"]["error_query"]


def test_the_anomaly_rules_carry_the_labels_by_which_grafana_chooses() -> None:
    (group,) = yaml.safe_load(BUILT["adopt/anomaly/vigil.yaml"])["groups"]
    assert len(group["rules"]) == len(KPIS)
    for rule in group["rules"]:
        assert rule["record"].startswith("anomaly:vigil_")
        assert set(rule["labels"]) == {"anomaly_name", "anomaly_type", "anomaly_strategy"}
    assert len({rule["labels"]["anomaly_name"] for rule in group["rules"]}) == len(KPIS)
