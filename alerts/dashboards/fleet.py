"""Fleet overview: is anything wrong, where, since when; and where nobody can know."""

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from alerts.dashboards import colours, events, groups, links, numbers, panels
from alerts.dashboards.frame import frame, with_panels
from alerts.dashboards.known import coverage_by_feature
from alerts.dashboards.limits import INCOMPLETE, OWNERS, SILENT, Rules, limit
from alerts.dashboards.sources import instant_query, range_query, sql_table, table_query
from alerts.dashboards.telemetry import with_telemetry

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
    board = with_panels(
        board,
        _incidents(),
        panels.rows(
            "What changed",
            "Announced changes in the time range, the newest first.",
            sql_table(_CHANGES),
            width=16,
            height=6,
        ),
        panels.rows(
            "Who owns what",
            "Tier and owner of each feature that sent telemetry, as the policy says.",
            table_query(OWNERS.format(feature="")),
            width=8,
            height=6,
        ),
    )
    board = with_telemetry(board, rules, "")
    for title, kpis in groups.GROUPS:
        board = _kpis(board, rules, title, kpis)
    return board


def _numbers(board: Dashboard, rules: Rules) -> Dashboard:
    arrived, without = INCOMPLETE[0], rules.without_heartbeats
    silent = f'{SILENT[0]}{{feature!~"{without}"}}' if without else SILENT[0]
    incomplete = f"{arrived} < {limit(rules, *INCOMPLETE):g}"
    quiet = f"({silent}) > {limit(rules, *SILENT):g}"
    return with_panels(
        board,
        numbers.open_incidents(),
        numbers.alerts_firing(),
        numbers.unknown_kpis(rules),
        panels.number(
            "Features losing telemetry",
            "Arrived below the alert's share of expected.",
            instant_query(f"count({incomplete}) or 0 * count({arrived})"),
            judged=colours.bad_from(1),
        ),
        panels.number(
            "Features silent",
            "No heartbeat for longer than the alert allows; without those that send none between their runs.",
            instant_query(f"count({quiet}) or 0 * count({silent})"),
            judged=colours.bad_from(1),
        ),
        numbers.scored_until(rules),
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
    covered = range_query(f"bottomk(20, {coverage_by_feature(rules.floors, kpis, '')})", "{{feature}}")
    strip = panels.coverage_strip(
        f"Coverage: {title.lower()}, the least covered of the three", rules.floors, kpis, covered
    )
    board = board.with_row(Row(title)).with_panel(strip.data_links(here))
    return groups.with_rates(board, rules, kpis, "", here)
