"""Whether what the emitters had arrived: the strip and the traffic above everything else."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from alerts.dashboards import colours, links, panels
from alerts.dashboards.known import EVER_SEEN, NOT_SCORED, in_steps
from alerts.dashboards.limits import INCOMPLETE, LATE, Rules, limit
from alerts.dashboards.sources import range_query
from schemas.kpis import TELEMETRY_COMPLETENESS

ARRIVED = INCOMPLETE[0]


def completeness(feature: str) -> str:
    """Arrived over expected, a series for every feature that matches: NOT_SCORED without heartbeats."""
    matching = f"{ARRIVED}{{{feature}}}" if feature else ARRIVED
    arrived = in_steps(f"max by (feature) ({matching})", panels.PERCENT)
    return f"{arrived} or on (feature) {NOT_SCORED:g} * {_seen(feature)}"


def _seen(feature: str) -> str:
    selector = EVER_SEEN.replace("}", f", {feature}}}") if feature else EVER_SEEN
    return f"group by (feature) ({selector})"


def with_telemetry(dashboard: Dashboard, rules: Rules, feature: str) -> Dashboard:
    """The dashboard, with the row on telemetry; `feature` is a matcher, or nothing for the ten largest."""
    strip = completeness(feature)
    arrived = f"sum by (feature) (rate(vigil_interactions_total{{{feature}}}[$__rate_interval]))"
    expected = f"sum by (feature) (rate(vigil_interactions_expected_total{{{feature}}}[$__rate_interval]))"
    late = f"({LATE[0]}) and on (feature) {_seen(feature)}" if feature else f"topk(10, {LATE[0]})"
    queries = [
        range_query(arrived if feature else f"topk(10, {arrived})", "{{feature}} arrived"),
        range_query(expected if feature else f"topk(10, {expected})", "{{feature}} expected", "B"),
    ]
    return (
        dashboard.with_row(Row("Is the telemetry complete? Purple is UNKNOWN, not 0"))
        .with_panel(
            panels.completeness_strip(
                TELEMETRY_COMPLETENESS,
                limit(rules, *INCOMPLETE),
                range_query(strip if feature else f"bottomk(20, {strip})", "{{feature}}"),
            ).data_links([links.to(links.FEATURE, "This feature", feature=links.SERIES_FEATURE)])
        )
        .with_panel(
            panels.series(
                "Interactions a second",
                "Arrived, and what the emitters' heartbeats count. Where the two part, telemetry is being lost.",
                queries,
                unit="ops",
                width=16,
            ).links(links.runbook(rules, TELEMETRY_COMPLETENESS))
        )
        .with_panel(
            panels.series(
                "Late events of interactions",
                "In 15 minutes, after their window closed. They still count in its total, but it is not scored again.",
                [range_query(late, "{{feature}}")],
                judged=colours.bad_from(limit(rules, *LATE)),
            ).links(links.of_alert(rules, "VigilLateShareHigh"))
        )
    )
