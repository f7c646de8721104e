"""Writing and reading what the scorer found: scores and incidents. Both replace by key."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from clickhouse_connect.driver.client import Client

from monitor.windows import WINDOW_SECONDS
from schemas.finding import Incident, Score

_SCORE = tuple(Score.model_fields)
_INCIDENT = tuple(Incident.model_fields)
_TIMES = ("onset", "detected_at", "resolved_at")


def insert_scores(client: Client, scores: Sequence[Score]) -> None:
    """Write scores; the same window scored again replaces itself. Blocking."""
    if scores:
        rows = [[getattr(score, name) for name in _SCORE] for score in scores]
        client.insert("scores", rows, column_names=_SCORE)


def insert_incidents(client: Client, incidents: Sequence[Incident]) -> None:
    """Write the newest version of incidents. Blocking."""
    if incidents:
        rows = [[getattr(incident, name) for name in _INCIDENT] for incident in incidents]
        client.insert("incidents", rows, column_names=_INCIDENT)


def read_open_incidents(client: Client) -> list[Incident]:
    """Those that the scorer has not resolved, whatever people said of them. Blocking."""
    # The client hands times out without a zone, and a FixedString as bytes.
    plain = dict.fromkeys(_TIMES, "toUnixTimestamp") | {"incident_id": "toString"}
    columns = ", ".join(f"{plain[name]}({name})" if name in plain else name for name in _INCIDENT)
    found = client.query(f"SELECT {columns} FROM incidents FINAL WHERE state != 'resolved'")  # noqa: S608  # our own names
    return [_incident(dict(zip(_INCIDENT, row, strict=True))) for row in found.result_rows]


def _incident(row: dict[str, Any]) -> Incident:
    times = {name: datetime.fromtimestamp(row[name], UTC) for name in _TIMES if row[name] is not None}
    return Incident.model_validate(row | times)


def read_scored_until(client: Client) -> int:
    """End of the newest window anybody scored, in Unix seconds; 0 when there is none. Blocking."""
    found = client.query(
        "SELECT if(count() = 0, 0, toUnixTimestamp(max(window_start)) + {seconds:UInt32}) FROM scores",
        {"seconds": WINDOW_SECONDS},
    )
    return int(found.result_rows[0][0])
