"""One feature: each KPI with its coverage on top, what changed, which versions carry the traffic."""

from grafana_foundation_sdk.builders import stat, table
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from alerts.dashboards import colours, events, groups, links, numbers, panels, variables
from alerts.dashboards.frame import frame, with_panels
from alerts.dashboards.known import coverage_by_kpi
from alerts.dashboards.limits import INCOMPLETE, OWNERS, SILENT, Rules, limit
from alerts.dashboards.sources import instant_query, range_query, sql_series, sql_table, table_query
from alerts.dashboards.telemetry import completeness, with_telemetry
from alerts.dashboards.variables import ONE_FEATURE
from schemas.outcomes import Bit

_FEATURE = "feature = ${feature:singlequote}"

_NOW = f"""
SELECT
    toString(s.kpi) AS kpi, toString(s.state) AS state,
    if(s.state = 'UNKNOWN' OR s.evaluated = 0, NULL, s.bad / s.evaluated) AS rate,
    s.expected_rate AS expected_rate, s.coverage AS coverage, s.bad AS bad, s.evaluated AS evaluated,
    s.log_e AS log_e, s.threshold AS threshold, s.window_start AS window
FROM scores AS s FINAL
WHERE {_FEATURE} AND $__timeFilter(s.window_start)
ORDER BY s.window_start DESC
LIMIT 1 BY s.kpi"""  # noqa: S608  # our own words

_INCIDENTS = f"""
SELECT
    toString(kpi) AS kpi, toString(direction) AS direction, toString(state) AS state, onset, detected_at, resolved_at,
    observed_rate, expected_rate, bad, evaluated, incident_id
FROM incident_list
WHERE {_FEATURE} AND onset <= $__toTime AND ifNull(resolved_at, now()) >= $__fromTime
ORDER BY onset DESC
LIMIT 100"""  # noqa: S608  # our own words

_CHANGES = """
SELECT
    ts AS time, toString(what) AS what, subject, from_version, to_version, rollout, toString(region) AS region,
    if(feature = '', 'all features', 'this feature') AS scope
FROM changes FINAL
WHERE (feature = ${feature:singlequote} OR feature = '') AND $__timeFilter(ts)
ORDER BY time DESC
LIMIT 100"""

_REAL = f"bitAnd(w.mask, {Bit.INTERACTION | Bit.SYNTHETIC}) = {Bit.INTERACTION}"
"""A cell of interactions that no probe sent."""

_VERSIONS = f"""
SELECT
    $__timeInterval(w.window_start) AS time,
    concat(if(w.model = '', 'model not said', toString(w.model)), ' / ',
           if(w.release = '', 'release not said', toString(w.release)), ' / ',
           if(w.arm = '', 'no arm', toString(w.arm))) AS version,
    sum(w.n) / uniqExact(w.window_start) AS interactions
FROM windows AS w
WHERE w.row_kind = 'cell' AND {_REAL}
    AND {_FEATURE} AND $__timeFilter(w.window_start)
GROUP BY time, version
ORDER BY time"""  # noqa: S608  # our own words

_CATEGORIES = f"""
SELECT
    replaceOne(toString(w.kpi), 'policy_violation_rate.', '') AS category,
    sum(w.bad) AS violations, sum(w.evaluated) AS of_evaluated,
    10000 * sumIf(w.bad, w.rate IS NOT NULL) / nullIf(sumIf(w.evaluated, w.rate IS NOT NULL), 0) AS per_10_000,
    minIf(w.window_start, w.bad > 0) AS first, maxIf(w.window_start, w.bad > 0) AS last
FROM kpi_windows AS w
WHERE {_FEATURE} AND w.kpi LIKE 'policy_violation_rate.%' AND $__timeFilter(w.window_start)
GROUP BY category
HAVING violations > 0
ORDER BY violations DESC"""  # noqa: S608  # our own words


def build(rules: Rules) -> Dashboard:
    """The dashboard, with the lines of these rules."""
    board = frame(
        links.FEATURE,
        "Vigil: one feature",
        "Is it real, since when, what changed, is it over: for the chosen feature.",
        [variables.feature()],
        [events.changes(f"({_FEATURE} OR feature = '')"), events.incidents(_FEATURE)],
    )
    board = _numbers(board, rules)
    board = board.with_panel(_now()).with_panel(_incidents())
    board = with_telemetry(board, rules, ONE_FEATURE)
    for title, kpis in groups.GROUPS:
        board = _kpis(board, rules, title, kpis)
    return _what_changed(board)


def _numbers(board: Dashboard, rules: Rules) -> Dashboard:
    return with_panels(
        board,
        numbers.open_incidents(ONE_FEATURE),
        numbers.alerts_firing(ONE_FEATURE),
        numbers.unknown_kpis(rules, ONE_FEATURE),
        panels.number(
            "Arrived of expected",
            "In 5 minutes; red from where the alert fires.",
            instant_query(f"{completeness(ONE_FEATURE)} >= 0"),
            unit="percentunit",
            judged=colours.bad_below(limit(rules, *INCOMPLETE)),
        ),
        _heartbeat(rules),
        panels.number(
            "Interactions a second",
            "Over 5 minutes.",
            instant_query(f"sum(rate(vigil_interactions_total{{{ONE_FEATURE}}}[5m]))"),
            unit="ops",
        ),
    )


def _heartbeat(rules: Rules) -> stat.Panel:
    """Not judged of a feature that sends none between its runs, as the policy says."""

    def age(matchers: str) -> str:
        return f"time() - max by (feature) (vigil_feature_last_heartbeat_timestamp_seconds{{{matchers}}})"

    without = rules.without_heartbeats
    panel = panels.number(
        "Last heartbeat",
        "Age of the newest one; red from where the alert fires.",
        instant_query(age(f'{ONE_FEATURE}, feature!~"{without}"' if without else ONE_FEATURE)),
        unit="s",
        judged=colours.bad_from(limit(rules, *SILENT)),
    )
    if not without:
        return panel
    return panels.not_judged(panel, instant_query(age(f'{ONE_FEATURE}, feature=~"{without}"'), ref_id="B"))


def _now() -> table.Panel:
    return panels.rows(
        "Every KPI now",
        "The newest score of each KPI in the time range. rate is UNKNOWN where too little was evaluated.",
        sql_table(_NOW),
        width=14,
        columns={
            "kpi": [
                links.cell(links.to(links.DETECTION, "How it was decided", feature="$feature", kpi="${__value.raw}"))
            ],
            "state": [panels.coloured()],
            "rate": [panels.unit("percentunit")],
            "expected_rate": [panels.unit("percentunit")],
            "coverage": [panels.unit("percentunit")],
        },
    ).links([links.ask("Ask in SQL", _NOW.strip())])


def _incidents() -> table.Panel:
    return panels.rows(
        "Incidents in the time range",
        "Resolved ones too.",
        sql_table(_INCIDENTS),
        width=10,
        columns={
            "incident_id": [links.cell(links.to(links.INCIDENT, "Open the incident", incident="${__value.raw}"))],
            "state": [panels.coloured()],
            "observed_rate": [panels.unit("percentunit")],
            "expected_rate": [panels.unit("percentunit")],
        },
    )


def _kpis(board: Dashboard, rules: Rules, title: str, kpis: tuple[str, ...]) -> Dashboard:
    go = [links.to(links.DETECTION, "How it was decided", feature="$feature", kpi="${__field.labels.kpi}")]
    covered = range_query(coverage_by_kpi(rules.floors, kpis, ONE_FEATURE), "{{kpi}}")
    strip = panels.coverage_strip(f"Coverage: {title.lower()}", rules.floors, kpis, covered)
    board = board.with_row(Row(title)).with_panel(strip.data_links(go))
    return groups.with_rates(board, rules, kpis, ONE_FEATURE, go)


def _what_changed(board: Dashboard) -> Dashboard:
    return with_panels(
        board.with_row(Row("What changed, and who carries the traffic")),
        panels.rows(
            "Announced changes",
            "Of this feature and of all features. A deploy that nobody announced shows only in the chart beside.",
            sql_table(_CHANGES),
            width=12,
        ),
        panels.series(
            "Interactions a window, by model, release and arm",
            "From the exact windows of ten seconds; a version that appears here is a change, announced or not.",
            [sql_series(_VERSIONS)],
            unit="short",
            width=12,
        ),
        panels.rows(
            "Violations by category",
            "Only categories that were found. per_10_000 leaves out windows below the coverage floor.",
            sql_table(_CATEGORIES),
            width=16,
        ),
        panels.rows(
            "Tier and owner",
            "As the policy says; they decide how a single severe event is told, and whom.",
            table_query(OWNERS.format(feature=f"{{{ONE_FEATURE}}}")),
            width=8,
        ),
    )
