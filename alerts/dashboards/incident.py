"""One incident: the questions in the order in which they are asked, answered by the stored queries."""

import re

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.builders.dashboard import Dashboard, DashboardLink, Row
from grafana_foundation_sdk.models.dashboard import DashboardLinkType

from alerts.dashboards import events, links, panels, variables
from alerts.dashboards.frame import frame, with_runbooks
from alerts.dashboards.known import EVERY, chosen_coverage, chosen_rate
from alerts.dashboards.limits import Rules
from alerts.dashboards.sources import range_query, sql_series, sql_table
from alerts.dashboards.variables import FEATURE_AND_KPI, ONE_FEATURE
from alerts.queries import load

_ONSET = "toDateTime(${onset}, 'UTC')"
_END = "toDateTime(${end}, 'UTC')"
_QUIET = "toDateTime(${onset} - 3600, 'UTC')"

_ANSWERS: dict[str, dict[str, str]] = {
    "when_did_it_start": {"feature": "${feature:singlequote}", "kpi": "${kpi:singlequote}", "from": _QUIET, "to": _END},
    "what_changed": {"feature": "${feature:singlequote}", "at": _ONSET, "lookback_minutes": "120"},
    "which_slices": {
        "feature": "${feature:singlequote}", "kpi": "${kpi:singlequote}", "from": _ONSET, "to": _END,
        "baseline_minutes": "60",
    },
    "who_was_exposed": {"feature": "${feature:singlequote}", "kpi": "${kpi:singlequote}", "from": _ONSET, "to": _END},
    "was_telemetry_complete": {"feature": "${feature:singlequote}", "from": _QUIET, "to": _END},
}  # fmt: skip
"""What the parameters of each stored query are here."""

_HEAD = """
SELECT
    toString(feature) AS feature, toString(kpi) AS kpi, toString(direction) AS direction,
    toString(severity) AS severity, toString(state) AS state, onset, detected_at, resolved_at,
    observed_rate, expected_rate, interval_low, interval_high, bad, evaluated, coverage,
    log_e, toString(detector) AS detector, toString(policy_version) AS policy_version
FROM incident_list
WHERE incident_id = ${incident:singlequote}"""

_OVER = f"""
SELECT
    $__timeInterval(w.window_start) AS time,
    sumIf(w.bad, w.rate IS NOT NULL) / nullIf(sumIf(w.evaluated, w.rate IS NOT NULL), 0) AS rate
FROM kpi_windows AS w
WHERE {FEATURE_AND_KPI} AND $__timeFilter(w.window_start)
GROUP BY time
ORDER BY time"""  # noqa: S608  # our own words

_SEVERAL = """
SELECT
    toString(kpi) AS kpi, toString(direction) AS direction, toString(state) AS state, onset, detected_at, resolved_at,
    observed_rate, expected_rate, bad, evaluated, incident_id
FROM incident_list
WHERE feature = ${feature:singlequote} AND onset <= toDateTime(${end}, 'UTC')
    AND ifNull(resolved_at, now()) >= toDateTime(${onset}, 'UTC')
ORDER BY onset
LIMIT 50"""


def answer(name: str) -> str:
    """A stored query with the chosen incident in the place of its parameters. KeyError when one is missing."""
    query = load(name)
    lines = (line for line in query.text.splitlines() if not line.startswith("-- "))
    return re.sub(r"\{(\w+):[^}]+\}", lambda found: _ANSWERS[name][found[1]], "\n".join(lines))


def build(rules: Rules) -> Dashboard:
    """The dashboard; the runbooks of all alerts on a KPI are in its head."""
    zoom = "/d/vigil-incident?var-incident=${incident}&from=${begin_ms}&to=${until_ms}"
    board = frame(
        links.INCIDENT,
        "Vigil: incident",
        "Is it real, what exactly is affected, since when, what changed, who was exposed, is it over.",
        [
            variables.incident(),
            variables.of_incident("feature", "max(toString(feature))"),
            variables.of_incident("kpi", "max(toString(kpi))"),
            variables.of_incident("onset", "toUnixTimestamp(max(onset))"),
            variables.of_incident("end", "toUnixTimestamp(max(ifNull(resolved_at, now())))"),
            variables.of_incident("begin_ms", "1000 * (toUnixTimestamp(max(onset)) - 3600)"),
            variables.of_incident("until_ms", "1000 * (toUnixTimestamp(max(ifNull(resolved_at, now()))) + 900)"),
        ],
        [
            events.changes("(feature = ${feature:singlequote} OR feature = '')"),
            events.incidents("feature = ${feature:singlequote}"),
        ],
        since="now-6h",
    ).link(DashboardLink("Zoom to the incident").type(DashboardLinkType.LINK).url(zoom).icon("clock"))
    board = with_runbooks(board, rules).with_panel(_head()).with_row(Row("Is it real, and is it over?"))
    board = board.with_panel(
        panels.coverage_strip(
            "Coverage of ${kpi}",
            rules.floors,
            EVERY,
            range_query(chosen_coverage(rules.floors, ONE_FEATURE), "{{kpi}}"),
            height=3,
        )
    )
    return _answers(_rates(board, rules))


def _head() -> table.Panel:
    return panels.rows(
        "The incident",
        "observed and expected are those at detection; the interval bounds the observed rate.",
        sql_table(_HEAD),
        height=4,
        columns={
            "feature": [links.cell(links.to(links.FEATURE, "This feature", feature=links.ROW_FEATURE))],
            "kpi": [links.cell(links.to(links.DETECTION, "How it was decided", feature="${feature}", kpi="${kpi}"))],
            "state": [panels.coloured()],
            **{name: [panels.unit("percentunit")] for name in ("observed_rate", "expected_rate", "coverage")},
            **{name: [panels.unit("percentunit")] for name in ("interval_low", "interval_high")},
        },
    ).links([links.ask("Ask in SQL", _HEAD.strip())])


def _rates(board: Dashboard, rules: Rules) -> Dashboard:
    return (
        board.with_panel(
            panels.series(
                "${kpi}, from the exact windows",
                "Bad over evaluated. UNKNOWN windows are gaps. Zoom to the incident with the link above.",
                [sql_series(_OVER)],
                width=12,
            ).links([links.ask("Ask in SQL", _OVER.strip())])
        )
        .with_panel(
            panels.series(
                "${kpi}, from the counters",
                "Over 5 minutes, without the store: it goes on while the store is away.",
                [range_query(chosen_rate(rules.floors, ONE_FEATURE), "{{kpi}}")],
                width=12,
            )
        )
        .with_panel(
            panels.rows(
                "Other incidents of the feature at the same time",
                "One cause often moves several KPIs.",
                sql_table(_SEVERAL),
                height=6,
                columns={"state": [panels.coloured()]},
            )
        )
    )


def _answers(board: Dashboard) -> Dashboard:
    board = board.with_row(Row("Since when, and what changed?"))
    board = board.with_panel(_answered("when_did_it_start", 10, "rate_before", "rate_after"))
    board = board.with_panel(_answered("what_changed", 14))
    board = board.with_row(Row("What exactly is affected, and who was exposed?"))
    board = board.with_panel(_answered("which_slices", 13, "share", "adds", "rate", "expected_rate"))
    board = board.with_panel(_answered("who_was_exposed", 11))
    board = board.with_row(Row("Can it be believed?"))
    return board.with_panel(_answered("was_telemetry_complete", 24, "completeness"))


def _answered(name: str, width: int, *percentages: str) -> table.Panel:
    query, sql = load(name), answer(name)
    columns = {column: [panels.unit("percentunit")] for column in percentages}
    panel = panels.rows(
        query.question,
        f"{query.reading}\n\nOn a terminal: vigil sql --query-name {name}",
        sql_table(sql),
        width=width,
        columns=columns | {"verdict": [panels.coloured()]},
    )
    return panel.links([links.ask("Ask in SQL", sql.strip())])
