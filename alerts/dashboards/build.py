"""From the policy to the dashboards: texts by path below alerts/. Pure; `vigil policy build` writes them."""

import json
from collections.abc import Callable

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from alerts.build import rule_groups
from alerts.dashboards import detection, feature, fleet, incident, limits, pipeline
from alerts.dashboards.trim import trimmed
from alerts.policy import Policy

DASHBOARDS: dict[str, Callable[[limits.Rules], Dashboard]] = {
    "fleet": fleet.build,
    "feature": feature.build,
    "detection": detection.build,
    "incident": incident.build,
    "pipeline": pipeline.build,
}
"""Stem of the file, and of the uid after `vigil-`, to what builds it."""


def dashboards(policy: Policy) -> dict[str, str]:
    """Every dashboard, with the lines, targets, floors and runbooks of the policy: path below alerts/ to text."""
    return {f"dashboards/built/{name}": text for name, text in built(rules_of(policy)).items()}


def rules_of(policy: Policy) -> limits.Rules:
    """What the dashboards take from the policy and the rules that it builds."""
    groups = [group for groups in rule_groups(policy).values() for group in groups]
    return limits.read([rule for group in groups for rule in group["rules"]], policy)


def built(rules: limits.Rules) -> dict[str, str]:
    """File name to text of every dashboard, with the lines of these rules. ValueError: see `limits.limit`."""
    return {f"{name}.json": _text(build(rules)) for name, build in DASHBOARDS.items()}


def _text(dashboard: Dashboard) -> str:
    whole = dashboard.build()
    for number, panel in enumerate(whole.panels or [], start=1):
        panel.id_val = number
    plain = trimmed(json.loads(json.dumps(whole, cls=JSONEncoder)))
    return json.dumps(plain, indent=2, sort_keys=True) + "\n"
