"""Views of incidents: what the scorer found, and what people said of it, side by side.

The scorer's rows stay what a recomputation would write, and people's words are records of their own: they meet here.
"""

from typing import get_args

from schemas.finding import Incident
from schemas.vocabulary import IncidentStep

_STEPS = ", ".join(f"'{step}'" for step in get_args(IncidentStep))
_OURS = ("incident_id", "state", "resolved_at")
"""Columns of the scorer that the view shows otherwise."""
_SECONDS_OF_A_REPEAT = 86_400
"""An incident that begins within a day of the end of the one before, on the same series, repeats it."""


def incident_views() -> dict[str, str]:
    """Name to SELECT, in the order they need each other."""
    return {
        "incident_answers": _ANSWERS,
        "incident_list": _incident_list(),
        "current_incidents": "SELECT * FROM incident_list WHERE state != 'resolved'",
        "incident_response": _RESPONSE,
    }


# Twice stored records are equal, so nothing here needs FINAL.
_ANSWERS = f"""
SELECT DISTINCT
    r.incident_id AS incident_id,
    r.ts AS said_at,
    toString(r.verdict) AS said,
    r.source = 'incident_response' AS is_step,
    r.reviewer_ref AS said_by,
    toString(r.emitter) AS emitter,
    r.partition AS partition,
    r.offset AS offset
FROM reviews AS r
WHERE r.incident_id != '' AND (
    (r.source = 'incident_response' AND r.verdict IN ({_STEPS}))
    OR (r.source = 'incident_verdict' AND r.verdict NOT IN ({_STEPS})))"""  # noqa: S608  # our own words


def _incident_list() -> str:
    """The newest step holds, so an `acknowledged` after a `resolved` takes it back, and times count from there on."""
    found = ",\n    ".join(f"i.{name} AS {name}" for name in Incident.model_fields if name not in _OURS)
    return f"""
WITH
    answers AS (
        SELECT
            *,
            maxIf(said_at, said = 'acknowledged') OVER (PARTITION BY incident_id) AS not_mitigated_at,
            maxIf(said_at, said IN ('acknowledged', 'mitigated')) OVER (PARTITION BY incident_id) AS not_resolved_at
        FROM incident_answers
    ),
    said AS (
        SELECT
            incident_id,
            argMaxIf(said, (said_at, partition, offset), is_step) AS step,
            argMaxIf(said_by, (said_at, partition, offset), is_step) AS step_by,
            maxOrNullIf(said_at, is_step) AS step_at,
            minOrNullIf(said_at, is_step) AS first_step_at,
            minOrNullIf(said_at, said IN ('mitigated', 'resolved') AND said_at > not_mitigated_at) AS mitigated_at,
            minOrNullIf(said_at, said = 'resolved' AND said_at > not_resolved_at) AS closed_at,
            argMaxIf(said, (said_at, partition, offset), NOT is_step) AS verdict,
            argMaxIf(said_by, (said_at, partition, offset), NOT is_step) AS verdict_by,
            maxOrNullIf(said_at, NOT is_step) AS verdict_at
        FROM answers
        GROUP BY incident_id
    )
SELECT
    toString(i.incident_id) AS incident_id,
    {found},
    multiIf(i.state = 'resolved', 'resolved', ifNull(s.step, '') != '', assumeNotNull(s.step), toString(i.state))
        AS state,
    multiIf(isNull(s.closed_at), i.resolved_at, isNull(i.resolved_at), toDateTime(s.closed_at, 'UTC'),
            least(assumeNotNull(i.resolved_at), toDateTime(assumeNotNull(s.closed_at), 'UTC'))) AS resolved_at,
    i.resolved_at AS recovered_at,
    toDateTime(s.first_step_at, 'UTC') AS acknowledged_at,
    toDateTime(s.mitigated_at, 'UTC') AS mitigated_at,
    toDateTime(s.step_at, 'UTC') AS said_at,
    ifNull(s.step_by, '') AS said_by,
    ifNull(s.verdict, '') AS verdict,
    ifNull(s.verdict_by, '') AS verdict_by,
    toDateTime(s.verdict_at, 'UTC') AS verdict_at,
    i.updated_at AS updated_at
FROM (SELECT * FROM incidents FINAL) AS i
LEFT JOIN said AS s ON s.incident_id = toString(i.incident_id)"""  # noqa: S608  # our own words


# An incident that nobody mitigated ends by itself; from then on it does no harm.
_RESPONSE = f"""
SELECT
    * EXCEPT (ended),
    dateDiff('second', onset, detected_at) AS seconds_to_detect,
    dateDiff('second', detected_at, acknowledged_at) AS seconds_to_acknowledge,
    dateDiff('second', onset, multiIf(isNull(mitigated_at), resolved_at, isNull(resolved_at), mitigated_at,
                                      least(assumeNotNull(mitigated_at), assumeNotNull(resolved_at))))
        AS seconds_to_mitigate,
    detected_at < max(ended) OVER (PARTITION BY feature, kpi, direction ORDER BY detected_at, incident_id
                                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
                  + INTERVAL {_SECONDS_OF_A_REPEAT} SECOND AS is_repeat
FROM (SELECT *, ifNull(resolved_at, toDateTime(0, 'UTC')) AS ended FROM incident_list)"""  # noqa: S608  # our own words
