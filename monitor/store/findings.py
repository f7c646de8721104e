"""Writing and reading what the scorer found: scores and incidents. Both replace by key."""

from collections.abc import Sequence
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from monitor.windows import WINDOW_SECONDS
from schemas.finding import Incident, Score

_SCORE = tuple(Score.model_fields)
_INCIDENT = tuple(Incident.model_fields)


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


@dataclass(frozen=True, slots=True)
class StoredIncident:
    """What the store says of an incident; `onset` in Unix seconds."""

    feature: str
    state: str
    onset: int


def read_incidents(client: Client) -> dict[str, StoredIncident]:
    """Every incident by id. Blocking."""
    found = client.query(
        "SELECT toString(incident_id), toString(feature), toString(state), toUnixTimestamp(onset) FROM incidents FINAL"
    )
    return {row[0]: StoredIncident(row[1], row[2], int(row[3])) for row in found.result_rows}


def read_scored_until(client: Client) -> int:
    """End of the newest window anybody scored, in Unix seconds; 0 when there is none. Blocking."""
    found = client.query(
        "SELECT if(count() = 0, 0, toUnixTimestamp(max(window_start)) + {seconds:UInt32}) FROM scores",
        {"seconds": WINDOW_SECONDS},
    )
    return int(found.result_rows[0][0])
