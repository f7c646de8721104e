"""Numbers that stand on several dashboards: of the fleet without a matcher, of one feature with it."""

from grafana_foundation_sdk.builders import stat

from alerts.dashboards import colours, panels
from alerts.dashboards.known import COVERAGE, EVERY, withheld
from alerts.dashboards.limits import SCORER, Rules, limit
from alerts.dashboards.sources import instant_query


def open_incidents(feature: str = "") -> stat.Panel:
    """Series with an open incident."""
    return panels.number(
        "Open incidents",
        "Series (feature, KPI) on which the scorer has an incident open. UNKNOWN: nobody scores them.",
        instant_query(f"sum(max by (feature, kpi, direction) (vigil_incident_open{{{feature}}}))"),
        judged=colours.bad_from(1),
    )


def alerts_firing(feature: str = "") -> stat.Panel:
    """Alerts of ours that fire; 0 only while the Watchdog proves that rules are evaluated."""
    chosen = f", {feature}" if feature else ""
    firing = f'count(ALERTS{{alertstate="firing", service="vigil", alertname!="Watchdog"{chosen}}})'
    rules_run = '0 * count(ALERTS{alertname="Watchdog", alertstate="firing"})'
    return panels.number(
        "Alerts firing",
        "UNKNOWN means that not even the Watchdog fires: the rules are not evaluated.",
        instant_query(f"{firing} or {rules_run}"),
        judged=colours.bad_from(1),
    )


def unknown_kpis(rules: Rules, feature: str = "") -> stat.Panel:
    """Series below their floor."""
    return panels.number(
        "KPIs UNKNOWN",
        "Series (feature, KPI) below their coverage floor. Their rates are withheld, not 0.",
        instant_query(f"count({withheld(rules.floors, EVERY, feature)}) or 0 * count({COVERAGE}{{{feature}}})"),
        judged=colours.unknown_from(1),
    )


def scored_until(rules: Rules) -> stat.Panel:
    """Age of what every scorer has finished."""
    return panels.number(
        "Scored until",
        "Age of the newest window that every scorer has finished. Old: incidents are not found.",
        instant_query("time() - min(vigil_scored_until_timestamp_seconds > 0)"),
        unit="s",
        judged=colours.bad_from(limit(rules, *SCORER)),
    )
