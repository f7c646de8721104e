"""From the policy to rules, routes and what others adopt: texts by path below alerts/. Pure; `monitor` writes them."""

import json
from typing import Any

from alerts.build.adopt import adopted
from alerts.build.counts import count_groups
from alerts.build.health import health_groups, watchdog_groups
from alerts.build.incidents import incident_groups
from alerts.build.probes import probe_groups
from alerts.build.rates import burn_groups, kpi_groups
from alerts.build.routes import HEAD, alertmanager
from alerts.build.rule import Rule
from alerts.build.telemetry import telemetry_groups
from alerts.build.text import yaml_text
from alerts.policy import Policy

_RULES = {
    "kpis": (kpi_groups, "KPIs from the stream's own counters against their targets, so right without the scorer."),
    "burn": (burn_groups, "Targets burnt too fast: several windows at once, and enough bad events."),
    "incidents": (incident_groups, "What the detector has decided."),
    "counts": (count_groups, "Rare severe events: one is enough, whatever the rate."),
    "telemetry": (telemetry_groups, "Unknown is not safe: what is missing pages, and mutes the rates that rest on it."),
    "probes": (probe_groups, "Known-bad interactions: do the filters catch them, and do any come through at all."),
    "health": (health_groups, "The monitor's own health."),
    "watchdog": (watchdog_groups, "Always fires; what watches for its absence must live somewhere else."),
}
SCHEMA = "policy.schema.json"


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a policy file, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Policy.model_json_schema(),
        "title": "Vigil policy",
    }


def rule_groups(policy: Policy) -> dict[str, list[Rule]]:
    """The groups of each file of rules, by the file's stem."""
    return {name: make(policy) for name, (make, _) in _RULES.items()}


def files(policy: Policy) -> dict[str, str]:
    """Every built file but the dashboards: its path below alerts/, with slashes, and its text.

    Dashboards are built by alerts/dashboards, whose library takes a second to load.
    """
    built, groups = {SCHEMA: json.dumps(json_schema(), indent=2) + "\n"}, rule_groups(policy)
    for name, mine in groups.items():
        head = f"Built by `vigil policy build` from alerts/policy.yaml; change that.\n{_RULES[name][1]}"
        built[f"rules/{name}.yaml"] = yaml_text({"groups": mine}, head)
    built["alertmanager/alertmanager.yaml"] = yaml_text(alertmanager(policy), HEAD)
    for path, text in adopted(policy, [group for mine in groups.values() for group in mine]).items():
        built[f"adopt/{path}"] = text
    return built
