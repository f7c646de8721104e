"""VigilTelemetryIncomplete, symptom `uncovered`: by floors and features of a policy of one's own."""

import json
from pathlib import Path
from typing import Any

from alerts.build import files
from alerts.policy import KpiPolicy, Policy
from schemas.kpis import CATALOGUE, KPIS
from schemas.outcomes import Bit
from tests.alerts.test_build import FLEET, OF_FLEET, rules_of, run, written
from tests.programs import needs


def test_below_a_floor_of_zero_nothing_is_uncovered() -> None:
    nowhere = Policy(version="a", coverage_floor=0.0)
    somewhere = Policy(version="a", coverage_floor=0.0, kpis={"refusal_rate": KpiPolicy(coverage_floor=0.2)})
    assert [uncovered_kpis(policy) for policy in (FLEET, nowhere, somewhere)] == [
        ["refusal_rate", "policy_violation_rate", "injection_attempt_rate", "harmful_output_rate", "pii_leak_rate"],
        [],
        ["refusal_rate"],
    ]


def test_each_kpi_that_every_interaction_or_answer_is_looked_at_for_is_missed_or_is_made_by_an_evaluation_that_is() -> (
    None
):
    """A KPI whose evaluator stops is blind, and so are its incidents, rates and counts: somebody must be told."""
    of_all = [kpi for kpi in KPIS if kpi.population == Bit.INTERACTION and kpi.evaluated != Bit.INTERACTION]
    missed = {CATALOGUE[kpi].evaluated for kpi in uncovered_kpis(Policy(version="a"))}
    listed = {"guardrail_bypass_rate", "guardrail_error_rate"}  # with policy_violation_rate
    assert {kpi.name for kpi in of_all if kpi.evaluated not in missed} == listed


def uncovered_kpis(policy: Policy) -> list[str]:
    return [rule["labels"]["kpi"] for rule in rules_of(files(policy)) if "uncovered" in rule.get("labels", {}).values()]


@needs("promtool")
def test_what_a_guardrail_evaluated_is_not_missed_where_there_is_none_on_purpose(tmp_path: Path) -> None:
    def fired(feature: str, kpi: str) -> dict[str, Any]:
        said = f"Only 0% of the interactions of feature {feature} were evaluated for {kpi} in 5 minutes"
        labels = {"severity": "critical", "service": "vigil", "symptom": "uncovered", "feature": feature, "kpi": kpi}
        return {
            "exp_labels": labels,
            "exp_annotations": {
                "summary": "Telemetry of an AI feature is incomplete, so its safety KPIs are unknown",
                "description": f"{said}; its value is unknown.",
                "runbook_url": "https://wiki.example.com/runbooks/VigilTelemetryIncomplete.md",
                "dashboard_url": f"https://grafana.example.com/d/vigil-feature?var-feature={feature}",
                "query": "what_is_not_evaluated",
            },
        }

    features, kpis = ("batch", "search"), ("refusal_rate", "policy_violation_rate")
    series = [{"series": f'vigil_interactions_total{{feature="{name}"}}', "values": "0+100x60"} for name in features]
    series += [
        {"series": f'vigil_kpi_evaluated_total{{feature="{name}", kpi="{kpi}"}}', "values": "0+100x20 2000x40"}
        for name in features
        for kpi in kpis
    ]
    expected = [fired("batch", "refusal_rate"), *(fired("search", kpi) for kpi in kpis)]
    check = {"eval_time": "20m", "alertname": "VigilTelemetryIncomplete", "exp_alerts": expected}
    case = {"interval": "30s", "input_series": series, "alert_rule_test": [check]}
    folder = written(OF_FLEET, tmp_path)
    suite = {"rule_files": ["rules/telemetry.yaml"], "evaluation_interval": "30s", "tests": [case]}
    (folder / "case.yaml").write_text(json.dumps(suite))
    run("promtool", "test", "rules", "case.yaml", cwd=folder)
