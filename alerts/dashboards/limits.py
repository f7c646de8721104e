"""The numbers that page, read out of the alert rules, so that a panel draws the line the alert uses."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alerts.build.text import regex_of
from alerts.policy import Policy
from schemas.kpis import KPIS

INCOMPLETE = ("feature:vigil_interactions_per_expected:ratio_rate5m", "<")
SILENT = ("time() - feature:vigil_feature_last_heartbeat_timestamp_seconds:max", ">")
WATERMARK = ("time() - max by (topic, partition) (last_over_time(vigil_watermark_timestamp_seconds[1d]))", ">")
SCORER = ("max by (instance) (time() - vigil_scored_until_timestamp_seconds)", ">")
REFUSED = (
    "sum by (topic) (increase(vigil_dead_letters_total[15m]))"
    " / (sum by (topic) (increase(vigil_records_total[15m])) > 0)",
    ">",
)
LATE = (
    "sum by (feature) (increase(vigil_late_events_total[15m]))"
    " / (sum by (feature) (increase(vigil_interactions_total[15m])) > 0)",
    ">",
)
"""What is compared, and how: pairs to ask `limit` for. Panels draw the same expression."""

TARGET_SERIES = "tier_kpi:vigil_kpi_target:ratio"
TIER_SERIES = "feature:vigil_risk_tier:info"
"""The recorded series of a KPI's target by risk tier, which its alerts are held against, and of a feature's tier."""

OWNERS = "feature:vigil_risk_tier:info{feature} * on (feature) group_left (owner) feature:vigil_owner:info{feature}"
"""Tier and owner of the features that a matcher in braces chooses; format it with nothing for all of them."""

_NUMBER = r"(\d+(?:\.\d+)?(?:e-?\d+)?)"


@dataclass(frozen=True, slots=True)
class Rules:
    """What the dashboards take from the policy and its rules."""

    expressions: tuple[str, ...]
    """Of the alerts, blanks made single."""
    targets: frozenset[str]
    """KPIs that have a recorded target."""
    runbooks: Mapping[str, tuple[str, str]]
    """KPI to the name and the runbook's address of an alert that names it, the first one."""
    addresses: Mapping[str, str]
    """Alert to its runbook's address."""
    floors: Mapping[str, float]
    """KPI to the coverage below which it is unknown."""
    without_heartbeats: str = ""
    """A regular expression for the features that send none between their runs; "" where there are none."""


def read(rules: Sequence[Mapping[str, Any]], policy: Policy) -> Rules:
    """From rules as they stand in the groups of a rule file, and the policy that they are built from."""
    alerts = [rule for rule in rules if "alert" in rule]
    targets = {rule.get("labels", {}).get("kpi") for rule in rules if rule.get("record") == TARGET_SERIES}
    runbooks: dict[str, tuple[str, str]] = {}
    for rule in alerts:
        for kpi in _kpis(rule):
            runbooks.setdefault(kpi, (rule["alert"], rule["annotations"]["runbook_url"]))
    return Rules(
        expressions=tuple(" ".join(rule["expr"].split()) for rule in alerts),
        targets=frozenset(kpi for kpi in targets if kpi),
        runbooks=runbooks,
        addresses={rule["alert"]: rule["annotations"]["runbook_url"] for rule in alerts},
        floors={kpi.name: policy.floor(kpi.name, kpi.coverage_floor) for kpi in KPIS},
        without_heartbeats=regex_of(policy.without("heartbeats")),
    )


def _kpis(rule: Mapping[str, Any]) -> Iterable[str]:
    named = re.findall(r'kpi="([^"]+)"', rule["expr"])
    label = rule.get("labels", {}).get("kpi")
    return [*named, *([label] if label else [])]


def limit(rules: Rules, series: str, comparison: str) -> float:
    """The number that an alert compares the series with. ValueError unless all alerts that do agree on one."""
    pattern = re.compile(re.escape(f"{series} {comparison} ") + _NUMBER)
    found = {float(number) for expression in rules.expressions for number in pattern.findall(expression)}
    if len(found) != 1:
        raise ValueError(f"the alerts compare {series!r} with {sorted(found) or 'nothing'}; a panel can draw one line")
    return found.pop()
