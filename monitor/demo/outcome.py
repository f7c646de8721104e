"""What a demo did, as numbers counted in the store: the last line of `vigil demo --json`."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from clickhouse_connect.driver.client import Client

_COUNTS = """
SELECT
    (SELECT sum(records) FROM windows WHERE row_kind = 'range' AND topic = 'ai.telemetry') AS read,
    (SELECT sum(dead_letters) FROM windows WHERE row_kind = 'range' AND topic = 'ai.telemetry') AS dead_letters,
    (SELECT sum(duplicates) FROM windows WHERE row_kind = 'range' AND topic = 'ai.telemetry') AS duplicates,
    (SELECT count() FROM telemetry FINAL) + (SELECT count() FROM heartbeats FINAL) AS stored
"""


@dataclass(frozen=True, slots=True)
class Counts:
    """Records of ai.telemetry: read from Kafka, refused, repeated, and the rows that stand in the tables."""

    read: int
    dead_letters: int
    duplicates: int
    stored: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """The keys of the JSON line. Times in seconds from the injected change; None where it did not happen."""

    sent: int
    dead_letters: int
    duplicates: int
    stored: int
    incidents: list[dict[str, str]]
    pages: int
    seconds_to_incident: float | None
    seconds_to_page: float | None

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    def adds_up(self) -> bool:
        """Whether every record sent is stored, refused or a repeat."""
        return self.stored == self.sent - self.dead_letters - self.duplicates


def read_counts(client: Client) -> Counts:
    """What the store says. Blocking."""
    return Counts(*(int(value) for value in client.query(_COUNTS).result_rows[0]))


def read_incidents(client: Client, since: datetime) -> list[dict[str, str]]:
    """Incidents detected after `since`, oldest first: feature, kpi, onset, detected_at. Blocking.

    What is told for information only, such as more traffic or another mix of prompts, is left out.
    """
    found = client.query(
        "SELECT toString(feature) AS feature, toString(kpi) AS kpi, onset, detected_at FROM incidents FINAL "
        "WHERE detected_at >= {since:DateTime('UTC')} AND severity != 'info' ORDER BY detected_at, feature, kpi",
        {"since": since},
    )
    return [_in_words(row) for row in found.named_results()]


def _in_words(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: f"{value:%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else str(value)
        for name, value in row.items()
    }
