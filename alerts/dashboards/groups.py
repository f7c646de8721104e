"""The KPIs in the rows in which people read them."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from alerts.dashboards import links, panels
from alerts.dashboards.known import rate
from alerts.dashboards.limits import TARGET_SERIES, TIER_SERIES, Rules
from alerts.dashboards.sources import Query, range_query
from schemas.kpis import CATALOGUE

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Violations and harm", ("policy_violation_rate", "harmful_output_rate", "pii_leak_rate")),
    ("Refusals and blocks", ("refusal_rate", "block_rate", "ungrounded_rate")),
    ("Attacks", ("injection_attempt_rate", "injection_success_rate", "jailbreak_success_rate")),
    ("Guardrails and tools", ("guardrail_bypass_rate", "guardrail_error_rate", "unsafe_tool_call_rate")),
    ("What the telemetry says", ("unknown_outcome_rate", "field_completeness", "redaction_compliance")),
)
"""Title and KPIs; every KPI of the catalogue that is no category stands in one row."""

TARGET = "target"


def title(kpi: str) -> str:
    """The KPI's name; where people name the good share, the bad one is drawn and said so."""
    return f"1 - {kpi}" if CATALOGUE[kpi].complement else kpi


def meaning(kpi: str) -> str:
    """What counts as bad, and what a gap is."""
    counted = CATALOGUE[kpi].meaning
    said = f"Not: {counted}." if CATALOGUE[kpi].complement else f"{counted[0].upper()}{counted[1:]}."
    return f"{said} Bad over evaluated in 5 minutes; a gap is UNKNOWN, see the strip above."


def with_rates(board: Dashboard, rules: Rules, kpis: tuple[str, ...], feature: str, go: list[links.Link]) -> Dashboard:
    """The dashboard, with the rate of each KPI and its targets: of one feature, or without a matcher of the ten worst.

    `go` is where a click on a series leads.
    """
    legend, top = ("{{kpi}}", 0) if feature else ("{{feature}}", 10)
    for kpi in kpis:
        panel = panels.series(title(kpi), meaning(kpi), _rate_queries(rules, kpi, feature, legend, top))
        board = board.with_panel(panels.line(panel, TARGET, "red").links(links.runbook(rules, kpi)).data_links(go))
    return board


def _rate_queries(rules: Rules, kpi: str, feature: str, legend: str, top: int) -> list[Query]:
    """The rate, of the `top` highest features if told, and the targets of the risk tiers in sight."""
    expr = rate(rules.floors, [kpi], feature)
    queries = [range_query(f"topk({top}, {expr})" if top else expr, legend)]
    if kpi in rules.targets:
        tiers = f"{TIER_SERIES}{{{feature}}}" if feature else TIER_SERIES
        target = f'max by (tier) ({TARGET_SERIES}{{kpi="{kpi}"}}) and on (tier) {tiers}'
        queries.append(range_query(target, f"{TARGET} {{{{tier}}}}", "B"))
    return queries
