"""What happened, drawn into every series: changes as lines, incidents as spans."""

from grafana_foundation_sdk.builders.dashboard import AnnotationQuery

from alerts.dashboards.sources import CLICKHOUSE, sql_table

_CHANGES = """
SELECT
    ts AS time,
    concat(toString(what), ' ', subject, ' ', from_version, ' to ', to_version,
           if(rollout IS NULL, '', concat(', ', toString(round(100 * rollout)), ' % of traffic'))) AS text,
    concat(if(feature = '', 'all features', toString(feature)),
           if(region = '', '', concat(',', toString(region)))) AS tags
FROM changes FINAL
WHERE {which} AND $__timeFilter(ts)
ORDER BY time
LIMIT 500"""

_INCIDENTS = """
SELECT
    onset AS time,
    ifNull(resolved_at, now()) AS timeEnd,
    concat('incident: ', toString(feature), ' ', toString(kpi), ' ', toString(direction), ', ',
           toString(state)) AS text,
    toString(severity) AS tags
FROM incident_list
WHERE {which} AND onset <= $__toTime AND timeEnd >= $__fromTime
ORDER BY time
LIMIT 500"""


def changes(which: str = "1") -> AnnotationQuery:
    """Announced changes; `which` is a condition on the table `changes`."""
    return _drawn("Changes", "light-blue", _CHANGES.format(which=which))


def incidents(which: str = "1") -> AnnotationQuery:
    """Incidents from onset to recovery; `which` is a condition on `incident_list`."""
    return _drawn("Incidents", "red", _INCIDENTS.format(which=which))


def _drawn(name: str, colour: str, text: str) -> AnnotationQuery:
    return AnnotationQuery().name(name).datasource(CLICKHOUSE).enable(True).icon_color(colour).target(sql_table(text))
