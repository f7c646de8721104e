"""Fleet overview: is anything wrong, where, since when; and where nobody can know."""

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from alerts.dashboards import colours, events, groups, links, panels
from alerts.dashboards.frame import frame
from alerts.dashboards.known import COVERAGE, coverage_by_feature, withheld
from alerts.dashboards.limits import INCOMPLETE, SCORER, SILENT, Rules, limit
from alerts.dashboards.sources import instant_query, range_query, sql_table
from alerts.dashboards.telemetry import with_telemetry
from schemas.kpis import KPIS

_OPEN = """
SELECT
    toString(feature) AS feature, toString(kpi) AS kpi, toString(direction) AS direction,
    toString(severity) AS severity, toString(state) AS state,
    onset, dateDiff('minute', onset, now()) AS minutes,
    observed_rate, expected_rate, bad, evaluated, coverage, incident_id
FROM current_incidents
ORDER BY severity, onset
LIMIT 100"""

_CHANGES = """
SELECT
    ts AS time, if(feature = '', 'all features', toString(feature)) AS feature, toString(what) AS what,
    subject, from_version, to_version, rollout, toString(region) AS region
FROM changes FINAL
WHERE $__timeFilter(ts)
ORDER BY time DESC
LIMIT 100"""


def build(rules: Rules) -> Dashboard:
    """The dashboard, with the lines of these rules."""
    board = frame(
        links.FLEET,
        "Vigil: fleet",
        "Every AI feature at a glance. Start here; then one feature, then the incident.",
        [],
        [events.changes(), events.incidents()],
    )
    board = _numbers(board, rules)
    board = board.with_panel(_incidents()).with_panel(
        panels.rows(
            "What changed", "Announced changes in the time range, the newest first.", sql_table(_CHANGES), height=6
        )
    )
    board = with_telemetry(board, rules, "")
    for title, kpis in groups.GROUPS:
        board = _kpis(board, rules, title, kpis)
    return board


def _numbers(board: Dashboard, rules: Rules) -> Dashboard:
    every = [kpi.name for kpi in KPIS]
    arrived, silent = INCOMPLETE[0], SILENT[0]
    incomplete = f"{arrived} < {limit(rules, *INCOMPLETE):g}"
    quiet = f"({silent}) > {limit(rules, *SILENT):g}"
    firing = 'count(ALERTS{alertstate="firing", service="vigil", alertname!="Watchdog"})'
    rules_run = '0 * count(ALERTS{alertname="Watchdog", alertstate="firing"})'
    return (
        board.with_panel(
            panels.number(
                "Open incidents",
                "Series on which the scorer has an incident open.",
                instant_query("sum(max by (feature, kpi, direction) (vigil_incident_open))"),
                judged=colours.bad_from(1),
            )
        )
        .with_panel(
            panels.number(
                "Alerts firing",
                "UNKNOWN means that not even the Watchdog fires: the rules are not evaluated.",
                instant_query(f"{firing} or {rules_run}"),
                judged=colours.bad_from(1),
            )
        )
        .with_panel(
            panels.number(
                "KPIs UNKNOWN",
                "Series (feature, KPI) below their coverage floor. Their rates are withheld, not 0.",
                instant_query(f"count({withheld(every)}) or 0 * count({COVERAGE})"),
                judged=colours.unknown_from(1),
            )
        )
        .with_panel(
            panels.number(
                "Features losing telemetry",
                "Arrived below the alert's share of expected.",
                instant_query(f"count({incomplete}) or 0 * count({arrived})"),
                judged=colours.bad_from(1),
            )
        )
        .with_panel(
            panels.number(
                "Features silent",
                "No heartbeat for longer than the alert allows.",
                instant_query(f"count({quiet}) or 0 * count({silent})"),
                judged=colours.bad_from(1),
            )
        )
        .with_panel(
            panels.number(
                "Scored until",
                "Age of the newest window that every scorer has finished. Old: incidents are not found.",
                instant_query("time() - min(vigil_scored_until_timestamp_seconds > 0)"),
                unit="s",
                judged=colours.bad_from(limit(rules, *SCORER)),
            )
        )
    )


def _incidents() -> table.Panel:
    open_one = links.to(links.INCIDENT, "Open the incident", incident="${__data.fields.incident_id}")
    return panels.rows(
        "Open incidents: what, since when, how large",
        "From the store. observed_rate and expected_rate are those at detection.",
        sql_table(_OPEN),
        columns={
            "feature": [links.cell(links.to(links.FEATURE, "This feature", feature=links.ROW_FEATURE))],
            "incident_id": [links.cell(open_one)],
            "state": [panels.coloured()],
            "observed_rate": [panels.unit("percentunit")],
            "expected_rate": [panels.unit("percentunit")],
            "coverage": [panels.unit("percentunit")],
        },
    ).links([links.ask("Ask in SQL", _OPEN.strip())])


def _kpis(board: Dashboard, rules: Rules, title: str, kpis: tuple[str, ...]) -> Dashboard:
    here = [links.to(links.FEATURE, "This feature", feature=links.SERIES_FEATURE)]
    board = board.with_row(Row(title)).with_panel(
        panels.coverage_strip(
            f"Coverage: {title.lower()}, the least covered of the three",
            kpis,
            range_query(f"bottomk(20, {coverage_by_feature(kpis, '')})", "{{feature}}"),
        ).data_links(here)
    )
    for kpi in kpis:
        queries = groups.rate_queries(rules, kpi, "", "{{feature}}", top=10)
        panel = panels.series(groups.title(kpi), groups.meaning(kpi), queries)
        panel = groups.with_target(panel).links(links.runbook(rules, kpi)).data_links(here)
        board = board.with_panel(panel)
    return board
