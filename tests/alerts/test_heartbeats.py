"""A feature that sends nothing between its runs, as the policy says, is never silent and never too few; others are."""

import json
from pathlib import Path
from typing import Any

import pytest

from alerts.build import files
from alerts.dashboards.build import dashboards
from alerts.policy import FeaturePolicy, Policy
from tests.alerts.test_build import rules_of, run, written
from tests.programs import needs

LAST = "feature:vigil_feature_last_heartbeat_timestamp_seconds:max"
BASE = "https://runbooks.example.com/vigil/"
POLICY = Policy(
    version="a",
    features={
        "batch": FeaturePolicy(tier="beta", heartbeats=False, arrivals=False),
        "a.b": FeaturePolicy(tier="ga", heartbeats=False),
    },
)


def test_without_such_a_feature_the_rules_ask_of_all() -> None:
    for policy in (Policy(version="a"), Policy(version="a", features={"chat": FeaturePolicy(tier="ga")})):
        asked = [rule["expr"] for rule in rules_of(files(policy)) if "alert" in rule and LAST in rule["expr"]]
        assert len(asked) == 2
        assert not any("feature!~" in expr or "feature=~" in expr for expr in asked)


def heard(feature: str, values: str) -> dict[str, str]:
    return {"series": f'vigil_feature_last_heartbeat_timestamp_seconds{{feature="{feature}"}}', "values": values}


def silent(feature: str, since: str) -> dict[str, Any]:
    return {
        "exp_labels": {
            "severity": "critical", "service": "vigil", "kpi": "telemetry_completeness", "symptom": "silent",
            "feature": feature,
        },
        "exp_annotations": {
            "summary": "Telemetry of an AI feature is incomplete, so its safety KPIs are unknown",
            "description": f"No heartbeat named feature {feature} for {since}; its emitters, the topic or the workers "
            "have stopped.",
            "runbook_url": f"{BASE}VigilTelemetryIncomplete.md",
            "query": "was_telemetry_complete",
        },
    }  # fmt: skip


STOPPED = {
    "exp_labels": {"severity": "critical", "service": "vigil"},
    "exp_annotations": {
        "summary": "Telemetry of all AI features has stopped, so none of them is watched",
        "description": "No heartbeat of any feature came for 4m 30s, and workers have read all there is: what sends "
        "the telemetry, or its way to Kafka, has stopped.",
        "runbook_url": f"{BASE}VigilTelemetryStopped.md",
        "query": "is_the_monitor_whole",
    },
}
ENDS, RUNS, TIME = "0+15x20 300x40", "0+15x60", "-5+15x60"
WATERMARK = {"series": 'vigil_watermark_timestamp_seconds{topic="ai.telemetry", partition="0"}', "values": TIME}


@needs("promtool")
@pytest.mark.parametrize(
    ("series", "stopped", "incomplete"),
    [
        ([heard("batch", ENDS), heard("a.b", ENDS), heard("chat", RUNS)], [], []),
        ([heard("batch", ENDS), heard("chat", ENDS), heard("aXb", RUNS)], [], [silent("chat", "4m 30s")]),
        ([heard("batch", ENDS), heard("chat", ENDS)], [], [silent("chat", "4m 30s")]),
        (
            [heard("batch", RUNS), heard("chat", ENDS), heard("mail", ENDS)],
            [STOPPED],
            [silent("chat", "4m 30s"), silent("mail", "4m 30s")],
        ),
    ],
    ids=["batches that end", "a feature beside them that ends", "all but one are batches", "all but a batch end"],
)
def test_only_features_that_send_heartbeats_for_ever_are_missed(
    series: list[dict[str, str]], stopped: list[dict[str, Any]], incomplete: list[dict[str, Any]], tmp_path: Path
) -> None:
    checks = [
        {"eval_time": "9m30s", "alertname": name, "exp_alerts": expected}
        for name, expected in (("VigilTelemetryStopped", stopped), ("VigilTelemetryIncomplete", incomplete))
    ]
    case = {"interval": "15s", "input_series": [*series, WATERMARK], "alert_rule_test": checks}
    suite = {"rule_files": ["rules/telemetry.yaml"], "evaluation_interval": "15s", "tests": [case]}
    promtool_tests(suite, tmp_path)


def promtool_tests(suite: dict[str, Any], folder: Path) -> None:
    written(files(POLICY), folder)
    (folder / "case.yaml").write_text(json.dumps(suite))
    run("promtool", "test", "rules", "case.yaml", cwd=folder)


def expressions(board: str, title: str) -> list[str]:
    built = json.loads(dashboards(POLICY)[f"dashboards/built/{board}.json"])
    (panel,) = [panel for panel in built["panels"] if panel["title"] == title]
    return [target["expr"] for target in panel["targets"]]


@needs("promtool")
def test_a_dashboard_counts_as_silent_what_alerts_would_miss_and_judges_no_other_heartbeat(tmp_path: Path) -> None:
    (silent,) = expressions("fleet", "Features silent")
    judged, other = expressions("feature", "Last heartbeat")
    age = {name: (judged.replace("$feature", name), other.replace("$feature", name)) for name in ("batch", "chat")}
    wanted = {
        silent: [{"labels": "{}", "value": 2}],
        age["batch"][0]: [],
        age["batch"][1]: [{"labels": '{feature="batch"}', "value": 270}],
        age["chat"][0]: [{"labels": '{feature="chat"}', "value": 270}],
        age["chat"][1]: [],
    }
    checks = [{"eval_time": "9m30s", "expr": expr, "exp_samples": samples} for expr, samples in wanted.items()]
    series = [heard("batch", ENDS), heard("a.b", ENDS), heard("chat", ENDS), heard("aXb", ENDS), heard("mail", RUNS)]
    case = {"interval": "15s", "input_series": series, "promql_expr_test": checks}
    promtool_tests({"rule_files": ["rules/telemetry.yaml"], "evaluation_interval": "15s", "tests": [case]}, tmp_path)


@needs("promtool")
def test_an_incident_on_arrivals_alerts_unless_the_policy_says_that_they_are_no_news(tmp_path: Path) -> None:
    """Not either while the worker that showed it is away. Of the same feature's other KPIs they alert."""

    def incident(feature: str, kpi: str, direction: str) -> dict[str, str]:
        labels = f'feature="{feature}", kpi="{kpi}", direction="{direction}"'
        return {"series": f"vigil_incident_open{{{labels}}}", "values": "1x12 _x60"}

    series = [incident(name, "arrivals", way) for name in ("batch", "a.b") for way in ("up", "down")]
    series.append(incident("batch", "block_rate", "down"))
    labels = {"alertname": "VigilKpiIncident", "alertstate": "firing", "service": "vigil"}
    fired = [
        labels | {"feature": "a.b", "kpi": "arrivals", "direction": "up", "severity": "info"},
        labels | {"feature": "a.b", "kpi": "arrivals", "direction": "down", "severity": "warning"},
        labels | {"feature": "batch", "kpi": "block_rate", "direction": "down", "severity": "warning"},
    ]
    samples = [
        {"labels": "ALERTS{" + ", ".join(f'{name}="{value}"' for name, value in one.items()) + "}", "value": 1}
        for one in fired
    ]
    checks = [{"eval_time": at, "expr": "ALERTS", "exp_samples": samples} for at in ("2m", "8m")]
    case = {"interval": "15s", "input_series": series, "promql_expr_test": checks}
    promtool_tests({"rule_files": ["rules/incidents.yaml"], "evaluation_interval": "15s", "tests": [case]}, tmp_path)
