"""How it was decided: evidence against its threshold, what was seen beside what was expected, and in which state."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from alerts.dashboards import colours, events, links, panels, variables
from alerts.dashboards.frame import frame, with_runbooks
from alerts.dashboards.known import EVERY, chosen_coverage
from alerts.dashboards.limits import Rules
from alerts.dashboards.sources import instant_query, range_query, sql_series, sql_table
from alerts.dashboards.variables import FEATURE_AND_KPI, ONE_FEATURE

_HERE = f"{FEATURE_AND_KPI} AND $__timeFilter(s.window_start)"
_STATE_NUMBERS = ", ".join(str(number) for number, _ in colours.STATES.values())
_STATE_NAMES = ", ".join(f"'{name}'" for name in colours.STATES)

_SEEN = f"""
SELECT
    s.window_start AS time,
    if(s.state = 'UNKNOWN' OR s.evaluated = 0, NULL, s.bad / s.evaluated) AS seen,
    s.expected_rate AS expected, s.interval_low AS low, s.interval_high AS high
FROM scores AS s FINAL
WHERE {_HERE}
ORDER BY time"""  # noqa: S608  # our own words

_STATES = f"""
SELECT
    s.window_start AS time, toString(s.detector) AS detector,
    transform(toString(s.state), [{_STATE_NAMES}], [{_STATE_NUMBERS}], 0) AS state
FROM scores AS s FINAL
WHERE {_HERE}
ORDER BY time"""  # noqa: S608  # our own words

_EVIDENCE = f"""
SELECT s.window_start AS time, s.log_e AS log_e, s.threshold AS threshold
FROM scores AS s FINAL
WHERE {_HERE}
ORDER BY time"""  # noqa: S608  # our own words

_COUNTS = f"""
SELECT s.window_start AS time, s.evaluated AS evaluated, s.bad AS bad
FROM scores AS s FINAL
WHERE {_HERE}
ORDER BY time"""  # noqa: S608  # our own words

_WHO = f"""
SELECT
    toString(s.detector) AS detector, toString(s.policy_version) AS policy_version,
    count() AS windows, countIf(s.state = 'ALARM') AS alarms, countIf(s.state = 'UNKNOWN') AS unknown,
    countIf(s.state = 'WARMING') AS warming, max(s.log_e) AS highest_log_e,
    min(s.window_start) AS first, max(s.window_start) AS last
FROM scores AS s FINAL
WHERE {_HERE}
GROUP BY detector, policy_version
ORDER BY last DESC"""  # noqa: S608  # our own words

_FLEET = """
SELECT
    toString(s.kpi) AS kpi, uniqExact(s.feature) AS features, count() AS windows,
    countIf(s.state = 'ALARM') AS alarms, round(countIf(s.state = 'UNKNOWN') / count(), 4) AS share_unknown,
    max(s.log_e) AS highest_log_e
FROM scores AS s FINAL
WHERE $__timeFilter(s.window_start)
GROUP BY kpi
ORDER BY alarms DESC, kpi"""

_DELAYS = """
SELECT
    toString(feature) AS feature, toString(kpi) AS kpi, onset, detected_at,
    dateDiff('second', onset, detected_at) AS seconds_to_detect,
    if(resolved_at IS NULL, NULL, dateDiff('minute', onset, resolved_at)) AS minutes_to_resolve,
    toString(state) AS state, toString(detector) AS detector, toString(policy_version) AS policy_version, incident_id
FROM incident_list
WHERE onset <= $__toTime AND ifNull(resolved_at, now()) >= $__fromTime
ORDER BY onset DESC
LIMIT 100"""


def build(rules: Rules) -> Dashboard:
    """The dashboard; it draws the detector's own thresholds, so of the rules only floors and runbooks."""
    board = frame(
        links.DETECTION,
        "Vigil: detection",
        "Is it real? What the detector saw, expected and concluded, for one KPI of one feature.",
        [variables.feature(), variables.kpi()],
        [
            events.changes("(feature = ${feature:singlequote} OR feature = '')"),
            events.incidents(FEATURE_AND_KPI),
        ],
    )
    return _detector(_evidence(_numbers(with_runbooks(board, rules)), rules))


def _numbers(board: Dashboard) -> Dashboard:
    chosen = f'{ONE_FEATURE}, kpi="$kpi"'
    score = f"max(vigil_anomaly_log_e{{{chosen}}})"
    threshold = f"max(vigil_anomaly_threshold{{{chosen}}})"
    return (
        board.with_panel(
            panels.number(
                "Incident",
                "1 while one is open on this KPI. UNKNOWN: the scorer never had an opinion on it.",
                instant_query(f"max(vigil_incident_open{{{chosen}}})"),
                judged=colours.bad_from(1),
                width=6,
            )
        )
        .with_panel(
            panels.number(
                "Evidence of threshold",
                "1 alarms.",
                instant_query(f"{score} / {threshold}"),
                unit="percentunit",
                judged=colours.bad_from(1),
                width=6,
            )
        )
        .with_panel(panels.number("log e", "Natural logarithm of the statistic.", instant_query(score), width=6))
        .with_panel(panels.number("Threshold", "It alarms from here on.", instant_query(threshold), width=6))
    )


def _evidence(board: Dashboard, rules: Rules) -> Dashboard:
    covered = range_query(chosen_coverage(rules.floors, ONE_FEATURE), "{{kpi}}")
    strip = panels.coverage_strip("Coverage of $kpi", rules.floors, EVERY, covered, height=3)
    seen = panels.series(
        "$kpi: seen and expected",
        "Per ten-second window. Seen is a gap where it is UNKNOWN; low and high bound the rate.",
        [sql_series(_SEEN)],
        width=24,
    ).links([links.ask("Ask in SQL", _SEEN.strip())])
    evidence = panels.series(
        "Evidence and threshold",
        "Above the threshold the series alarms. What happens once by chance in the budget of windows just reaches it.",
        [sql_series(_EVIDENCE)],
        unit="short",
        width=12,
    )
    counts = panels.series(
        "Evaluated and bad, a window",
        "Few evaluated: a rate of few says little.",
        [sql_series(_COUNTS)],
        unit="short",
        width=12,
    )
    return (
        board.with_row(Row("Evidence"))
        .with_panel(strip)
        .with_panel(panels.states("State by detector", "As stored, window by window.", sql_series(_STATES), height=4))
        .with_panel(panels.line(seen, "expected", "text"))
        .with_panel(panels.line(evidence, "threshold", "red"))
        .with_panel(counts)
    )


def _detector(board: Dashboard) -> Dashboard:
    return (
        board.with_row(Row("The detector itself"))
        .with_panel(panels.rows("Who decided here", "Versions in the time range.", sql_table(_WHO), height=5))
        .with_panel(
            panels.rows(
                "Every KPI of the fleet",
                "Where alarms and unknown windows are.",
                sql_table(_FLEET),
                width=10,
                columns={"share_unknown": [panels.unit("percentunit")]},
            )
        )
        .with_panel(
            panels.rows(
                "How long it took",
                "Incidents in the time range: from the onset to the detection, and to the recovery.",
                sql_table(_DELAYS),
                width=14,
                columns={
                    "incident_id": [links.cell(links.to(links.INCIDENT, "Open", incident="${__value.raw}"))],
                    "state": [panels.coloured()],
                },
            )
        )
    )
