"""A feature that sends no heartbeats between its runs, as the policy says, is never silent; another one is."""

import json
from pathlib import Path
from typing import Any

import pytest

from alerts.build import files
from alerts.policy import FeaturePolicy, Policy
from tests.alerts.test_build import rules_of, run, written
from tests.programs import needs

LAST = "feature:vigil_feature_last_heartbeat_timestamp_seconds:max"
BASE = "https://runbooks.example.com/vigil/"
POLICY = Policy(
    version="a",
    features={"batch": FeaturePolicy(tier="beta", heartbeats=False), "a.b": FeaturePolicy(tier="ga", heartbeats=False)},
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
    folder = written(files(POLICY), tmp_path)
    (folder / "case.yaml").write_text(json.dumps(suite))
    run("promtool", "test", "rules", "case.yaml", cwd=folder)
